"""The button, the key, the reason and the outline that lead to where a stroke would teach most."""

from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import (
    ActionEnded,
    ImageShown,
    ProjectOpened,
    SuggestionDropped,
    WorkerDied,
    WorkerStopped,
)
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.layers.marks import Mark
from napari_unet.gui.layers.place import show_place
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.project_images import ProjectImages
from napari_unet.gui.sections.steady_text import SteadyText
from napari_unet.protocol.messages import Suggested

KEY = "n"
OUTLINE = "where next"
_COLOUR = "yellow"
_WAITING = "looking …"


class WhereNext(QWidget):  # type: ignore[misc]
    """Asks where a stroke would teach most, goes there, and shows the reason while the place is shown.

    Parameters
    ----------
    viewer : napari's viewer, whose camera and planes are moved and whose key N asks
    controller : is asked, and answers
    canvas : what lies over the image, where the outline is drawn
    images : bring up the image of an answer

    Attributes
    ----------
    button : to be put where painting is chosen
    """

    def __init__(self, viewer: Any, controller: Controller, canvas: Canvas, images: ProjectImages) -> None:
        super().__init__()
        self._viewer = viewer
        self._controller = controller
        self._canvas = canvas
        self._images = images
        self._attempt = Attempt(controller)
        self.button = QPushButton("Next place")
        self.button.setToolTip("Go to where a stroke would teach most (key N; again: another place)")
        self.button.clicked.connect(self.ask)
        self.reason = SteadyText()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.reason)
        self.hide()
        viewer.bind_key(KEY, self._pressed, overwrite=True)
        controller.subscribe(Suggested, self.show_suggestion)
        for over in (SuggestionDropped, ProjectOpened, ImageShown):
            controller.subscribe(over, lambda _: self.clear())
        for ended in (WorkerDied, WorkerStopped):
            controller.subscribe(ended, lambda _: self._wait_no_more())
        controller.subscribe(ActionEnded, lambda _: self.button.setEnabled(controller.image is not None))

    def ask(self) -> None:
        """Ask the controller."""
        self.clear()
        self._attempt(self._ask)

    def show_suggestion(self, suggested: Suggested) -> None:
        """Go where a stroke would teach most, but never while one is under way; other images come up for it."""
        if self._canvas.watcher is None or self._canvas.watcher.is_painting:
            self.clear()
            return
        present = self._controller.image
        if suggested.region is not None and present is not None and suggested.image_id != present.id:
            self._images.switch(suggested.image_id)
            if self._controller.image is None or self._controller.image.id != suggested.image_id:
                return  # it could not be opened, which was told
        self._go(suggested)

    def _ask(self) -> None:
        self._controller.suggestions.ask()
        self._say(_WAITING)

    def _go(self, suggested: Suggested) -> None:
        """Tell the reason, bring the place into view and outline it."""
        self._say(suggested.reason)
        if suggested.region is None:
            return
        show_place(self._viewer, self._canvas, suggested.plane, suggested.region)
        self._canvas.marks.draw(OUTLINE, [Mark(suggested.plane, suggested.region, colour=_COLOUR)])

    def clear(self) -> None:
        """Take the outline and the reason away."""
        self._say("")
        self._canvas.marks.draw(OUTLINE, [])

    def stop(self) -> None:
        """Let go of the key."""
        self._viewer.bind_key(KEY, None, overwrite=True)

    def _say(self, text: str) -> None:
        self.reason.setText(text)
        self.setVisible(bool(text))

    def _wait_no_more(self) -> None:
        """Take the text away that an answer of the worker was to replace: none comes any more."""
        if self.reason.text() == _WAITING:
            self._say("")

    def _pressed(self, viewer: Any) -> None:
        if self.button.isEnabled():
            self.ask()
