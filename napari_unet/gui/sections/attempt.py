"""One way to do what the user asked for, and to say in one line what cannot be done."""

from collections.abc import Callable

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded, ErrorLine
from napari_unet.errors import UserError


class Attempt:
    """Runs actions of the user; an error is published as ``ErrorLine``, and ``ActionEnded`` follows in any case."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def __call__(self, action: Callable[[], object]) -> None:
        """Run an action of the user."""
        self.quietly(action)
        self._controller.publish(ActionEnded())

    def quietly(self, work: Callable[[], object]) -> None:
        """Run what nobody asked for: an error is published as well, and nothing follows."""
        try:
            work()
        except UserError as error:
            self._controller.publish(ErrorLine(str(error)))
