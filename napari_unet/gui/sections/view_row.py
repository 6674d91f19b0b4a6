"""The look of the prediction, and what else is shown."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QPushButton, QSizePolicy, QSlider, QWidget
from superqt.utils import signals_blocked

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded, ClassesChanged, ImageShown
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.layers.map_layer import NOTHING, PROBABILITY, UNCERTAINTY, WEIGHT_MAP
from napari_unet.gui.layers.object_layer import OBJECTS
from napari_unet.gui.plain_text import PlainLabel
from napari_unet.gui.sections.section import row
from napari_unet.project.classes import ClassLabel

FILLED, CONTOUR, HIDDEN = "filled", "contour", "hidden"
_CONTOUR_PX = 2
_FIRST_PERCENT = 45
_SLIDER_PX = 28  # knob and something to move it along, in a window with a large font as well
_HELP = {
    NOTHING: "Only strokes and prediction lie over the image",
    PROBABILITY: "What the network gives to one class, 0 to 1",
    UNCERTAINTY: "1 minus the distance between the two most probable classes: 1 where the network cannot decide",
    WEIGHT_MAP: "How much each painted pixel counts in training: 0 where it is kept for checking",
    OBJECTS: "The separate objects of this plane, numbered and measured; touching ones are told apart as the advanced "
    "settings say",
}
_TABLE_HELP = (
    "Show and measure the objects. A row that is selected is shown in the middle; clicking an object selects its row. "
    "To paint again, click a class"
)
_NO_TABLE = "Nothing is counted yet: paint strokes of two classes, and wait until all of the plane is predicted"


class ViewRow(QWidget):  # type: ignore[misc]
    """Row of controls that sets the look of the prediction layer, and another one for what else is shown.

    Parameters
    ----------
    controller : tells of new layers, classes and networks
    canvas : has the prediction layer

    Attributes
    ----------
    look, opacity, table : how the prediction is drawn, and the table of the objects
    maps : what else can be shown; to be put among the details
    follows : whether the controls show what is changed on the layer; not while it is hidden for a moment

    Signals
    -------
    wanted : which map is wanted, or the objects: its kind, and a class id or 0
    table_wanted : the table of the objects is
    """

    wanted = Signal(str, int)
    table_wanted = Signal()

    def __init__(self, controller: Controller, canvas: Canvas) -> None:
        super().__init__()
        self._controller = controller
        self._canvas = canvas
        self.follows = True
        self._build()
        controller.subscribe(ImageShown, self._image_shown)
        controller.subscribe(ClassesChanged, lambda _: self._classes_changed())
        controller.subscribe(ActionEnded, lambda _: self.setEnabled(controller.image is not None))
        self.look.currentIndexChanged.connect(lambda _: self._apply())
        self.opacity.valueChanged.connect(lambda _: self._apply())
        self.kind.currentIndexChanged.connect(lambda _: self._choose())
        self.of_class.currentIndexChanged.connect(lambda _: self._choose())

    def _dress(self) -> None:
        """Give a new prediction layer the look that is chosen, and follow what is changed in napari's own controls."""
        self._apply()
        if self._canvas.prediction is not None:
            events = self._canvas.prediction.events
            for event in (events.opacity, events.visible, events.contour):
                event.connect(self._follow)

    def offer_table(self, is_counted: bool) -> None:
        """Let the table be opened once the plane on screen is counted: it would be empty before."""
        self.table.setEnabled(is_counted)
        self.table.setToolTip(_TABLE_HELP if is_counted else _NO_TABLE)

    def toggle_contour(self) -> None:
        """Change the look from filled to contour, and to filled from anything else."""
        self.look.setCurrentText(CONTOUR if self.look.currentText() == FILLED else FILLED)

    @property
    def map(self) -> tuple[str, int]:
        """Return the kind of the chosen map, or the objects, and a class id or 0."""
        kind = self.kind.currentText()
        return kind, (self.of_class.currentData() or 0) if kind == PROBABILITY else 0

    @property
    def map_name(self) -> str:
        """Return the name of the layer of the map."""
        kind, class_id = self.map
        return f"{kind} of {self.of_class.currentText()}" if class_id else kind

    def show_classes(self, classes: Sequence[ClassLabel]) -> None:
        """Offer these classes; the chosen one stays chosen if it is still there."""
        ids = [label.id for label in classes]
        before, kept = (self.map, self.map_name), self.of_class.currentData()
        with signals_blocked(self.of_class):
            self.of_class.clear()
            for label in classes:
                self.of_class.addItem(label.name, label.id)
            # The background comes first, and is not what one looks for.
            self.of_class.setCurrentIndex(ids.index(kept) if kept in ids else min(1, len(ids) - 1))
        if (self.map, self.map_name) != before:
            self.wanted.emit(*self.map)

    def _image_shown(self, shown: ImageShown) -> None:
        if shown.record is not None:
            self._dress()

    def _classes_changed(self) -> None:
        if self._controller.project is not None:
            self.show_classes(self._controller.project.classes.all())

    def _build(self) -> None:
        self.look = QComboBox()
        self.look.setAccessibleName("how the prediction is drawn")
        self.look.addItems([FILLED, CONTOUR, HIDDEN])
        self.look.setToolTip("How the prediction is drawn. C: filled or contour. Hold Space: the bare image")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setAccessibleName("opacity of the prediction")
        self.opacity.setRange(0, 100)
        self.opacity.setValue(_FIRST_PERCENT)
        self.opacity.setToolTip("Opacity of the prediction, percent")
        self.opacity.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # a slider wants 84 px
        self.opacity.setMinimumWidth(_SLIDER_PX)
        self.maps = QWidget()
        self.kind = QComboBox()
        self.kind.setAccessibleName("also show")
        for number, (kind, text) in enumerate(_HELP.items()):
            self.kind.addItem(kind)
            self.kind.setItemData(number, text, Qt.ItemDataRole.ToolTipRole)
        self.of_class = QComboBox()
        self.of_class.setAccessibleName("class of the probability")
        self.of_class.setToolTip("The class whose probability is shown")
        self.of_class.setVisible(False)
        self.table = QPushButton("Table")
        self.offer_table(False)
        self.table.clicked.connect(lambda _: self._show_table())
        # Long names must not widen the dock.
        self.of_class.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for line, parts in (
            (row(self), (self.look, self.opacity, self.table)),
            (row(self.maps), (PlainLabel("Also show"), self.kind, self.of_class)),
        ):
            for part in parts:
                line.addWidget(part, part in (self.opacity, self.of_class))

    def _apply(self) -> None:
        layer, look = self._canvas.prediction, self.look.currentText()
        if layer is None:
            return
        layer.opacity = self.opacity.value() / 100
        contour, visible = _CONTOUR_PX if look == CONTOUR else 0, look != HIDDEN
        if visible and bool(layer.contour) != bool(contour):
            layer.contour = contour
        if layer.visible != visible:  # each time it is set, the layer is drawn anew
            layer.visible = visible

    def _follow(self, event: Any = None) -> None:
        layer = self._canvas.prediction
        if layer is not None and self.follows:
            with signals_blocked(self.look), signals_blocked(self.opacity):
                self.look.setCurrentText(HIDDEN if not layer.visible else CONTOUR if layer.contour else FILLED)
                self.opacity.setValue(round(100 * layer.opacity))

    def _choose(self) -> None:
        kind, class_id = self.map
        self.of_class.setVisible(kind == PROBABILITY)
        self.wanted.emit(kind, class_id)

    def _show_table(self) -> None:
        """Show the objects, which the table is of, and then the table."""
        self.kind.setCurrentText(OBJECTS)
        self.table_wanted.emit()
