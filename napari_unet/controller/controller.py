"""What happens between a painted stroke and a new overlay. Knows neither Qt nor napari."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
from jaxtyping import UInt8

from napari_unet.controller.annotation_clock import AnnotationClock
from napari_unet.controller.cover import corners, first_cover
from napari_unet.controller.disk_space import DiskSpace, low_space
from napari_unet.controller.supervision import Supervision
from napari_unet.errors import UserError
from napari_unet.evaluation.scores import Score
from napari_unet.images.image import Image
from napari_unet.images.overwriting import refuse_overwriting
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.protocol.exit_code import LOST_DEVICE

_EXPORT_TRIES = 1  # after a worker died over it
_KILLED = -9  # by the system, which does it to who takes the most memory


@runtime_checkable
class Window(Protocol):
    """What the controller asks of whoever shows things."""

    def show_tile(self, image_id: int, plane: int, region: Region, labels: UInt8[np.ndarray, "h w"]) -> None:
        """Put predicted classes over the image."""

    def show_score(self, score: Score, loss: float | None) -> None:
        """Tell the held-out Dice."""

    def show_agreement(self, share: float | None, strokes: int) -> None:
        """Tell how the newest strokes agreed with the overlay."""

    def show_weights(self, weights: m.Weights) -> None:
        """Put the weight map over the image."""

    def show_map(self, image_id: int, plane: int, region: Region, values: UInt8[np.ndarray, "h w"]) -> None:
        """Put a tile of the wanted map over the image."""

    def show_objects(self, objects: m.Objects) -> None:
        """Put numbered objects over the image, with what was measured of them."""

    def show_progress(self, progress: m.Progress) -> None:
        """Tell how training goes."""

    def show_device(self, reason: str) -> None:
        """Tell where the network lives."""

    def show_message(self, line: str) -> None:
        """One plain line about something that went wrong."""

    def show_notice(self, line: str) -> None:
        """One plain line about something that stops nothing."""

    def offer_rescaled(self, image_id: int, factors: tuple[float, float]) -> None:
        """Offer a copy of an image with so many times its rows and columns, at the pixel size trained on."""

    def show_suggestion(self, suggested: m.Suggested) -> None:
        """Go where a stroke would teach most, or tell why there is no such place."""

    def drop_suggestion(self) -> None:
        """Take back where a stroke would teach most: it may be elsewhere by now."""

    def show_doubted(self, doubted: m.Doubted) -> None:
        """Ask about strokes that may be wrong."""

    def show_exporting(self, share: float) -> None:
        """So much of an export is predicted."""

    def show_exported(self, paths: tuple[str, ...]) -> None:
        """Tell where the files are; no paths: the export was given up."""

    def show_classes(self) -> None:
        """Classes or their labelled pixels changed."""


@runtime_checkable
class WorkerClient(Protocol):
    """The running worker as the controller sees it."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""

    def send(self, message: m.Message) -> None:
        """Never waits."""

    def poll(self) -> list[m.ToWindow]:
        """What has arrived."""

    def kill(self) -> None:
        """End it at once."""

    def close(self) -> None:
        """Let it save and end."""


