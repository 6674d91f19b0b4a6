"""The export that is in progress."""

from pathlib import Path

from napari_unet.controller.disk_space import low_space
from napari_unet.controller.news import ErrorLine, Notice, WorkAsked, WorkerDied, WorkerStarted, WorkerStopped
from napari_unet.controller.session import Session
from napari_unet.controller.subscriptions import Subscriptions
from napari_unet.controller.supervised_worker import SupervisedWorker
from napari_unet.errors import UserError
from napari_unet.export.taken_names import refuse_taken_names
from napari_unet.project.image_record import ImageRecord
from napari_unet.protocol import messages as m

_TRIES = 1  # after a worker died over an export


class Exports:
    """Asks the worker for the files of images, and asks again when it died over them."""

    def __init__(self, session: Session, worker: SupervisedWorker, subscriptions: Subscriptions) -> None:
        self._session = session
        self._worker = worker
        self._publish = subscriptions.publish
        self._present: m.Export | None = None
        self._deaths = 0  # number of workers that died over this export
        self._is_paused = False
        self._is_cancelled = False  # and the worker has not answered yet
        subscriptions.subscribe(m.Exported, lambda _: self._forget())
        subscriptions.subscribe(WorkerStarted, lambda _: self._ask_again())
        subscriptions.subscribe(WorkerStopped, lambda _: self._give_up())
        subscriptions.subscribe(WorkerDied, self._worker_died)

    def begin(self, folder: Path, formats: tuple[str, ...], *, all_images: bool = False) -> None:
        """Ask for the files of the present image, or of all images of the project, none of which has to be on screen.

        Raises
        ------
        UserError
            NU-W04 without an image, NU-W08 when no worker can be started, and those of ``refuse_taken_names``.
        """
        images = self._session.present_project().images.all() if all_images else []
        images = images or [self._session.present_image("export")]
        image_ids = tuple(image.id for image in images)
        refuse_taken_names(self._session.present_project(), image_ids, folder, formats)
        low = low_space(folder if folder.exists() else folder.parent)
        if low is not None:
            self._publish(Notice(str(low)))
        self._publish(WorkAsked())
        self._worker.launch_if_stopped()
        # Absolute, for the worker lives in another folder.
        self._is_paused = self._is_cancelled = False
        self._present, self._deaths = m.Export(image_ids, str(folder.absolute()), formats), 0
        self._worker.send(self._present)

    def refuse_without(self, image: ImageRecord) -> None:
        """Raise a UserError NU-E17 while an export goes on that this image belongs to."""
        if self._present is not None and image.id in self._present.image_ids:
            what, fix = "the image is being exported", "wait for the end of the export, or cancel it"
            raise UserError("NU-E17", what, image.name, fix)

    def pause(self, *, on: bool) -> None:
        """Leave the export for now, or go on with it."""
        self._is_paused = on
        self._worker.send(m.PauseExport(on))

    def cancel(self) -> None:
        """Ask the worker to give the export up; it answers with ``Exported`` without files."""
        self._is_cancelled = True
        self._worker.send(m.CancelExport())

    def _give_up(self) -> None:
        """Tell that the export is given up, for its worker ends."""
        if self._present is not None:
            self._publish(m.Exported(()))

    def _forget(self) -> None:
        self._present = None

    def _ask_again(self) -> None:
        if self._present is not None:
            self._worker.send(self._present)  # from the beginning: what was predicted is gone
            if self._is_paused:
                self._worker.send(m.PauseExport(on=True))

    def _worker_died(self, died: WorkerDied) -> None:
        self._deaths += 1
        if self._is_cancelled:
            self._give_up()
        elif self._present is not None and self._deaths > _TRIES:
            what, fix = "the worker ended twice during the export", "choose fewer formats, or napari-unet export"
            self._publish(ErrorLine(str(UserError("NU-E15", what, self._present.folder, fix))))
            self._give_up()
        if died.is_given_up:
            self._give_up()
