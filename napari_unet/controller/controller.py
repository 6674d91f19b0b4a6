"""The window's side of project and worker: opens projects, shows images, and tells who subscribed what happened.

Knows neither Qt nor napari. What is painted goes through ``strokes.py``, what is looked at through ``view.py``,
training through ``training.py``, exports through ``exports.py``; ``supervised_worker.py`` keeps the worker running.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from napari_unet.config import Settings
from napari_unet.controller.exports import Exports
from napari_unet.controller.news import ClassesChanged, ImageShown, ProjectOpened, SettingsChanged
from napari_unet.controller.score_log import ScoreLog
from napari_unet.controller.session import Session
from napari_unet.controller.strokes import Strokes
from napari_unet.controller.subscriptions import Said, Subscriptions
from napari_unet.controller.suggestions import Suggestions
from napari_unet.controller.supervised_worker import StartProcess, SupervisedWorker
from napari_unet.controller.training import Training
from napari_unet.controller.upkeep import Upkeep
from napari_unet.controller.view import View
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project
from napari_unet.protocol.messages import Annotated, Corrected, Counted, Estimated, Objects, Suggested, Tile, ToWindow


class Controller:
    """Owns the project, the worker and the one number that tells new answers from old ones.

    Parameters
    ----------
    start_worker : starts a worker process whose errors go to the file named
    clock : seconds, monotonic

    Attributes
    ----------
    worker, view, training, exports, suggestions, strokes : the parts that do the work, over one session
    annotation_clock : measures how long the user paints
    """

    def __init__(self, start_worker: StartProcess, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session = Session()
        self._subscriptions = hub = Subscriptions()
        self._upkeep = Upkeep(hub.publish, clock)
        self._score_log = ScoreLog(session, hub, clock)
        self.annotation_clock = self._score_log.annotation_clock
        self.worker = worker = SupervisedWorker(session, start_worker, hub.publish, clock)
        # A new worker is told of the view first, then to train, then of the export: in the order of these lines.
        self.view = View(session, worker, hub)
        self.training = Training(session, worker, self.view, hub)
        self.exports = Exports(session, worker, hub)
        self.suggestions = Suggestions(session, worker, self.view, hub)
        self.strokes = Strokes(session, self.view, self.training, self._tell_annotated, hub)

    @property
    def project(self) -> Project | None:
        """Return the open project, or None."""
        return self._session.project

    @property
    def image(self) -> ImageRecord | None:
        """Return the image on screen, or None."""
        return self._session.image

    @property
    def generation(self) -> int:
        """Return the number of the newest wish; answers to older ones are dropped."""
        return self._session.generation

    def subscribe(self, kind: type[Said], handler: Callable[[Said], object]) -> None:
        """Call a handler with every message of the worker, or news of the controller, of one kind."""
        self._subscriptions.subscribe(kind, handler)

    def publish(self, news: msgspec.Struct) -> None:
        """Hand a message or a piece of news to everybody who subscribed to its kind."""
        self._subscriptions.publish(news)

    def present_project(self) -> Project:
        """Return the open project, or raise NU-W04."""
        return self._session.present_project()

    def present_image(self, where: str) -> ImageRecord:
        """Return the image on screen, or raise NU-W04."""
        return self._session.present_image(where)

    def open_project(self, folder: Path, *, read_only: bool = False) -> Project:
        """Leave the present project and use this one; a new one gets two classes.

        It is open also when no worker can be started, of which an ``ErrorLine`` tells.

        Raises
        ------
        UserError
            Those of ``Project``, and NU-C01 or NU-P12 for settings or classes that cannot be read; the present project
            stays open then, unless it is the same.
        """
        if self.project is not None and self.project.folder == Path(folder).absolute():
            self.close()  # a project has one writer at a time, so it is closed before it is opened anew
        project = _opened(folder, read_only=read_only)  # before the old one is let go: a wrong folder changes nothing
        self.close()
        self._session.project = project
        self.training.allow()
        self.worker.forget_deaths()
        self._score_log.go_on(project)
        if not project.classes.all() and not read_only:
            for _ in range(2):
                project.classes.add()
        self.publish(ProjectOpened(project))
        self.publish(ClassesChanged())
        self.worker.launch_or_tell()
        return project

    def show_image(self, record: ImageRecord) -> None:
        """Work on an image of the project."""
        self._session.image = record
        self._upkeep.content.look_at(self.present_project(), record)
        self.suggestions.withdraw()
        self.view.show(record)

    def leave_image(self) -> None:
        """Work on no image, because our layers over it are gone; tell everybody."""
        self._session.image = None
        self._session.begin_generation()
        self.suggestions.withdraw()
        self.publish(ImageShown(None))

    def correct(self, wanted: ImageRecord) -> ImageRecord:
        """Remember the pixel size, axes and channels of this record; show the image again then.

        Axes and channels are those of all images like it on which nothing is painted.

        Raises
        ------
        UserError
            NU-I09 or NU-I30 to NU-I34 when that cannot be, NU-P11 in a read-only project.
        """
        project = self.present_project()
        before = project.images.get(wanted.id)
        if wanted.axes != before.axes:
            project.images.set_axes(wanted.id, wanted.axes)
        if wanted.chosen != project.images.get(wanted.id).chosen:
            project.images.set_channels(wanted.id, wanted.chosen or range(wanted.all_channels))
        if wanted.pixel_size != before.pixel_size:
            project.images.set_pixel_size(wanted.id, wanted.pixel_size)
        self.strokes.predicted.forget()
        is_of_several = (wanted.axes, wanted.chosen) != (before.axes, before.chosen)
        self.worker.send(Corrected(None if is_of_several else wanted.id))
        return project.images.get(wanted.id)

    def remove_image(self, image_id: int) -> None:
        """Take an image, which is not on screen, out of the project with all that lies on it; its file stays.

        Raises
        ------
        UserError
            NU-E17 while it is exported, NU-P05 when there is no such image, NU-P07 when the disk refuses, NU-P11 in a
            read-only project.
        """
        images = self.present_project().images
        self.exports.refuse_without(images.get(image_id))
        images.remove(image_id)
        self.worker.send(Corrected(image_id))
        self.change_classes()

    def open_anew(self, image_id: int) -> None:
        """Let the worker open an image whose file lies elsewhere now."""
        self.worker.send(Corrected(image_id))
        self.view.ask_again()  # the worker drops the view of an image that is opened anew

    def change_classes(self) -> None:
        """Tell the worker and the window that classes of the project are different now."""
        self._tell_annotated()
        self.publish(ClassesChanged())

    def change_settings(self, settings: Settings) -> None:
        """Give the project other settings.

        Raises
        ------
        UserError
            NU-C01 for settings that do not fit, NU-W04 without a project, NU-P11 where it is open read-only.
        """
        stored = self.present_project().settings.write(settings)
        self.publish(SettingsChanged(stored))
        self.change_classes()

    def tick(self) -> None:
        """Deal with what the worker said, with its death, and with what is done now and then."""
        if self.project is not None:
            self._upkeep.tick(self.project)
        self.worker.tick(self.hear)

    def hear(self, message: ToWindow) -> None:
        """Hand on what the worker said, unless it answers a wish that has passed."""
        if isinstance(message, Tile | Objects | Counted | Estimated) and message.generation != self.generation:
            return
        if isinstance(message, Suggested) and not self.suggestions.is_wanted(message):
            return
        self.publish(message)

    def close(self) -> None:
        """Let go of worker and project; everything is on disk."""
        self.training.is_on = False
        self._upkeep.content.forget()
        self._session.image = None
        self.strokes.predicted.forget()
        self.worker.stop()
        if self._session.project is not None:
            self._session.project.close()
            self._session.project = None

    def _tell_annotated(self, own: bool = True) -> None:
        """Tell the worker that something is annotated otherwise; it drops the question where to paint then."""
        self.suggestions.drop()
        self.worker.send(Annotated(own=own))
        self.view.ask_weights()


def _opened(folder: Path, *, read_only: bool) -> Project:
    """Open a project of which everybody who hears of it can read the settings and classes; else let go of it again."""
    with contextlib.ExitStack() as refused:
        project = refused.enter_context(Project(folder, read_only=read_only))
        project.settings.read()
        project.classes.all()
        refused.pop_all()
    return project
