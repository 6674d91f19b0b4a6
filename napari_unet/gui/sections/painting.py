"""The keys of the annotation layer: which class the brush holds, and taking over what is predicted."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ErrorLine, ImageChanging, ImageRemoved, ImageShown
from napari_unet.errors import UserError
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.sections.class_table import ClassTable

# What a user can press while the annotation layer is selected, besides napari's own keys.
KEYS = {
    "1 - 9": "paint that class; a new one: press its key twice",
    "X": "back to the class before",
    "E": "erase to unlabelled",
    "F": "fill",
    "[ and ]": "smaller, larger brush",
    "A": "accept the prediction inside a circle",
    "Shift+A": "accept the prediction of the whole plane",
    "N": "where to paint next",
    "Space": "the bare image, while it is held",
    "C": "prediction as contour or filled",
    "Page Down, Page Up": "next, previous image",
}


class Painting(QObject):  # type: ignore[misc]
    """Keeps the brush, the class table and the keys of one annotation layer in step.

    Parameters
    ----------
    controller : tells which image is on screen, and the user that a label is no class
    canvas : has the annotation layer
    table : where the class is chosen
    parent : ends this object with itself

    Signals
    -------
    accept, accept_all : a key for accepting was pressed
    offered : what the same key does when it is pressed again, in a sentence
    """

    accept, accept_all = Signal(), Signal()
    offered = Signal(str)

    def __init__(self, controller: Controller, canvas: Canvas, table: ClassTable, parent: QObject) -> None:
        super().__init__(parent)
        self._controller = controller
        self._canvas = canvas
        self._table = table
        self._layer: Any = None
        self._now = self._before = 0
        self._offered = 0  # the key that adds a class when it is pressed again
        self._put_back_soon = QTimer(self, singleShot=True, interval=0)
        self._put_back_soon.timeout.connect(self._put_back)
        table.chosen.connect(self.paint_with)
        table.clicked.connect(self._paint_again_with)
        controller.subscribe(ImageChanging, lambda _: self.leave())
        controller.subscribe(ImageRemoved, lambda _: self.leave())
        controller.subscribe(ImageShown, self._image_shown)

    def take(self, layer: Any) -> None:
        """Serve this annotation layer from now on."""
        self.leave()
        self._layer = layer
        for number in range(1, 10):
            layer.bind_key(str(number), self._key(number), overwrite=True)
        layer.bind_key("X", lambda _: self._choose(self._before), overwrite=True)
        layer.bind_key("A", lambda _: self.accept.emit(), overwrite=True)
        layer.bind_key("Shift-A", lambda _: self.accept_all.emit(), overwrite=True)
        layer.events.selected_label.connect(self._label_chosen)

    def leave(self) -> None:
        """Serve no layer."""
        self._put_back_soon.stop()
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._label_chosen)
            self._layer = None

    def paint_with(self, class_id: int) -> None:
        """Put a class on the brush; a tool that does not paint gives way to it."""
        if class_id != self._now:
            self._before, self._now = self._now or class_id, class_id
        if self._layer is not None:
            self._layer.selected_label = class_id
            if self._layer.mode in {"pan_zoom", "transform", "erase", "pick"}:
                self._layer.mode = "paint"

    def take_key(self, number: int) -> bool:
        """Paint the class of a key, 1 to 9, that was pressed while another layer is looked at; tell whether.

        On an image, napari's own 2 would let the next drag move it away from below the strokes.
        """
        if self._layer is None or not self._canvas.is_looked_at:
            return False
        self._pressed(number)
        return True

    def _paint_again_with(self, class_id: int) -> None:
        self._canvas.paint_again()
        self.paint_with(class_id)

    def _image_shown(self, shown: ImageShown) -> None:
        if shown.record is not None:
            self.take(self._canvas.annotation)
            classes = self._controller.present_project().classes.all()
            if self._table.selected or classes:  # a script may have made a project without any
                self.paint_with(self._table.selected or classes[0].id)

    def _key(self, number: int) -> Callable[[Any], None]:
        return lambda _: self._pressed(number)

    def _pressed(self, number: int) -> None:
        """Paint the class of a key; where there is none, offer one, and add it when the key is pressed again."""
        self._canvas.paint_again()
        class_id, was_offered = self._table.id_of_key(number), self._offered == number
        self._offered = 0
        if class_id is not None:
            self._choose(class_id)
        elif was_offered:
            self._table.added.emit()
            self._table.begin_name(self._table.selected)
        else:
            self._offered = number
            self.offered.emit(f"No class has the key {number}: press {number} again to add one")

    def _choose(self, class_id: int | None) -> None:
        if class_id is None or not self._table.has(class_id):
            return
        if class_id == self._table.selected:
            self._table.clicked.emit(class_id)  # selected again, it would be told to nobody
        else:
            self._table.select(class_id)

    def _label_chosen(self, event: Any = None) -> None:
        label = self._layer.selected_label
        if label == self._now or label == 0:  # 0 erases
            return
        if self._table.has(label):
            self._table.select(label)
        else:
            self._put_back_soon.start()  # napari has not told its own spin box yet

    def _put_back(self) -> None:
        label = self._layer.selected_label
        if label and not self._table.has(label) and self._table.has(self._now):
            self._layer.selected_label = self._now
            fix = "add a class in the last row of the table, or choose one of them"
            error = UserError("NU-A12", f"{label} is not one of the classes", "label", fix)
            self._controller.publish(ErrorLine(str(error)))
