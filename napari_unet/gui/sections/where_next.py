"""The button, the key, the reason and the outline that lead to where a stroke would teach most."""

from typing import Any

from napari.layers import Labels, Shapes
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.layers.our_layers import show_outlines
from napari_unet.gui.layers.place import show_place
from napari_unet.images.tiles import Region
from napari_unet.protocol.messages import Suggested

KEY = "n"
OUTLINE = "where next"
_COLOUR = "yellow"


class WhereNext(QWidget):  # type: ignore[misc]
    """Emits that the user asks; goes to the answer and shows its reason, and nothing at other times.

    Parameters
    ----------
    viewer : napari's viewer, whose camera and planes are moved and whose key N asks
    canvas : what lies over the image, where the outline is drawn

    Attributes
    ----------
    button : to be put where painting is chosen
    """

    wanted = Signal()

    def __init__(self, viewer: Any, canvas: Canvas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._canvas = canvas
        self._layer: Shapes | None = None
        self.button = QPushButton("Where next")
        self.button.setToolTip("Go to where a stroke would teach the network most (key N; again: the next best place)")
        self.button.clicked.connect(self.ask)
        self.reason = QLabel("")
        self.reason.setWordWrap(True)
        self.reason.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.reason)
        self.hide()
        viewer.bind_key(KEY, self._pressed, overwrite=True)

    def ask(self) -> None:
        """Say that the user wants to know."""
        self.clear()
        self._say("looking …")
        self.wanted.emit()

    def show_suggestion(self, suggested: Suggested) -> None:
        """Tell the reason, and go to the place and outline it."""
        self._say(suggested.reason)
        annotation = self._canvas.annotation
        if suggested.region is None or annotation is None:
            return
        region = Region(*suggested.region)
        show_place(self._viewer, self._canvas, suggested.plane, region)
        self._outline(annotation, [(suggested.plane, region)])

    def clear(self) -> None:
        """Take the outline and the reason away."""
        self._say("")
        if self._is_drawn and self._canvas.annotation is not None:
            self._outline(self._canvas.annotation, [])

    def stop(self) -> None:
        """Let go of the key."""
        self._viewer.bind_key(KEY, None, overwrite=True)

    def _say(self, text: str) -> None:
        self.reason.setText(text)
        self.setVisible(bool(text))

    def _pressed(self, viewer: Any) -> None:
        if self.button.isEnabled():
            self.ask()

    @property
    def _is_drawn(self) -> bool:
        return self._layer is not None and self._layer in self._viewer.layers and bool(self._layer.data)

    def _outline(self, annotation: Labels, places: list[tuple[int, Region]]) -> None:
        if self._layer is None or self._layer not in self._viewer.layers:
            self._layer = self._canvas.add_outlines(OUTLINE, _COLOUR)
        if self._layer is not None:
            show_outlines(self._layer, places, annotation.data.shape[:-2])