class Controller:
    """Owns the project, the worker and the one number that tells new answers from old ones.

    Parameters
    ----------
    window : shows what there is to show
    start_worker : gives a running worker whose errors go to the file named
    clock : seconds, monotonic
    """

    def __init__(
        self, window: Window, start_worker: Callable[[Path], WorkerClient], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.project: Project | None = None
        self.image: ImageRecord | None = None
        self.plane = 0
        self.generation = 0
        self.training = False
        self._window = window
        self._start_worker = start_worker
        self._clock = clock
        self.annotation_clock = AnnotationClock(clock)
        self._client: WorkerClient | None = None
        self._visible: tuple[int, int, int, int] | None = None
        self._small = False
        self._covered: tuple[int, int, int, int] | None = None  # by layers; None for the whole plane
        self._held_back = False  # the user paused: strokes do not start the training again
        self._weights_wanted = False
        self._map: tuple[m.MapKind, int] = ("", 0)  # and the class of a probability
        self._taken_over = False  # the next commit holds what the network said, not what the user knew
        self._question = 0  # number of the newest one about where to paint; answers to others are dropped
        self._supervision = Supervision(clock)
        self._disk_space = DiskSpace(clock)
        self._memory_steps = 0  # how often a worker was ended by the system since the user's last start
        self._spare_device = False
        self._export: m.Export | None = None  # what is being exported
        self._export_deaths = 0  # of workers over it

    @property
    def has_worker(self) -> bool:
        """Whether a worker process runs."""
        return self._client is not None

    def open_project(self, folder: Path, *, read_only: bool = False) -> Project:
        """Leave the present project and use this one."""
        if self.project is not None and self.project.folder == Path(folder).absolute():
            self.close()  # nobody else may write it, not even we
        project = Project(folder, read_only=read_only)  # before the old one is let go: a wrong folder changes nothing
        self.close()
        self.project = project
        self._held_back = False
        self._forget_deaths()
        measured = (r["annotation_s"] for r in reversed(project.scores()) if "annotation_s" in r)
        self.annotation_clock.set(next(measured, 0.0))
        if not project.classes() and not read_only:
            for _ in range(2):
                project.add_class()
        self._launch()
        self._window.show_classes()
        return project

    def choose_image(self, image: Image, source: Path | None) -> ImageRecord:
        """Work on an image; it joins the project if it is not in it."""
        return self.show_image(self._require().add_image(image, source))

    def show_image(self, record: ImageRecord) -> ImageRecord:
        """Work on an image of the project."""
        self.image = record
        self.plane = 0
        self._visible = None
        cover = first_cover(record)
        self._covered = None if cover.shape == record.annotation_shape[-2:] else corners(cover)
        self.generation += 1
        self._question += 1
        self._ask_weights()
        return self.image

    def correct(self, wanted: ImageRecord) -> ImageRecord:
        """Remember the pixel size, axes and channels of this record; show the image again then."""
        project = self._require()
        before = project.image(wanted.id)
        if wanted.axes != before.axes:
            project.set_axes(wanted.id, wanted.axes)
        if wanted.chosen != project.image(wanted.id).chosen:
            project.set_channels(wanted.id, wanted.chosen or range(wanted.all_channels))
        if wanted.pixel_size != before.pixel_size:
            project.set_pixel_size(wanted.id, wanted.pixel_size)
        self._tell(m.Corrected(None if wanted.chosen != before.chosen else wanted.id))
        return project.image(wanted.id)

    def commit(self, plane: int, labels: UInt8[np.ndarray, "h w"], region: Region | None = None) -> bool:
        """Save the strokes of a plane or a region of it; whether anything had changed. Begins training when it can."""
        if self.project is None or self.image is None:
            return False
        if not self.project.commit(self.image.id, plane, labels, region):
            return False
        self._tell_annotated(own=not self._taken_over)
        self._taken_over = False
        self._window.show_classes()
        self._start_by_itself()
        return True

    def keep_elsewhere(self, planes: Mapping[int, UInt8[np.ndarray, "h w"]], region: Region) -> UserError | None:
        """Strokes of the image that the project's disk refuses, and whose layer goes; what to tell the user."""
        if self.project is None or self.image is None or self.project.read_only or not planes:
            return None
        try:
            path = self.project.keep_elsewhere(self.image, planes, region)
        except UserError as error:
            return error
        what = "strokes that the project's disk does not take are kept elsewhere"
        fix = "open the project again when there is room: it takes them back"
        return UserError("NU-P20", what, str(path), fix)

    def accept(
        self, plane: int, predicted: UInt8[np.ndarray, "h w"], region: Region | None = None
    ) -> UInt8[np.ndarray, "h w"]:
        """What of the predicted labels (0: not asked for) the user may take over; paint it, then it is committed.

        They are those of a region, or of the whole plane.

        Raises
        ------
        UserError
            NU-A11 when nothing is left.
        """
        if self.image is None:
            return np.zeros_like(predicted)
        labels = self.take_over(plane, predicted, region)
        if not labels.any():
            raise UserError(
                "NU-A11",
                "there is nothing to accept in the circle",
                "no prediction there, or painted already, or held out for the score",
                "circle predicted pixels elsewhere",
            )
        return labels

    def take_over(
        self, plane: int, predicted: UInt8[np.ndarray, "h w"], region: Region | None = None, *, repaint: bool = False
    ) -> UInt8[np.ndarray, "h w"]:
        """What of the predicted labels may be painted; the commit that follows says nothing about the overlay."""
        if self.image is None:
            return np.zeros_like(predicted)
        labels = self._require().acceptable(self.image.id, plane, predicted, region, repaint=repaint)
        self._taken_over = bool(labels.any())
        return labels

    def mark_test_areas(self, areas: dict[int, tuple[Region, ...]]) -> bool:
        """Save the test areas of the image, by plane; whether any are others now. The worker reads them at once."""
        if self.project is None or self.image is None:
            return False
        planes = sorted(set(areas) | set(self.project.test_areas(self.image.id)))
        changed = [self.project.set_test_areas(self.image.id, plane, areas.get(plane, ())) for plane in planes]
        if any(changed):
            self._tell_annotated()
        return any(changed)

    def look(self, plane: int, visible: Region, cover: Region | None = None, *, small: bool = False) -> None:
        """Tell the worker what is on screen now.

        Parameters
        ----------
        cover : the part of the plane that layers cover; None for all of it
        small : the screen shows every second pixel at most
        """
        if self.image is None:
            return
        covered = None if cover is None else corners(cover)
        if plane != self.plane or covered != self._covered:
            self.plane, self._covered = plane, covered
            self.generation += 1
            self._visible = None
            self._ask_weights()
        wanted = corners(visible)
        if (wanted, small) != (self._visible, self._small):
            self._visible, self._small = wanted, small
            self._ask_tiles()

    def start(self) -> None:
        """Train until told otherwise; starts the worker again if it was stopped."""
        self._require().refuse_when_read_only()
        self._held_back = False
        self._forget_deaths()
        if self._client is None:
            self._launch()
        self.training = True
        self._tell(m.Train(on=True))

    def pause(self) -> None:
        """Stop learning for now; the network is scored and saved."""
        self._held_back = True
        self.training = False
        self._tell(m.Train(on=False))

    def restore_best(self) -> None:
        """Go back to the network with the highest held-out Dice; learning goes on from it."""
        self._require().refuse_when_read_only()
        self._tell(m.Restore())

    def stop(self) -> None:
        """End the worker and give back its memory; what was learned is saved."""
        self._held_back = True
        self.training = False
        self._give_export_up()
        if self._client is not None:
            self._client.close()
            self._client = None

    def export(self, folder: Path, formats: tuple[str, ...]) -> None:
        """Ask for the files of the present image."""
        if self.image is None:
            raise UserError("NU-W04", "no image is chosen", "export", "choose an image first")
        refuse_overwriting(self.image.path, folder, self.image.name)
        low = low_space(folder if folder.exists() else folder.parent)
        if low is not None:
            self._window.show_notice(str(low))
        if self._client is None:
            self._launch()
        # Absolute, for the worker lives in another folder.
        self._export, self._export_deaths = m.Export(self.image.id, str(folder.absolute()), formats), 0
        self._tell(self._export)

    def pause_export(self, *, on: bool) -> None:
        """Leave the export for now, or go on with it."""
        self._tell(m.PauseExport(on))

    def cancel_export(self) -> None:
        """Give the export up."""
        self._tell(m.CancelExport())

    def _give_export_up(self) -> None:
        if self._export is not None:
            self._export = None
            self._window.show_exported(())

    def ask_where_next(self) -> None:
        """Ask where a stroke would teach most."""
        if self.image is None:
            raise UserError("NU-W04", "no image is chosen", "where next", "choose an image first")
        if self._client is None:
            self._launch()
        self._question += 1
        self._tell(m.Suggest(self._question, self.image.id, self.plane))

    def want_weights(self, on: bool) -> None:
        """Ask for the weight map of the plane on screen, and again whenever it may be another, or no more."""
        self._weights_wanted = on
        if on and self.image is not None and self._client is None:
            self._launch()
        else:
            self._ask_weights()

    def want_map(self, kind: m.MapKind, class_id: int = 0) -> None:
        """Ask for a map with the tiles, or for the objects of the plane; "" for neither."""
        if (kind, class_id) == self._map:
            return
        self._map = (kind, class_id)
        if kind:
            self.generation += 1  # tiles that are on their way hold another map, or none
        if kind and self.image is not None and self._client is None:
            self._launch()
        else:
            self._ask_tiles()

    def change_classes(self) -> None:
        """Tell the worker that classes or settings are different now."""
        self._tell_annotated()
        self._window.show_classes()

    def tick(self) -> None:
        """Deal with what the worker said, with its death, and with a disk that fills up."""
        if self.project is not None:
            self._tell_of(self.project)
        client = self._client
        if client is None:
            return
        for message in client.poll():
            self._supervision.heard()
            self._hear(message)
        if client is not self._client:
            return
        if client.exit_code is not None:
            self._worker_died(client)
        elif self._supervision.hangs():
            client.kill()
            self._worker_died(client, hung=True)

    def close(self) -> None:
        """Let go of worker and project; everything is on disk."""
        self.training = False
        self.image = None
        self._give_export_up()
        if self._client is not None:
            self._client.close()
            self._client = None
        if self.project is not None:
            self.project.close()
            self.project = None

    def _hear(self, message: m.ToWindow) -> None:
        match message:
            case m.Ready():
                self._window.show_device(message.reason)
            case m.Tile():
                if message.generation == self.generation:
                    place = Region(message.y0, message.x0, message.y0 + message.height, message.x0 + message.width)
                    self._window.show_tile(message.image_id, message.plane, place, message.array())
                    if message.map:
                        self._window.show_map(message.image_id, message.plane, place, message.map_array())
            case m.Weights():
                self._window.show_weights(message)
            case m.Objects():
                if message.generation == self.generation:
                    self._window.show_objects(message)
            case m.Progress():
                self._window.show_progress(message)
            case m.Scored():
                self._remember(message.score, message.loss)
                self._window.show_score(message.score, message.loss)
            case m.Suggested():
                if message.number == self._question:
                    self._window.show_suggestion(message)
            case m.Doubted():
                self._window.show_doubted(message)
            case m.Agreed():
                self._window.show_agreement(message.share, message.strokes)
            case m.Exporting():
                self._window.show_exporting(message.share)
            case m.Exported():
                self._export = None
                self._window.show_exported(message.paths)
            case m.Failed():
                self.training = self.training and message.line.startswith("NU-E")
                self._window.show_message(message.line)
            case m.Noticed():
                self._window.show_notice(message.line)
            case m.OtherPixelSize():
                self._window.offer_rescaled(message.image_id, message.factors)
            case m.Alive():
                pass  # heard

    def _tell_of(self, project: Project) -> None:
        """What the user does not know yet of the project's files."""
        for line in project.notices:
            self._window.show_message(line)
        project.notices.clear()
        low = self._disk_space.news(project.folder)
        if low is not None:
            self._window.show_notice(str(low))

    def _remember(self, score: Score, loss: float | None) -> None:
        if self.project is not None and not self.project.read_only and loss is not None:
            record = {"loss": loss, "annotation_s": self.annotation_clock.seconds, **msgspec.to_builtins(score)}
            self.project.add_score(score.step, record)

    def _worker_died(self, client: WorkerClient, *, hung: bool = False) -> None:
        code = client.exit_code
        client.close()
        self._client = None
        if code == _KILLED and not hung:
            self._memory_steps += 1
        self._spare_device = self._spare_device or code == LOST_DEVICE
        line = self._supervision.note_death(hung=hung)
        if line is not None:
            self._window.show_message(str(line))
        self._export_deaths += 1
        if self._export is not None and self._export_deaths > _EXPORT_TRIES:
            what, fix = "the worker ended twice during the export", "choose fewer formats, or napari-unet export"
            self._window.show_message(str(UserError("NU-E15", what, self._export.folder, fix)))
            self._give_export_up()
        if self._supervision.is_given_up:
            self.training = False
            self._give_export_up()
        else:
            self._launch()

    def _forget_deaths(self) -> None:
        self._supervision.start_over()
        self._memory_steps = 0
        self._spare_device = False

    def _launch(self) -> None:
        project = self._require()
        self._client = self._start_worker(project.folder / "worker.log")
        self._supervision.launched()
        opened = m.Open(str(project.folder), memory_steps=self._memory_steps, spare_device=self._spare_device)
        self._tell(opened)
        self._ask_tiles()
        self._ask_weights()
        if self.training:
            self._tell(m.Train(on=True))
        if self._export is not None:
            self._tell(self._export)  # from the beginning: what was predicted is gone

    def _ask_tiles(self) -> None:
        if self.image is not None and self._visible is not None:
            wish = (self.generation, self.image.id, self.plane, self._visible, *self._map, self._covered)
            self._tell(m.Look(*wish, small=self._small))

    def _ask_weights(self) -> None:
        if self._weights_wanted and self.image is not None:
            self._tell(m.ShowWeights(self.image.id, self.plane, self._covered))

    def _start_by_itself(self) -> None:
        project = self._require()
        painted = sum(count > 0 for count in project.labelled_pixels().values())
        if painted >= 2 and not self.training and not self._held_back and project.settings.start_by_itself:
            self.start()

    def _tell_annotated(self, *, own: bool = True) -> None:
        """Something is annotated otherwise; the worker then drops the question where to paint."""
        self._question += 1  # an answer that is under way comes too late
        self._window.drop_suggestion()
        self._tell(m.Annotated(own=own))
        self._ask_weights()

    def _tell(self, message: m.Message) -> None:
        if self._client is not None:
            self._client.send(message)

    def _require(self) -> Project:
        if self.project is None:
            raise UserError("NU-W04", "no project is open", "panel", "choose an image first")
        return self.project
