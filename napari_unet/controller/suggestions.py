"""The question where a stroke would teach most."""

from napari_unet.controller.news import SuggestionDropped
from napari_unet.controller.session import Session
from napari_unet.controller.subscriptions import Subscriptions
from napari_unet.controller.supervised_worker import SupervisedWorker
from napari_unet.controller.view import View
from napari_unet.protocol import messages as m


class Suggestions:
    """Asks the worker, and tells an answer to the newest question from one that comes too late."""

    def __init__(self, session: Session, worker: SupervisedWorker, view: View, subscriptions: Subscriptions) -> None:
        self._session = session
        self._worker = worker
        self._view = view
        self._publish = subscriptions.publish
        self._number = 0  # of the newest question

    def ask(self) -> None:
        """Ask where on the plane on screen, or elsewhere, a stroke would teach most.

        Raises
        ------
        UserError
            NU-W04 without an image, NU-W08 when no worker can be started.
        """
        image = self._session.present_image("where next")
        self._worker.launch_if_stopped()
        self._number += 1
        self._worker.send(m.Suggest(self._number, image.id, self._view.plane))

    def drop(self) -> None:
        """Forget the question: the strokes are others now, and an answer that is under way comes too late."""
        self._number += 1
        self._publish(SuggestionDropped())

    def withdraw(self) -> None:
        """Forget the question because another image is on screen."""
        self._number += 1

    def is_wanted(self, suggested: m.Suggested) -> bool:
        """Tell whether this answers the newest question."""
        return suggested.number == self._number
