"""The button and the circle by which a prediction becomes labels of the user."""

import numpy as np
from jaxtyping import Bool
from qtpy.QtWidgets import QPushButton

from napari_unet.controller.controller import Controller
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.shown_image import ShownImage


class AcceptButton(QPushButton):  # type: ignore[misc]
    """Lets the user draw a circle, and takes over what is predicted inside.

    Parameters
    ----------
    controller : commits what the network said there
    shown : has the circle, and the annotation layer on which the labels appear
    """

    def __init__(self, controller: Controller, shown: ShownImage) -> None:
        super().__init__("Accept here")
        self._controller = controller
        self._shown = shown
        attempt = Attempt(controller)
        self.setToolTip(
            "Draw a circle: the prediction inside becomes your own labels, to learn from (A).\n"
            "When all of the plane is right: Shift+A.\n"
            "Places that are kept for checking take none. Escape ends it."
        )
        self.clicked.connect(lambda _: shown.begin_circle())
        shown.circled.connect(lambda inside: attempt(lambda: self._accept(inside)))

    def _accept(self, inside: Bool[np.ndarray, "h w"]) -> None:
        canvas = self._shown.canvas
        self._shown.saving.check()
        watcher = canvas.watcher
        if watcher is not None:
            labels = self._controller.strokes.accept(watcher.plane, inside, canvas.cover)
            # The layer shows what was committed, as one stroke that undo takes back.
            canvas.annotation_layer.paint(watcher.plane, labels, canvas.cover, labels > 0)
            watcher.check()
