"""What the worker does next: hear, predict what is on screen, learn, predict the rest; one slice at a time."""

import time
from collections.abc import Callable
from typing import assert_never

import numpy as np
from jaxtyping import UInt8

from napari_unet.dataset.training_image import difference, other_pixel_size
from napari_unet.dataset.weight_map import class_weights, weight_map
from napari_unet.errors import UserError
from napari_unet.evaluation.predicted_maps import PREDICTED_MAPS, map_values
from napari_unet.evaluation.scores import Score
from napari_unet.images.halved_plane import HalvedPlane
from napari_unet.images.tiles import Region
from napari_unet.network.base import base_checkpoint
from napari_unet.network.device import Device, is_out_of_memory, without_graphics
from napari_unet.network.feature_cache import CachedPlane
from napari_unet.packaging.prediction_files import check_channels
from napari_unet.prediction.view import View
from napari_unet.project.project import Project
from napari_unet.protocol.channel import LIMIT
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import (
    Agreed,
    Annotated,
    CancelExport,
    Corrected,
    Export,
    Look,
    Noticed,
    Open,
    OtherPixelSize,
    PauseExport,
    Progress,
    Ready,
    Restore,
    Scored,
    ShowWeights,
    Suggest,
    Tile,
    ToWorker,
    Train,
    Weights,
)
from napari_unet.training.learner import Learner
from napari_unet.training.rehearsal import rehearse
from napari_unet.worker.jobs.exports import Exports
from napari_unet.worker.jobs.label_check import StrokeScoring
from napari_unet.worker.jobs.live_objects import LiveObjects
from napari_unet.worker.jobs.where_next import WhereNext

_FIRST_SHOWING_S = 0.4  # of training after a stroke, before the overlay answers to it
_SHOWING_GROWTH = 1.5
_LAST_SHOWING_S = 4.0
_SAVE_EVERY_S = 20.0
_TRAINING_SHARE = 1.0  # seconds of training for every second of predicting what is on screen
_REST_TRAINING_SHARE = 3.0  # and for every second of predicting what nobody looks at
_PROGRESS_EVERY_S = 0.25
_LARGEST_MAP = LIMIT - 2**16  # bytes; the rest is for what else a message says


