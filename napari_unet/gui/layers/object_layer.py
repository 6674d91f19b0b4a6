"""Layer of the separate objects of the plane on screen, numbered, with a table of their measurements."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, no_type_check

import numpy as np
from jaxtyping import UInt16
from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.layers.marks import Mark
from napari_unet.gui.layers.own_layers import OwnLayers
from napari_unet.gui.layers.place import centre_on
from napari_unet.gui.layers.placement import Geometry, Placement
from napari_unet.gui.layers.prediction_layer import PREDICTED
from napari_unet.gui.layers.quick_contour import draw_contours_quickly
from napari_unet.gui.layers.written_layer import ChosenLayer
from napari_unet.images.tiles import Region
from napari_unet.protocol.messages import Cell, Objects

OBJECTS, OUTLINE = "objects", "selected object"
_TABLE = ("napari", "Features table widget")
_CONTOUR_PX = 2  # filled, objects would hide what they are outlines of
_RIM = 2  # px between an object and its outline
_CLICK_PX = 4  # of the screen; the mouse may move so far in a click
_BOX = ("top_px", "left_px", "bottom_px", "right_px")


class ObjectLayer(ChosenLayer[Labels]):
    """Shows objects with their measurements as the layer's features, where row n is object n.

    napari's own table of features shows them while the layer is selected, and ``selected_label`` is the selection of
    both: a row that is chosen there is brought to the middle of the view, an object that is clicked here has its row
    chosen there.
    """

    def __init__(self, viewer: Viewer, own_layers: OwnLayers, canvas: Canvas, deleted: Callable[[], None]) -> None:
        super().__init__(viewer, own_layers, deleted)
        self._canvas = canvas
        self._objects: Objects | None = None
        self._chosen = False  # not told by the layer being visible: the user may hide it for a moment
        self._clicking = False

    @property
    def count(self) -> int:
        """Return the number of objects that are shown."""
        return 0 if self._objects is None else len(self._objects.rows)

    def show(self, placement: Placement) -> None:
        """Show the objects of an image; none until they are written. The selected layer stays selected."""
        layer = self.layer
        if layer is None:
            layer = self._add(placement, self._canvas.prediction)
            layer.events.selected_label.connect(self._selected)
            layer.mouse_drag_callbacks.append(self._click)
        self._chosen = layer.visible = True

    def follow(self, placement: Placement) -> None:
        """Lie over another image, or another part of one, empty."""
        self._clear()
        super().follow(placement)
        if self.layer is not None:
            self.layer.editable = False

    def hide(self) -> None:
        """Make the layer invisible, and forget the objects."""
        self._chosen = False
        self._clear()
        super().hide()

    def leave(self) -> None:
        """Take the layer out of the viewer."""
        self._objects = None
        super().leave()

    def write(self, objects: Objects) -> None:
        """Show these objects in place of all others; the one that was selected stays so where it still is."""
        layer = self.layer
        if layer is None or not self._lies_over(objects.image_id) or not self._chosen:
            return
        numbers = objects.array()
        selected = self._same(objects, numbers)
        if self._objects is not None and self._objects.plane != objects.plane:
            self._plane(self._objects.plane)[...] = 0
        self._plane(objects.plane)[...] = numbers
        self._objects = objects
        with layer.events.selected_label.blocker(self._selected):
            layer.selected_label = selected
            layer.features = _features(objects)
        self._draw_outline()
        self._refresh_soon()

    def open_table(self, beside: QWidget) -> None:
        """Open napari's table of features on this layer, at first as a tab beside the dock that a widget lies in."""
        if self.layer is None:
            return
        self._viewer.layers.selection.active = self.layer
        before = set(self._viewer.window.dock_widgets)
        dock, _ = self._viewer.window.add_plugin_dock_widget(*_TABLE)
        present = _dock_of(beside)
        if set(self._viewer.window.dock_widgets) != before and present is not None:
            present.parentWidget().tabifyDockWidget(present, dock)
        dock.show()
        dock.raise_()

    def _same(self, objects: Objects, numbers: UInt16[np.ndarray, "y x"]) -> int:
        """Return the new number of the selected object: that of the one with most of its pixels, or 0."""
        box = self._box()
        if self.layer is None or box is None or self._objects is None or self._objects.plane != objects.plane:
            return 0
        before = self._plane(objects.plane)[box.slices] == self.layer.selected_label
        return int(np.bincount(numbers[box.slices][before], minlength=1).argmax())

    def _selected(self, event: Any = None) -> None:
        self._draw_outline()
        box = self._box()
        if box is not None and self._objects is not None and not self._clicking:
            centre_on(self._viewer, self._canvas, self._objects.plane, box)

    @no_type_check  # a wrapper of a type checker would not be a generator function, by which napari knows this one
    def _click(self, layer: Any, event: Any) -> Iterator[None]:
        began = np.asarray(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.asarray(event.pos) - began).max() <= _CLICK_PX:
            self._clicking = True
            try:
                layer.selected_label = int(layer.get_value(event.position, world=True) or 0)
            finally:
                self._clicking = False

    def _box(self) -> Region | None:
        """Return the box around the selected object, or None when none is selected."""
        if self.layer is None or self._objects is None or not 0 < self.layer.selected_label <= self.count:
            return None
        row = dict(zip(self._objects.columns, self._objects.rows[self.layer.selected_label - 1], strict=True))
        return Region(*(int(row[side]) for side in _BOX))

    def _draw_outline(self) -> None:
        box, objects = self._box(), self._objects
        marks = [] if box is None or objects is None else [Mark(objects.plane, box.grown(_RIM))]
        self._canvas.marks.draw(OUTLINE, marks)

    def _clear(self) -> None:
        if self.layer is not None and self._objects is not None:
            self._plane(self._objects.plane)[...] = 0
            self._objects = None
            self.layer.features = {}
            self._draw_outline()
            self._refresh_soon()

    @property
    def _dtype(self) -> Any:
        return np.uint16

    def _over(self, content: UInt16[np.ndarray, "*planes h w"], place: Geometry) -> Labels:
        layer = Labels(content, name=OBJECTS, opacity=0.7, metadata={PREDICTED: True}, **place)
        draw_contours_quickly(layer)
        layer.contour = _CONTOUR_PX
        layer.editable = False
        return layer


def _dock_of(widget: QWidget | None) -> QDockWidget | None:
    """Return the dock that a widget lies in, or None."""
    while widget is not None and not isinstance(widget, QDockWidget):
        widget = widget.parentWidget()
    return widget


def _features(objects: Objects) -> dict[str, Sequence[Cell]]:
    """Return a column of each measurement; row 0 is the background, which napari expects: it has no measurements."""
    rows = [tuple(_nothing(cell) for cell in objects.rows[0]), *objects.rows] if objects.rows else []
    return dict(zip(objects.columns, map(list, zip(*rows, strict=True)), strict=False))


def _nothing(cell: Cell) -> Cell:
    return "" if isinstance(cell, str) else 0 if isinstance(cell, int) else float("nan")
