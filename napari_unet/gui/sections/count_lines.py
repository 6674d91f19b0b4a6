"""Objects and share of the area of every class of the plane on screen, and a remark on what is left out."""

from collections.abc import Iterable, Mapping, Sequence

from qtpy.QtCore import QEvent, Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_unet.config import DEFAULT_SETTINGS
from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ClassesChanged, ImageChanging, ImageShown, PlaneChanged, ProjectOpened
from napari_unet.evaluation.estimated_dice import EstimatedDice, area_bounds
from napari_unet.gui.plain_text import untagged
from napari_unet.gui.sections.section import column, row, scaled
from napari_unet.gui.sections.steady_text import PADDING, SteadyText
from napari_unet.objects.class_counts import ClassCount
from napari_unet.protocol.messages import Counted, Estimated

_NOTHING = "Not counted yet"
_LINE = 20  # px
_NAMES = (20, 15, 11, 8, 5)  # characters of the name of a class beside its count: as many as leave room for all shares
_APART = " " * 4  # between the counts of a line


class CountLines(QWidget):  # type: ignore[misc]
    """Two lines of fixed height: counts, and a remark where there is one.

    Attributes
    ----------
    counts : "12 cell, 31 %" of each class; between which shares the true one lies, in the tool tip
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
        self._below = QWidget()
        below = row(self._below)
        below.addWidget(self.remark, 1)
        below.addWidget(self.all_button)
        layout = column(self)
        layout.setSpacing(0)
        layout.addWidget(self.counts)
        layout.addWidget(self._below)
        layout.addStretch()
        self._fit()
        self._shown: list[ClassCount] = []
        self._whole: list[str] = []  # the counts with every name in full, for the tool tip
        self._estimates: Mapping[int, EstimatedDice] = {}  # by class id
        controller.subscribe(Counted, lambda counted: self.show_counts(counted.classes, counted.reason))
        controller.subscribe(Estimated, lambda estimated: self._show_bounds(estimated.classes))
        controller.subscribe(ClassesChanged, lambda _: self._name_again())
        for other in (ProjectOpened, ImageChanging, ImageShown, PlaneChanged):
            controller.subscribe(other, lambda _: self.clear())
        self.clear()

    def changeEvent(self, event: QEvent) -> None:
        """Follow napari's font size."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._fit()

    def clear(self) -> None:
        """Show that nothing is counted yet."""
        self._write([_NOTHING], "")
        self._whole = [self.counts.text()]
        self._shown = []
        self._show_bounds(())
        self.counted.emit(())

    def show_counts(self, classes: Sequence[ClassCount], reason: str = "") -> None:
        """Show the counts of a plane, or the reason why there are none."""
        project = self._controller.project
        names = {} if project is None else project.classes.names()
        settings = DEFAULT_SETTINGS if project is None else project.settings.read()
        shown = [one for one in classes if one.class_id in names]
        told = [(one, names[one.class_id], one.class_id == settings.object_border) for one in shown]
        remark = remark_on(shown)
        for most in _lengths([name for _, name, _ in told]):
            texts = [count_text(one, _short(name, most), is_border=border) for one, name, border in told]
            self._write(texts or [reason or _NOTHING], remark)
            if self._fits():
                break
        self._whole = [count_text(one, name, is_border=border) for one, name, border in told] or [self.counts.text()]
        self._shown = shown
        self._show_bounds(self._estimates.values())
        if self.remark.text():
            self.remark.setToolTip(
                f"Too small: {sum(one.too_small for one in shown)}, too large: {sum(one.too_large for one in shown)}. "
                f"What is over {settings.object_range:g} times narrower or wider than the typical size is not counted"
            )
        self.counted.emit(tuple(shown))

    def _name_again(self) -> None:
        """Show the counts of the classes as they are named now, without those that were removed."""
        if self._shown:
            self.show_counts(self._shown)

    def _show_bounds(self, estimates: Iterable[EstimatedDice]) -> None:
        """Tell between which shares the true ones lie, by the estimated Dice of the plane."""
        self._estimates = {each.class_id: each for each in estimates}
        project = self._controller.project
        names = {} if project is None else project.classes.names()
        known = [(one, self._estimates[one.class_id]) for one in self._shown if one.class_id in self._estimates]
        lines = [bounds_text(one, each, names.get(one.class_id, "")) for one, each in known]
        self.counts.setToolTip(untagged("\n".join([*self._whole, *filter(None, lines)])))

    def _write(self, texts: Sequence[str], remark: str) -> None:
        """Show the counts, in two lines where no remark needs the second."""
        self.counts.keep_lines(1 if remark else 2)
        self.counts.setText(("\n" if len(texts) == 2 and not remark else _APART).join(texts))
        self.remark.setText(remark)
        self._below.setVisible(bool(remark))

    def _fit(self) -> None:
        self.all_button.setFixedHeight(scaled(_LINE))
        self.setFixedHeight(2 * scaled(_LINE))

    def _fits(self) -> bool:
        """Tell whether nothing of the counts is cut off; of three or more in two lines that is not known."""
        lines = self.counts.text().split("\n")
        widest = max(self.counts.fontMetrics().horizontalAdvance(line) for line in lines)
        return widest <= (self.counts.width() - PADDING) * (2 if len(lines) == 1 and not self.remark.text() else 1)


def count_text(count: ClassCount, name: str, *, is_border: bool = False) -> str:
    """Return number and share of a class, as "12 cell, 31 %"; of a border class the share alone."""
    share = _percent(count.share)
    return f"{name} {share}" if is_border else f"{count.objects} {name}, {share}"


def bounds_text(count: ClassCount, estimate: EstimatedDice, name: str) -> str:
    """Return between which shares of the plane the true one of a class lies; "" where nothing is known of that."""
    bounds = area_bounds(count.share, estimate)
    if bounds is None:
        return ""
    low, high = (_percent(min(1.0, bound)) for bound in bounds)
    return f"{name}: {low} to {high} of the plane, by the interval of its estimated Dice"


def _lengths(names: Sequence[str]) -> list[int]:
    """Return the lengths of `_NAMES` at which different names stay different; the longest one where there is none."""
    return [most for most in _NAMES if len({_short(name, most) for name in names}) == len(set(names))] or [_NAMES[0]]


def _short(name: str, most: int) -> str:
    """Return a name of at most so many characters."""
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def remark_on(counts: Sequence[ClassCount]) -> str:
    """Return what is left out of the counts for its size; a question where that is more than what is counted."""
    small, large = (sum(getattr(one, kind) for one in counts) for kind in ("too_small", "too_large"))
    counted = sum(one.objects for one in counts)
    if not small and not large:
        return ""
    return f"{small + large} left out" + (": right size?" if small + large > counted else "")
