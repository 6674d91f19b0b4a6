"""Objects and share of the area of every class of the plane on screen, and a remark on what is left out."""

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ImageChanging, ImageShown, PlaneChanged, ProjectOpened
from napari_unet.gui.sections.section import column, row
from napari_unet.gui.sections.steady_text import SteadyText
from napari_unet.objects.class_counts import ClassCount
from napari_unet.protocol.messages import Counted

_NOTHING = "Not counted yet"
_LINE = 20  # px


class CountLines(QWidget):  # type: ignore[misc]
    """Two lines of fixed height: counts, and a remark where there is one.

    Attributes
    ----------
    counts : "cell 12 · 31 %" of each class
    remark : what is left out of the counts, "" where nothing worth a word is
    all_button : counts every size; there only while a remark is

    Signals
    -------
    counted : the counts of the plane on screen, one for each class but the background
    all_wanted : every size is to count
    """

    counted = Signal(object)
    all_wanted = Signal()

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self.counts, self.remark = SteadyText(), SteadyText()
        self.all_button = QPushButton("Count all")
        self.all_button.setToolTip("Count objects of every size")
        self.all_button.clicked.connect(self.all_wanted)
        self.all_button.setStyleSheet("padding: 0px 4px")
        self.all_button.setFixedHeight(_LINE)
        self._below = QWidget()
        below = row(self._below)
        below.addWidget(self.remark, 1)
        below.addWidget(self.all_button)
        layout = column(self)
        layout.setSpacing(0)
        layout.addWidget(self.counts)
        layout.addWidget(self._below)
        layout.addStretch()
        self.setFixedHeight(2 * _LINE)
        controller.subscribe(Counted, lambda counted: self.show_counts(counted.classes))
        for other in (ProjectOpened, ImageChanging, ImageShown, PlaneChanged):
            controller.subscribe(other, lambda _: self.clear())
        self.clear()

    def clear(self) -> None:
        """Show that nothing is counted yet."""
        self._write((), "")
        self.counted.emit(())

    def show_counts(self, classes: Sequence[ClassCount]) -> None:
        """Show the counts of a plane."""
        project = self._controller.project
        names = {} if project is None else project.classes.names()
        border = 0 if project is None else project.settings.read().object_border
        shown = [one for one in classes if one.class_id in names]
        texts = [count_text(one, names[one.class_id], is_border=one.class_id == border) for one in shown]
        self._write(texts, remark_on(shown))
        if self.remark.text():
            self.remark.setToolTip(
                f"Too small: {sum(one.too_small for one in shown)}, too large: {sum(one.too_large for one in shown)}. "
                "What is less than a third or more than three times as wide as the typical size is not counted"
            )
        self.counted.emit(tuple(shown))

    def _write(self, texts: Sequence[str], remark: str) -> None:
        """Show the counts, in two lines where no remark needs the second."""
        self.counts.keep_lines(1 if remark else 2)
        self.counts.setText(("\n" if len(texts) == 2 and not remark else "     ").join(texts) or _NOTHING)
        self.remark.setText(remark)
        self._below.setVisible(bool(remark))


def count_text(count: ClassCount, name: str, *, is_border: bool = False) -> str:
    """Return number and share of a class, as "12 cell, 31 %"; of a border class the share alone."""
    share = f"{100 * count.share:.0f} %" if count.share >= 0.1 else f"{100 * count.share:.1f} %"
    return f"{name} {share}" if is_border else f"{count.objects} {name}, {share}"


def remark_on(counts: Sequence[ClassCount]) -> str:
    """Return what is left out of the counts for its size; a question where that is more than what is counted."""
    small, large = (sum(getattr(one, kind) for one in counts) for kind in ("too_small", "too_large"))
    counted = sum(one.objects for one in counts)
    if not small and not large:
        return ""
    return f"{small + large} left out" + (": right size?" if small + large > counted else "")
