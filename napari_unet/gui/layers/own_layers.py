"""The one list of our layers in the viewer: it puts back what is deleted or moved, and takes all away in one order."""

from collections.abc import Callable, Iterator

from napari.layers import Image, Layer, Shapes
from napari.utils.events import Event
from napari.utils.notifications import show_info
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.gui.layers.drawing_context import DrawingContext
from napari_unet.gui.plain_text import untagged

_MOVES = ("affine", "rotate", "scale", "shear", "translate")  # events of a layer that lies elsewhere from now on


class OwnLayers(QObject):  # type: ignore[misc]
    """Adds and removes every layer of ours, so that a removal by anybody else is known as one by the user.

    A deleted layer comes back by itself, the same object with its pixels and its undo history, once napari has
    finished the removal. Nothing is added or removed while napari removes a layer or draws, and every removal, the
    user's as well, happens in the drawing context of the window.

    Parameters
    ----------
    viewer : napari's viewer
    parent : ends this object with itself; lies in napari's window

    Signals
    -------
    returned : a layer that is back after the user deleted it; told once all that were deleted with it are back
    moved : the image, or a layer of ours, was moved, turned or stretched; told once for all that comes together
    held : a layer of ours that the user tried to move alone
    """

    returned = Signal(object)
    moved = Signal()
    held = Signal(object)

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(parent)
        self.image: Image | None = None  # our layers come back only while it is there
        self._viewer = viewer
        self._drawing = DrawingContext(parent)
        self._layers: list[Layer] = []
        self._gone: dict[Layer, Callable[[], None]] = {}  # called for a layer that does not come back
        self._deleted: list[tuple[Layer, int]] = []  # each with its index in the layer list
        self._return_soon = QTimer(self, singleShot=True, interval=0)
        self._return_soon.timeout.connect(self.put_back)
        self._move_soon = QTimer(self, singleShot=True, interval=0)
        self._move_soon.timeout.connect(self.moved)
        viewer.layers.events.removing.connect(self._removing)
        viewer.layers.events.removed.connect(self._removed)

    def __iter__(self) -> Iterator[Layer]:
        """Give every layer of ours that is in the viewer, in the order in which they were added."""
        return iter([layer for layer in self._layers if layer in self._viewer.layers])

    def lie_over(self, image: Image | None) -> None:
        """Tell from now on when this image is moved; None for no image."""
        if self.image is not None:
            for name in _MOVES:
                self.image.events[name].disconnect(self._image_moved)
        self.image = image
        if image is not None:
            for name in _MOVES:
                image.events[name].connect(self._image_moved)

    def add(self, layer: Layer, above: Layer | None = None, gone: Callable[[], None] | None = None) -> None:
        """Put a layer into the viewer; the selected layer stays selected.

        Parameters
        ----------
        layer : a new layer
        above : the layer right below it; without one, the new layer lies over all others
        gone : called inside napari's removal when the user deletes the layer, which then does not come back
        """
        layers, active = self._viewer.layers, self._viewer.layers.selection.active
        self._drawing.find()
        self._layers.append(layer)
        layer.events.affine.connect(self._layer_moved)
        if gone is not None:
            self._gone[layer] = gone
        layers.insert(len(layers) if above is None else layers.index(above) + 1, layer)
        layers.selection.active = active

    def remove(self, *layers: Layer | None) -> None:
        """Take layers out of the viewer for good, those of shapes first: their texts are what crashed a drawing."""
        ours = [layer for layer in layers if layer is not None and layer in self._layers]
        for layer in sorted(ours, key=lambda layer: not isinstance(layer, Shapes)):
            self._layers.remove(layer)
            self._gone.pop(layer, None)
            if layer in self._viewer.layers:
                self._drawing.make_current()
                self._viewer.layers.remove(layer)

    def stop(self) -> None:
        """Put nothing back any more, and let go of the viewer."""
        self._return_soon.stop()
        self._move_soon.stop()
        self.lie_over(None)
        self._deleted.clear()
        self._viewer.layers.events.removing.disconnect(self._removing)
        self._viewer.layers.events.removed.disconnect(self._removed)

    def _removing(self, event: Event) -> None:
        """Prepare the removal of any layer, by whomever: the user's as well as ours."""
        self._drawing.make_current()

    def _removed(self, event: Event) -> None:
        layer = event.value
        if layer not in self._layers:
            return
        gone = self._gone.pop(layer, None)
        if gone is None:
            self._deleted.append((layer, event.index))
            self._return_soon.start()
        else:
            self._layers.remove(layer)
            gone()

    def _image_moved(self, event: Event) -> None:
        self._move_soon.start()

    def _layer_moved(self, event: Event) -> None:
        if event.source.mode == "transform":  # the mouse is down, and goes on to move it
            event.source.mode = "pan_zoom"
            self.held.emit(event.source)
        self._move_soon.start()

    def put_back(self) -> None:
        """Put the deleted layers back where they were, unless their image went too."""
        deleted, self._deleted = self._deleted, []
        layers, active = self._viewer.layers, self._viewer.layers.selection.active
        back = []
        for layer, index in reversed(deleted):
            if layer in self._layers and layer not in layers and self.image in layers:
                layers.insert(min(index, len(layers)), layer)
                layers.selection.active = active
                back.append(layer)
        for layer in back:  # whoever selects it again has the last word
            self.returned.emit(layer)


def tell_returned(layer: Layer) -> None:
    """Tell the user of a layer that came back."""
    show_info(untagged(f'The layer "{layer.name}" was deleted; it is back with everything on it'))


def tell_held(layer: Layer) -> None:
    """Tell the user how to move a layer that cannot be moved alone."""
    show_info(untagged(f'The layer "{layer.name}" stays on the image: move the image, and all layers on it go along'))
