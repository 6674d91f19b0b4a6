"""A project that learns: strokes, trainer and the choice of the network that predicts, in one hand."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

from napari_unet import storage
from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.errors import UserError
from napari_unet.evaluation.scores import Score
from napari_unet.images.halved_plane import HalvedPlane
from napari_unet.images.tiles import Region
from napari_unet.network.checkpoint import Checkpoint, copy_checkpoint, load_checkpoint, save_checkpoint
from napari_unet.network.device import Device, give_back_memory, is_out_of_memory
from napari_unet.network.feature_cache import CachedPlane, FeatureCache
from napari_unet.network.inference import Predictor
from napari_unet.project.project import Project
from napari_unet.training.agreement import Agreement
from napari_unet.training.device_group import ALONE, Alone
from napari_unet.training.memory_limits import MemoryLimits
from napari_unet.training.selection import Selection
from napari_unet.training.starting import base_for, starting_network
from napari_unet.training.trainer import Trainer

BEST, LAST, PREVIOUS = "best.safetensors", "last.safetensors", "previous.safetensors"
_SCORING_SHARE = 0.15  # of the time may go into scoring
_SCORING_PAUSE_S = 2.0  # between two scorings at least


class Learner:
    """Trains on a project's strokes and always has the network to predict with.

    ``best.safetensors`` holds the network that predicts, ``last.safetensors`` everything that training needs to go
    on, ``previous.safetensors`` what ``best`` was before.
    """

    def __init__(
        self,
        project: Project,
        device: Device,
        seed: int = 0,
        base: Checkpoint | None = None,
        memory_steps: int = 0,
        group: Alone = ALONE,
    ) -> None:
        self.project = project
        self._memory_limits = MemoryLimits(device)
        for _ in range(memory_steps):
            self._memory_limits = (self._memory_limits.tighter(project.settings) or (self._memory_limits, ""))[0]
        self.settings = self._memory_limits.applied(project.settings)
        self.device = device = self._memory_limits.device
        self.annotations = Annotations(project)
        self.selection = Selection(self.annotations, device)
        self.agreement = Agreement(self.annotations)
        self.trainer: Trainer | None = None
        self.version = 0  # grows when another network is shown
        self.notices: list[str] = []  # what went wrong without stopping anything, for the user
        self._seed = seed
        self._base = base
        self._feature_cache: FeatureCache | None = None
        self._group = group
        self._next_scoring = 0.0
        self._saved_version = 0
        self.refresh()
        self._load_shown()

    @property
    def obstacle(self) -> str:
        """Why nothing can be trained, for the user; "" when training can go on."""
        if self.trainer is not None and len(self.annotations.class_ids()) >= 2:
            return ""
        names = {label.id: label.name for label in self.project.classes()}
        painted = [f"'{names[class_id]}'" for class_id in self.annotations.class_ids()]
        return (
            f"only {painted[0]} is painted: add strokes of a second class"
            if painted
            else "paint strokes of two classes"
        )

    @property
    def is_settled(self) -> bool:
        """Whether more steps on the same strokes would bring nothing; new strokes end the rest."""
        return self.trainer is not None and self.trainer.is_settled

    @property
    def answers_at_once(self) -> bool:
        """Whether new strokes are in the network that ``show_newest`` shows before any step."""
        return self.trainer is not None and self.trainer.answers_at_once

    @property
    def predictor(self) -> Predictor | None:
        """The network that is shown; None before there is one."""
        shown = self.selection.shown
        return Predictor(shown.network, shown.class_ids, self.device) if shown else None

    def attach_feature_cache(self, predictor: Predictor, place: CachedPlane) -> None:
        """Let a predictor that is used for one plane only know what is foreseen of it."""
        feature_cache = self._feature_cache
        if feature_cache is not None:
            predictor.cached_logits = lambda region: feature_cache.logits(predictor.network, place, region)

    def fill_feature_cache(self, tiles: Sequence[tuple[CachedPlane, Region]]) -> bool:
        """Look at one of these tiles before there is a stroke to answer; False when nothing is left to be done.

        All are of one image, the most wanted first.
        """
        base = base_for(self.settings, self._base)
        is_first = self.trainer is None and self.selection.shown is None
        if not (is_first and tiles and base is not None and base.architecture.head == "experts"):
            return False
        channels = self.annotations.pixels(tiles[0][0].image_id).image.channels
        if self._feature_cache is None or self._feature_cache.architecture.image_channels != channels:
            network = starting_network(channels, (1, 2), self.settings, self._seed, None, base).eval()
            self._feature_cache = FeatureCache(network.to(self.device.torch_device), self.device)
        tile = self._feature_cache.keep(tiles)
        if tile is None:
            return False
        place, region = tile
        plane = self.annotations.with_context(
            (place.image_id, place.plane), self._feature_cache.architecture.context_planes
        )
        self._feature_cache.add(place, HalvedPlane(plane) if place.halved else plane, region)
        return True

    def has_cached(self, place: CachedPlane, region: Region) -> bool:
        """Whether a tile costs next to nothing."""
        return self._feature_cache is not None and self._feature_cache.has(place, region)

    def drop_feature_cache(self) -> None:
        """Give back the memory of what ``fill_feature_cache`` has kept, or see it anew because the image is another."""
        self._feature_cache = None

    def refresh(self, *, own: bool = True) -> list[PlaneKey]:
        """Read new strokes and settings from the project; the planes that changed.

        Strokes that are not the user's own but the network's answer, taken over, say nothing about how good it is.
        """
        before, self.settings = self.settings, self._memory_limits.applied(self.project.settings)
        if _network_of(self.settings) != _network_of(before):
            self.drop_feature_cache()
        changed = self.annotations.refresh(self.settings)
        shown = self.predictor
        if changed and own and shown is not None:
            self.agreement.note(shown)
        if changed:
            # The overlay answers to new strokes first; judging the network can wait a moment.
            self.selection.release()
            self._next_scoring = max(self._next_scoring, time.monotonic() + _SCORING_PAUSE_S)
        if len(self.annotations.class_ids()) >= 2:
            self._check_channels()
            if self.trainer is None or _network_of(self.settings) != _network_of(before):
                start = self._load(LAST) or self._load(BEST) or self._load(PREVIOUS)
                self.trainer = Trainer(
                    self.annotations,
                    self.settings,
                    self.device,
                    self._seed,
                    start,
                    self._base,
                    self._group,
                    self._feature_cache,
                )
            elif changed or self.settings != before or self.annotations.class_ids() != self.trainer.class_ids:
                self.trainer.refresh(self.settings, new_strokes=bool(changed))
        return changed

    def step(self) -> float:
        """One training step; its loss, or NaN when the memory was not enough and less of it is asked for next time."""
        if self.trainer is None:
            raise UserError("NU-T01", self.obstacle, str(self.project.folder), "then start again")
        try:
            return self.trainer.step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self._group.size > 1:  # the others would go on with other steps
                fix = "give fewer tiles per step (--batch) or smaller ones (--tile)"
                raise UserError("NU-T13", "the memory of a device is full", self.device.reason, fix) from error
        self.tighten_memory_limits()  # here, where the error no longer holds what was computed
        return math.nan

    def tighten_memory_limits(self) -> None:
        """Ask for less memory from now on; the user reads in ``notices`` for less of what.

        Raises
        ------
        UserError
            NU-T03 when nothing is left to be saved.
        """
        found = self._memory_limits.tighter(self.project.settings)
        if found is None:
            fix = "close other programs or choose a smaller network; painting is saved"
            raise UserError("NU-T03", "the memory is not enough for a single tile", self.device.reason, fix)
        self._memory_limits, words = found
        self.settings = self._memory_limits.applied(self.project.settings)
        fix = "nothing has to be done; close other programs to be faster again after Stop and Start"
        self.notices.append(str(UserError("NU-T04", f"the memory is full; going on with {words}", "worker", fix)))
        self.drop_feature_cache()
        if self.trainer is not None:
            self.trainer.let_go()
        give_back_memory()
        if self._memory_limits.device != self.device:
            self._move_to(self._memory_limits.device)
        elif self.trainer is not None:
            self.trainer.refresh(self.settings, new_strokes=False)

    def _move_to(self, device: Device) -> None:
        self.device = device
        self.agreement.forget()
        self.selection.move_to(device)
        self.version += 1
        if self.trainer is not None:
            start = self.trainer.checkpoint()
            self.trainer = Trainer(self.annotations, self.settings, device, self._seed, start, self._base)

    def show_newest(self, *, score: bool = False) -> Score | None:
        """Let the newest average predict; scored first when asked for or due, and kept back if clearly worse."""
        if self.trainer is None:
            return None
        if self.trainer.step_count > 0:
            self.drop_feature_cache()  # the body is another from now on
        began = time.monotonic()
        self.version += 1
        if not score and began < self._next_scoring:
            self.selection.follow(self.trainer.candidate(), self.trainer.class_ids, self.trainer.step_count)
            return None
        result = self.selection.consider(self.trainer.candidate(), self.trainer.class_ids, self.trainer.step_count)
        took = time.monotonic() - began
        self._next_scoring = began + max(_SCORING_PAUSE_S, took / _SCORING_SHARE)
        return result

    def restore_best(self) -> Score | None:
        """Go back to the network with the highest held-out Dice, for predicting and for training on."""
        best = self.selection.best
        if self.trainer is None or best is None:
            return None
        self.trainer.restore(best.network, best.class_ids)
        self.version += 1
        return self.selection.go_back()

    def save(self) -> Path | None:
        """Write the network that predicts and the state of training; None when there is nothing new.

        Raises
        ------
        UserError
            NU-P24 when the project's folder is gone, NU-E01 when the disk does not take a file.
        """
        if self.trainer is None or self.selection.shown is None or self._saved_version == self.version:
            return None
        self.project.refuse_when_gone()
        models = self.project.models
        best = models / BEST
        if best.is_file():
            copy_checkpoint(best, models / PREVIOUS)
        save_checkpoint(self.selection.checkpoint(), best)
        save_checkpoint(self.trainer.checkpoint(), models / LAST)
        self._saved_version = self.version
        return best

    @property
    def loss(self) -> float | None:
        """Of the newest step."""
        return None if self.trainer is None or math.isnan(self.trainer.loss) else self.trainer.loss

    def _load_shown(self) -> None:
        best = self._load(BEST) or self._load(PREVIOUS)
        if best is not None:
            self.selection.restore(best)
            self.version = self._saved_version = 1

    def _load(self, name: str) -> Checkpoint | None:
        """Load a checkpoint if it is there; a damaged one is set aside, so that training can go on without it."""
        path = self.project.models / name
        if not path.is_file():
            return None
        try:
            return load_checkpoint(path)
        except UserError as error:
            if error.code == "NU-M03":
                raise  # a newer version's work is not ours to move
            storage.set_aside(path)
            self.notices.append(str(error))
            return None

    def _check_channels(self) -> None:
        seen = {self.annotations.pixels(image_id).image.channels for image_id, _ in self.annotations.planes}
        if len(seen) > 1:
            counts = " and ".join(str(count) for count in sorted(seen))
            raise UserError(
                "NU-I09",
                f"the annotated images have {counts} channels",
                str(self.project.folder),
                "annotate images of one kind in a project",
            )


def _network_of(settings: Settings) -> tuple[str, int, int]:
    """The settings of which another choice means another network."""
    return settings.preset, settings.width, settings.context_planes
