"""Tells the window a few times a second how training goes."""

from napari_unet.protocol.messages import Annotated, Open, Progress, Restore, Train
from napari_unet.worker.jobs.tiles import Tiles
from napari_unet.worker.jobs.training import Training
from napari_unet.worker.listener import Hears, Listener
from napari_unet.worker.open_project import OpenProject

_EVERY_S = 0.25
_NOT_READ = "nothing is learned, for the worker could not read the project: open it again"


class ProgressReport(Listener):
    """Sends ``Progress`` after slices of work now and then, and at once after messages that change it."""

    def __init__(self, opened: OpenProject, training: Training, tiles: Tiles) -> None:
        self._opened = opened
        self._training = training
        self._tiles = tiles
        self._next = 0.0  # seconds of the clock

    def hears(self) -> Hears:
        """Return the method for every message after which the window waits for the state of the training."""
        return dict.fromkeys((Open, Annotated, Restore, Train), lambda _: self.tell(at_once=True))

    def tell(self, *, at_once: bool) -> None:
        """Send the state, unless it was sent a moment ago and nobody needs it at once."""
        now = self._opened.clock()
        if not at_once and now < self._next:
            return
        self._next = now + _EVERY_S
        learner, shown_step = self._opened.learner, self._opened.shown_step
        obstacle = learner.obstacle if learner else _NOT_READ
        learning = "resting" if learner and learner.is_settled else "training"
        state = "paused" if not self._opened.is_training else "waiting" if obstacle else learning
        step = learner.trainer.step_count if learner and learner.trainer else 0
        loss, behind = learner.loss if learner else None, self._training.strokes_are_new
        self._opened.send(
            Progress(state, step, loss, self._tiles.waiting, obstacle, shown_step, behind)  # type: ignore[arg-type]
        )