class Engine:
    """Owns learner and view; ``receive`` never takes long, ``work`` does one step, tile, weight map or export.

    Parameters
    ----------
    send : takes every message for the window
    device : where the network lives
    clock : seconds, monotonic
    """

    def __init__(
        self, send: Callable[[Message], None], device: Device, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._device = device
        self._clock = clock
        self._learner: Learner | None = None
        self._view: View | None = None
        self._training = False
        self._exports = Exports(send, self._compare, self._show_plane)
        self._exported_last = False
        self._weights_wanted: ShowWeights | None = None
        self._where_next = WhereNext(clock)
        self._stroke_scoring = StrokeScoring()
        self._live_objects = LiveObjects(send)
        self._showing_pause = _FIRST_SHOWING_S
        self._next_showing = 0.0
        self._next_save = 0.0
        self._next_progress = 0.0
        self._owed_to_training = 0.0  # seconds
        self._strokes_are_new = False
        self._is_rehearsed = False
        self._cache_is_incomplete = True  # until the feature cache holds everything on screen
        self._compared: set[int] = set()  # images of which was told whether they are unlike those trained on

    @property
    def has_work(self) -> bool:
        """Whether ``work`` would do something."""
        wanted = self._exports.has_work or self._weights_wanted is not None or self._where_next.is_asked
        wanted = wanted or self._stroke_scoring.is_under_way or self._can_judge
        return wanted or self._can_train or self._can_predict

    def rehearse(self) -> bool:
        """While nobody waits: a part of what the first stroke will need; False when nothing is left."""
        if self._learner is None:
            return False
        if not self._is_rehearsed:
            self._is_rehearsed = True
            rehearse()
            return True
        return (
            self._view is not None and self._cache_is_incomplete and self._fill_feature_cache(self._learner, self._view)
        )

    def _fill_feature_cache(self, learner: Learner, view: View) -> bool:
        """Cache the features of a tile on screen; where that fails, the answer takes as long as without a cache."""
        self._cache_is_incomplete = False
        try:
            tiles = [_tile_of(view, *wanted) for wanted in view.on_screen()]
            if learner.has_no_network:
                self._cache_is_incomplete = learner.screen_cache.fill(tiles, learner.settings, learner.device)
        except UserError as error:
            self._send(Noticed(str(error)))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            learner.screen_cache.drop()
        return self._cache_is_incomplete

    def receive(self, message: ToWorker) -> None:
        """Take note of a wish."""
        match message:
            case Open():
                self._open(message)
            case Look():
                self._look(message)
            case Annotated():
                self._annotated(own=message.own)
            case Corrected():
                self._corrected(message.image_id)
            case Train():
                self._train(message.on)
            case Restore():
                self._restore()
            case Export():
                self._exports.ask(message)
            case PauseExport():
                self._exports.pause(is_paused=message.on)
            case CancelExport():
                self._exports.cancel()
            case ShowWeights():
                self._weights_wanted = message  # of two wishes only the newer is on screen
            case Suggest():
                self._where_next.ask(message, self._require())
            case _:
                assert_never(message)

    def work(self) -> None:
        """Do the most urgent slice; when the memory is not enough for it, ask for less and do it again later."""
        try:
            self._work()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or self._learner is None:
                raise
        else:
            self._tell_notices()
            return
        self._require().tighten_memory_limits()
        self._where_next = WhereNext(self._clock)  # it and the check hold networks of their own
        self._stroke_scoring = StrokeScoring()
        self._ask_again()
        self._tell_notices()

    def _tell_notices(self) -> None:
        if self._learner is not None:
            for line in self._learner.notices:
                self._send(Noticed(line))
            self._learner.notices.clear()

    def _work(self) -> None:
        # By turns with everything else: an export may take an hour.
        self._exported_last = self._exports.has_work and not self._exported_last
        if self._exported_last:
            self._exports.work(self._require())
        elif self._weights_wanted is not None:
            wish, self._weights_wanted = self._weights_wanted, None
            self._send_weights(wish)
        elif self._where_next.is_asked and not (self._visible_waits and self._tile_is_due()):
            answer = self._where_next.work()
            if answer is not None:
                self._send(answer)
        elif self._stroke_scoring.is_under_way and not self._visible_waits:
            doubted = self._stroke_scoring.work(self._require())
            if doubted is not None:
                self._send(doubted)
        elif self._can_predict and self._tile_is_due():
            self._predict_tile()
        elif self._can_judge:  # after the first tile that answers to the stroke
            agreement = self._require().agreement
            agreement.judge()
            self._send(Agreed(agreement.share, agreement.strokes))
        elif self._can_train:
            self._train_step()
        self._report(at_once=not self.has_work)  # the last word before resting is never withheld

    def save(self) -> None:
        """Write what was learned since the last time."""
        if self._learner is not None:
            self._learner.save()

    def stop_after(self, error: Exception) -> None:
        """Stop the work that failed; the window hears of it and painting goes on."""
        if isinstance(error, UserError) and error.code.startswith("NU-E"):
            return  # an export that could not be written is no reason to stop learning
        self._training = False
        self._view = None
        self._where_next = WhereNext(self._clock)  # the question may be what fails
        self._report(at_once=True)

    @property
    def _can_train(self) -> bool:
        return (
            self._training and self._learner is not None and not self._learner.obstacle and not self._learner.is_settled
        )

    @property
    def _can_predict(self) -> bool:
        return (
            self._view is not None
            and self._view.waiting > 0
            and self._learner is not None
            and self._learner.predictor is not None
        )

    @property
    def _can_judge(self) -> bool:
        return self._learner is not None and self._learner.agreement.waits

    @property
    def _shown_step(self) -> int:
        shown = None if self._learner is None else self._learner.selection.shown
        return 0 if shown is None else shown.step

    @property
    def _visible_waits(self) -> bool:
        return self._can_predict and self._view is not None and self._view.next_is_visible

    @property
    def _next_is_cached(self) -> bool:
        """Whether the next tile costs next to nothing: a training step would cost more."""
        learner, view = self._learner, self._view
        if learner is None or view is None:
            return False
        wanted = next(view.on_screen(), None)
        return wanted is not None and learner.screen_cache.has(*_tile_of(view, *wanted))

    def _tile_is_due(self) -> bool:
        # Without a share of its own, training would starve under a large view: every step brings a network to show,
        # and showing it takes many tiles.
        return not self._can_train or self._owed_to_training <= 0 or self._next_is_cached

    def _open(self, message: Open) -> None:
        # The window writes strokes; the worker only reads the database. Checkpoints are files beside it.
        project = Project(message.folder, read_only=True)
        device = self._device
        if message.spare_device and device.kind != "cpu":
            device = without_graphics(device)
            self._send(Ready(device.kind, device.reason))
        self._learner = Learner(project, device, message.seed, base_checkpoint(message.base), message.memory_steps)
        self._where_next = WhereNext(self._clock)
        self._stroke_scoring = StrokeScoring()
        self._view = None
        self._training = False
        self._compared.clear()
        if self._learner.predictor is not None:
            self._send(Scored(self._learner.selection.score(), None))
        self._report(at_once=True)

    def _look(self, message: Look) -> None:
        if self._view is not None and self._view.generation == message.generation:
            self._view.look_at(message.visible)
            self._view.map, self._view.class_id = message.map, message.class_id
            self._view.small = message.small
            self._cache_is_incomplete = True
            return
        wish = (message.map, message.class_id, message.covered, message.small)
        self._view = View(message.generation, message.image_id, message.plane, message.visible, *wish)
        self._cache_is_incomplete = True
        self._owed_to_training = 0.0  # another image answers at once
        self._where_next.note_look((message.image_id, message.plane))
        self._ask_again()

    def _annotated(self, *, own: bool) -> None:
        if self._learner is None:
            return
        changed = self._learner.refresh(own=own)
        self._cache_is_incomplete = True
        self._where_next.note_strokes()
        self._strokes_are_new = True
        self._owed_to_training = 0.0
        self._showing_pause = _FIRST_SHOWING_S
        self._next_showing = self._clock() + self._showing_pause
        self._answer_at_once()
        if changed and not self._can_train:  # nobody else would score what is shown on other pixels
            self._send_score(self._learner.selection.rescore())
        self._live_objects.ask(self._view, self._learner)  # classes or settings may be others
        self._report(at_once=True)

    def _corrected(self, image_id: int | None) -> None:
        self._require().annotations.reopen(image_id)
        self._require().screen_cache.drop()
        self._cache_is_incomplete = True
        self._compared = set() if image_id is None else self._compared - {image_id}
        if self._view is not None and image_id in (None, self._view.image_id):
            self._view = None  # its plane may be none of the image's any more

    def _send_score(self, score: Score | None) -> None:
        if score is not None:
            self._send(Scored(score, None))

    def _answer_at_once(self) -> None:
        """Show what a head fitted to the newest strokes says, before any step."""
        if self._can_train and self._require().answers_at_once:
            self._show_newest()

    def _restore(self) -> None:
        result = self._require().restore_best()
        if result is not None:
            self._send(Scored(result, None))
            self._ask_again()
            self.save()
        self._report(at_once=True)

    def _train(self, on: bool) -> None:
        self._training = on
        now = self._clock()
        self._next_save = now + _SAVE_EVERY_S
        self._next_showing = now + self._showing_pause
        if on and self._learner is not None and self._learner.predictor is None:
            self._answer_at_once()
        if not on and self._learner is not None and self._learner.trainer is not None:
            self._show_newest(score=True)
            self.save()
        self._report(at_once=True)

    def _train_step(self) -> None:
        learner = self._require()
        began = self._clock()
        learner.step()
        now = self._clock()
        self._owed_to_training -= now - began
        if learner.is_settled:  # the last word before the rest
            self._show_newest(score=True)
            self.save()
            self._stroke_scoring.begin(learner)
            return
        # A repaint is finished before the next one begins, unless the user has painted since.
        if now >= self._next_showing and (self._strokes_are_new or not self._visible_waits):
            self._show_newest()
            self._showing_pause = min(self._showing_pause * _SHOWING_GROWTH, _LAST_SHOWING_S)
            self._next_showing = self._clock() + self._showing_pause
        if now >= self._next_save:
            self.save()
            self._stroke_scoring.begin(learner)
            self._next_save = self._clock() + _SAVE_EVERY_S

    def _show_newest(self, *, score: bool = False) -> None:
        learner = self._require()
        result = learner.show_newest(score=score)
        if result is not None:
            self._send(Scored(result, learner.loss))
        self._owed_to_training = 0.0  # the first tile is due at once
        self._strokes_are_new = False
        self._ask_again()

    def _ask_again(self) -> None:
        if self._view is None or self._learner is None:
            return
        # By its record: while a user pages through images, none of them is opened.
        height, width = self._learner.project.images.get(self._view.image_id).annotation_shape[-2:]
        self._view.refill(height, width, self._learner.settings.prediction_tile)

    def _predict_tile(self) -> None:
        learner, view = self._require(), self._view
        predictor = learner.predictor
        if view is None or predictor is None:
            return
        planes = learner.annotations.pixels(view.image_id)
        check_channels(predictor, planes)
        self._compare(view.image_id)
        share = _TRAINING_SHARE if view.next_is_visible else _REST_TRAINING_SHARE
        region, halved = view.take()
        began = self._clock()
        plane = planes.with_context(view.plane, predictor.context_planes)
        source = HalvedPlane(plane) if halved else plane
        shown, part = _tile_of(view, region, halved)
        learner.screen_cache.attach(predictor, shown)
        values = b""
        if view.map in PREDICTED_MAPS:
            labels, probabilities = predictor.classes_and_probabilities(source, part)
            map_shown = map_values(view.map, view.class_id, predictor.class_ids, probabilities)
            values = (_doubled(map_shown, region) if halved else map_shown).tobytes()
        else:
            labels = predictor.classes(source, part)
        if halved:
            labels = _doubled(labels, region)
        self._owed_to_training = share * (self._clock() - began)
        place = (view.generation, view.image_id, view.plane, region)
        self._send(Tile(*place, labels.tobytes(), self._shown_step, values))
        if not halved:
            self._live_objects.put(view, region, labels, planes)
        if not view.next_is_visible:
            self._live_objects.ask(view, learner)

    def _show_plane(self, image_id: int, plane: int, mask: UInt8[np.ndarray, "y x"]) -> None:
        """An exported plane of the stack on screen is seen at once, also in 3-D; the one on screen is newer."""
        view = self._view
        if view is None or view.image_id != image_id or view.plane == plane or mask.size > _LARGEST_MAP:
            return
        place = (view.generation, image_id, plane, Region(0, 0, *mask.shape))
        self._send(Tile(*place, (mask + 1).tobytes(), self._shown_step))

    def _compare(self, image_id: int) -> None:
        """Tell once when an image that nothing is painted on is unlike those that were trained on."""
        annotations = self._require().annotations
        if image_id in self._compared or any(image_id == painted for painted, _ in annotations.planes):
            return
        self._compared.add(image_id)
        trained, planes = annotations.training_images(), annotations.pixels(image_id)
        line = difference(trained, planes)
        if line:
            self._send(Noticed(line))
        factors = other_pixel_size(trained, planes)
        if factors:
            self._send(OtherPixelSize(image_id, factors))

    def _send_weights(self, message: ShowWeights) -> None:
        annotations = self._require().annotations
        height, width = annotations.project.images.get(message.image_id).annotation_shape[-2:]
        region = message.covered or Region(0, 0, height, width)
        painted = annotations.planes.get((message.image_id, message.plane))
        if painted is None:
            weights = np.zeros(region.shape, np.float32)
        else:
            here, balance = region.slices, class_weights(annotations.counts())
            weights = weight_map(painted.labels[here], painted.trained[here], balance, painted.border[here])
        self._send(Weights.of(message.image_id, message.plane, region, weights, _LARGEST_MAP))

    def _report(self, *, at_once: bool) -> None:
        now = self._clock()
        if not at_once and now < self._next_progress:
            return
        self._next_progress = now + _PROGRESS_EVERY_S
        learner = self._learner
        obstacle = learner.obstacle if learner else "no project is open"
        learning = "resting" if learner and learner.is_settled else "training"
        state = "paused" if not self._training else "waiting" if obstacle else learning
        step = learner.trainer.step_count if learner and learner.trainer else 0
        waiting = self._view.waiting if self._view else 0
        loss, shown = (learner.loss, learner.selection.shown) if learner else (None, None)
        shown_step = shown.step if shown else None
        self._send(
            Progress(state, step, loss, waiting, obstacle, shown_step, self._strokes_are_new)  # type: ignore[arg-type]
        )

    def _require(self) -> Learner:
        if self._learner is None:
            raise UserError("NU-W04", "no project is open", "worker", "choose an image first")
        return self._learner


def _tile_of(view: View, region: Region, halved: bool) -> tuple[CachedPlane, Region]:
    """Where a tile of a view is predicted, and which pixels it has there."""
    return CachedPlane(view.image_id, view.plane, halved), region.halved() if halved else region


def _doubled(values: UInt8[np.ndarray, "h w"], region: Region) -> UInt8[np.ndarray, "y x"]:
    """What was predicted for a halved plane, at the size of the region."""
    height, width = region.shape
    return values.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
