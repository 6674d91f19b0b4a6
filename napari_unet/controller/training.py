"""Training as the user wants it: on, paused, or stopped with the worker."""

from napari_unet.controller.news import ErrorLine, ImageShown, WorkAsked, WorkerDied, WorkerStarted, WorkerStopped
from napari_unet.controller.session import Session
from napari_unet.controller.subscriptions import Subscriptions
from napari_unet.controller.supervised_worker import SupervisedWorker
from napari_unet.controller.told_once import ToldOnce
from napari_unet.controller.view import View
from napari_unet.errors import UserError
from napari_unet.protocol import messages as m


class Training:
    """Tells the worker to train or to pause, and begins by itself once there is something to learn.

    Attributes
    ----------
    is_on : the worker trains, or rests until there is something new to learn
    """

    def __init__(self, session: Session, worker: SupervisedWorker, view: View, subscriptions: Subscriptions) -> None:
        self.is_on = False
        self._session = session
        self._worker = worker
        self._view = view
        self._publish = subscriptions.publish
        self._held_back = False  # the user paused: strokes do not start the training again
        self._goes_on = False  # with the next image
        self._told = ToldOnce(subscriptions)
        subscriptions.subscribe(WorkerStarted, self._worker_started)
        subscriptions.subscribe(WorkerStopped, lambda _: self._end())
        subscriptions.subscribe(WorkerDied, self._worker_died)
        subscriptions.subscribe(ImageShown, self._image_shown)
        subscriptions.subscribe(m.Failed, self._failed)

    def start(self) -> None:
        """Train until told otherwise; starts the worker again if it was stopped.

        Raises
        ------
        UserError
            NU-W04 without a project, NU-P11 where it is open read-only, NU-W08 when no worker can be started.
        """
        self._session.present_project().database.refuse_when_read_only()
        self._held_back = False
        self._worker.forget_deaths()
        self._publish(WorkAsked())
        self._start()

    def start_by_itself(self) -> None:
        """Start where two classes are painted, unless the user paused or the setting says no.

        Where no worker can be started an ``ErrorLine`` says so: what was painted is saved all the same.
        """
        project = self._session.present_project()
        painted = sum(count > 0 for count in project.strokes.labelled_pixels().values())
        if painted >= 2 and not self.is_on and not self._held_back and project.settings.read().start_by_itself:
            try:
                self._start()
            except UserError as error:
                self._end()
                self._publish(ErrorLine(str(error)))

    def pause(self) -> None:
        """Stop learning for now; the network is scored and saved."""
        self.rest()
        self._held_back = True

    def rest(self) -> None:
        """Stop learning while no image is on screen; it goes on with the next one, unless the user had paused."""
        self._goes_on = self.is_on
        self.is_on = False
        self._worker.send(m.Train(on=False))

    def stop(self) -> None:
        """End the worker and give back its memory; what was learned is saved."""
        self._end()
        self._worker.stop()

    def restore_best(self) -> None:
        """Go back to the network with the highest held-out Dice; learning goes on from it.

        Raises
        ------
        UserError
            NU-W04 without a project, NU-P11 where it is open read-only.
        """
        self._session.present_project().database.refuse_when_read_only()
        self._worker.send(m.Restore())

    def allow(self) -> None:
        """Let strokes start the training again, as in a project that was just opened."""
        self._held_back = self._goes_on = False

    def _end(self) -> None:
        self.is_on, self._held_back = False, True

    def _image_shown(self, shown: ImageShown) -> None:
        if shown.record is not None and self._goes_on and not self._held_back:
            self._start()

    def _worker_started(self, started: WorkerStarted) -> None:
        if self.is_on:
            self._worker.send(m.Train(on=True))

    def _worker_died(self, died: WorkerDied) -> None:
        # Strokes do not start what died again and again; the user may.
        if died.is_given_up:
            self._end()

    def _failed(self, failed: m.Failed) -> None:
        self.is_on = self.is_on and failed.line.startswith("NU-E")  # an export or a full disk ends no training

    def _start(self) -> None:
        self._worker.launch_if_stopped()
        self.is_on, self._goes_on = True, False
        self._view.ask_again()  # what failed before has ended the overlay together with the training
        self._worker.send(m.Train(on=True))
