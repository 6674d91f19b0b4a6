"""Settings of counting that are always in sight: typical size, touching objects, holes, border class by name."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QPushButton, QSizePolicy, QSlider, QSpinBox, QWidget
from superqt.utils import signals_blocked

from napari_unet.config import DEFAULT_SETTINGS, Settings, changed
from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded, ClassesChanged, ImageShown, ProjectOpened, SettingsChanged
from napari_unet.errors import UserError
from napari_unet.gui.plain_text import PlainLabel
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.section import GAP, row
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.objects.class_counts import ClassCount
from napari_unet.project.classes import BACKGROUND

_SOON_MS = 150  # after the last move of a knob
_HOLES = {"none": 0, "small": DEFAULT_SETTINGS.object_holes, "all": 1_000_000}  # px of the largest that is filled
_NO_BORDER = "none"
_LARGEST = 10_000  # px


class CountingKnobs(QWidget):  # type: ignore[misc]
    """Shows how the project counts objects, and changes it; what comes of it is seen at once.

    Parameters
    ----------
    controller : has the settings
    shown : lets the user draw a line across an object

    Attributes
    ----------
    size, measure_button : the typical size
    split, holes, border : how objects are made from the mask
    outlines : shows them on the image
    """

    def __init__(self, controller: Controller, shown: ShownImage) -> None:
        super().__init__()
        self._controller = controller
        self._attempt = Attempt(controller)
        self._make_size(shown)
        self._make_choices()
        self._lay_out()
        self._soon = QTimer(self, singleShot=True, interval=_SOON_MS)
        self._soon.timeout.connect(lambda: self._attempt(self._apply))
        self._wanted: dict[str, Any] = {}
        self.show_settings(DEFAULT_SETTINGS)
        shown.measured.connect(self._measured)
        controller.subscribe(ProjectOpened, lambda opened: self._forget(opened.project.settings.read()))
        controller.subscribe(SettingsChanged, lambda news: self.show_settings(news.settings))
        controller.subscribe(ClassesChanged, lambda _: self._show_classes())
        controller.subscribe(ImageShown, lambda _: self._show_length())
        controller.subscribe(ActionEnded, lambda _: self.setEnabled(self._may_change()))

    def show_settings(self, settings: Settings) -> None:
        """Show these settings, but for what the user is changing now."""
        shown = changed(settings, self._wanted)
        with signals_blocked(self.size), signals_blocked(self.split), signals_blocked(self.holes):
            self.size.setValue(shown.object_size)
            self.split.setValue(round(100 * shown.object_split))
            self.holes.setCurrentIndex(_holes_of(shown.object_holes))
        self._show_length()
        self._show_classes()

    def show_typical(self, counts: Sequence[ClassCount]) -> None:
        """Name the size that the prediction itself has, where none is set: that of the class with most area."""
        found = [one for one in counts if one.typical]
        if found and not self.size.value():
            typical = max(found, key=lambda one: one.share).typical
            self.size.setSpecialValueText(f"{self._length(typical, digits=2) or f'{typical:.0f} px'} found")
        elif not found:
            self.size.setSpecialValueText("found")
        self.size.lineEdit().home(False)  # where there is no room for all of it, the number is seen

    def count_all(self) -> None:
        """Let every size count."""
        self._want("object_range", 0.0)

    def _make_size(self, shown: ShownImage) -> None:
        self.size = QSpinBox()
        self.size.setRange(0, _LARGEST)
        self.size.setSuffix(" px")
        self.size.setSpecialValueText("found")
        self.size.setKeyboardTracking(False)
        self.size.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)  # the room is for the text
        self.size.setAccessibleName("typical size")
        self.size.setToolTip(
            'How wide a typical object is. What is much narrower or wider is not counted: how much, "Sizes that count" '
            "in the settings says. 0: found in the prediction"
        )
        self.size.valueChanged.connect(lambda value: self._want_size(value))
        self.size.valueChanged.connect(lambda _: self._show_length())
        self.measure_button = QPushButton("Measure")
        self.measure_button.setToolTip("Drag a line across one typical object. Escape ends it")
        self.measure_button.clicked.connect(lambda: shown.begin_line())

    def _make_choices(self) -> None:
        self.split = QSlider(Qt.Orientation.Horizontal)
        self.split.setRange(0, 100)
        self.split.setAccessibleName("separate touching")
        self.split.setToolTip("How readily touching objects are separated. Left: never. Right: at every neck")
        self.split.valueChanged.connect(lambda value: self._want("object_split", value / 100))
        self.outlines = QCheckBox("Outlines")
        self.outlines.setToolTip("Show the objects that are counted on the image")
        self.holes, self.border = QComboBox(), QComboBox()
        self.holes.addItems(_HOLES)
        self.holes.setAccessibleName("fill holes")
        self.holes.setToolTip("Which holes in objects are filled")
        self.holes.activated.connect(lambda index: self._want("object_holes", list(_HOLES.values())[index]))
        self.border.setAccessibleName("border class")
        self.border.setToolTip("The class that you paint between touching objects; it separates them")
        self.border.activated.connect(lambda _: self._want("object_border", self.border.currentData()))
        for box in (self.holes, self.border):
            box.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        # Long names of classes must not widen the dock; the word for none of them is whole in any font.
        self.border.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.border.setMinimumContentsLength(len(_NO_BORDER) - 2)  # measured in wide letters

    def _lay_out(self) -> None:
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        rows: list[tuple[str, QWidget, QWidget]] = [
            ("Typical size", self.size, self.measure_button),
            ("Separate", self.split, self.outlines),
        ]
        for number, (text, first, second) in enumerate(rows):
            layout.addWidget(PlainLabel(text), number, 0)
            layout.addWidget(first, number, 1)
            layout.addWidget(second, number, 2)
        last = row()
        for text, box in (("Holes", self.holes), ("Border", self.border)):
            last.addWidget(PlainLabel(text))
            last.addWidget(box, 1)
        layout.addLayout(last, len(rows), 0, 1, 3)
        layout.setColumnStretch(1, 1)

    def _measured(self, length: float) -> None:
        if length >= 1:
            self.size.setValue(min(round(length), _LARGEST))

    def _show_length(self) -> None:
        """Tell how much the size that is set is in the unit of the image."""
        length = self._length(float(self.size.value()))
        with signals_blocked(self.size):
            self.size.setSuffix(f" px, {length}" if length else " px")

    def _length(self, pixels: float, digits: int = 3) -> str:
        """Return so many pixels of the image on screen as "16 µm", or "" where its pixel size is not known."""
        image = self._controller.image
        if image is None or not image.pixel_size.is_known:
            return ""
        size = image.pixel_size
        length = f"{pixels * (size.y + size.x) / 2:.{digits}g}"
        return f"{float(length):g} {size.symbol}"  # 1200 rather than 1.2e+03

    def _want_size(self, value: int) -> None:
        self._want("object_size", value)
        project = self._controller.project
        if value and project is not None and not project.settings.read().object_range:
            self._want("object_range", DEFAULT_SETTINGS.object_range)  # a size that is set is meant to count

    def _want(self, name: str, value: Any) -> None:
        self._wanted[name] = value
        self._soon.start()

    def _apply(self) -> None:
        wanted, self._wanted = self._wanted, {}
        before = self._controller.present_project().settings.read()
        try:
            self._controller.change_settings(changed(before, wanted))
        except UserError:
            self.show_settings(before)  # the project does not take the others
            raise

    def _may_change(self) -> bool:
        project = self._controller.project
        return self._controller.image is not None and project is not None and not project.read_only

    def _forget(self, settings: Settings) -> None:
        self._soon.stop()
        self._wanted = {}
        self.size.setSpecialValueText("found")
        self.show_settings(settings)

    def _show_classes(self) -> None:
        project = self._controller.project
        classes = () if project is None else project.classes.all()
        settings = DEFAULT_SETTINGS if project is None else project.settings.read()
        border = self._wanted.get("object_border", settings.object_border)
        with signals_blocked(self.border):
            self.border.clear()
            self.border.addItem(_NO_BORDER, 0)
            for label in classes:
                if label.id != BACKGROUND:
                    self.border.addItem(label.name, label.id)
            self.border.setCurrentIndex(max(0, self.border.findData(border)))


def _holes_of(largest: int) -> int:
    """Return the place of the choice that fills holes of at most so many pixels."""
    sizes = list(_HOLES.values())
    return 0 if not largest else 1 if largest < sizes[2] else 2
