"""A project that learns: its strokes, its trainer, and the choice of the network that predicts."""

import math
from pathlib import Path

from napari_unet.dataset.annotated import Annotations, PlaneKey, fit
from napari_unet.errors import UserError
from napari_unet.evaluation.scores import Score
from napari_unet.network.device import Device, give_back_memory, is_out_of_memory
from napari_unet.network.inference import Predictor
from napari_unet.project.project import Project
from napari_unet.training.agreement import Agreement
from napari_unet.training.device_group import ALONE, Alone
from napari_unet.training.device_settings import DeviceSettings, as_fact
from napari_unet.training.network_files import NetworkFiles
from napari_unet.training.screen_cache import ScreenCache
from napari_unet.training.selection import Selection
from napari_unet.training.starting import Base, Start, network_choice
from napari_unet.training.trainer import Trainer


class Learner:
    """Trains on a project's strokes and always has the network to predict with.

    Parameters
    ----------
    seed : of everything that is drawn at random
    base : base weights to start from; None to start at random
    memory_steps : how often the memory limits are tightened before the start
    group : the processes that train together
    read_only : write no network into the project, which another program may be training

    Attributes
    ----------
    settings : the project's, with what they leave to the device chosen, and within the memory limits
    device : where the networks are
    trainer : learns; None before strokes of two classes
    selection : chooses the network that predicts
    agreement : compares new strokes with what was predicted there
    screen_cache : features of the image on screen before the first stroke
    device_settings : reads the settings, and lowers what takes memory
    version : grows when another network is shown
    notices : lines for the user about what went wrong without stopping anything
    """

    def __init__(
        self,
        project: Project,
        device: Device,
        seed: int = 0,
        base: Base = None,
        memory_steps: int = 0,
        group: Alone = ALONE,
        *,
        read_only: bool = False,
    ) -> None:
        self.project = project
        self.trainer: Trainer | None = None
        self.notices: list[str] = []
        self._files = NetworkFiles(project, self.notices, read_only=read_only)
        self.device_settings = DeviceSettings(project.settings, device, self._files.architecture())
        self.device_settings.tighten(memory_steps)
        self.settings = self.device_settings.read()
        self.device = device = self.device_settings.limits.device
        self.annotations = Annotations(project)
        self.selection = Selection(self.annotations, device)
        self.agreement = Agreement(self.annotations)
        self.version = 0
        self._start = Start(seed, None, base)
        self.screen_cache = ScreenCache(self.annotations, self._start)
        self._group = group
        self._saved = (0, 0, 0)  # the value of ``_state`` at the last save
        self._loaded = -1  # version of the network that was loaded, if one was
        self._has_missed = False  # whether strokes were painted while no worker was there
        self._has_unheard_strokes = False  # whether there are strokes that the trainer was not told of yet
        self._trained_choice: tuple[str, int, int] | None = None  # of the network that is trained
        self.refresh()
        self._load_shown()

    @property
    def obstacle(self) -> str:
        """Return why nothing can be trained, for the user; "" when training can go on."""
        if self.trainer is not None and len(self.annotations.class_ids()) >= 2:
            return ""
        names = self.project.classes.names()
        painted = [f"'{names[class_id]}'" for class_id in self.annotations.class_ids()]
        where = " outside of rectangles" if any(plane.areas for plane in self.annotations.planes.values()) else ""
        return (
            f"only {painted[0]} is painted{where}: add strokes of a second class"
            if painted
            else f"paint strokes of two classes{where}"
        )

    @property
    def is_settled(self) -> bool:
        """Tell whether more steps on the same strokes would bring nothing; new strokes end the rest."""
        return self.trainer is not None and self.trainer.is_settled

    @property
    def answers_at_once(self) -> bool:
        """Tell whether new strokes are in the network that ``answer`` shows before any step."""
        return self.trainer is not None and self.trainer.answers_at_once

    @property
    def has_no_network(self) -> bool:
        """Tell whether the first strokes are still to come: nothing is trained, and nothing can be shown."""
        return self.trainer is None and self.selection.shown is None

    @property
    def predictor(self) -> Predictor | None:
        """Return the network that is shown, to predict with; None before there is one."""
        shown = self.selection.shown
        return Predictor(shown.network, shown.class_ids, self.device) if shown else None

    @property
    def loss(self) -> float | None:
        """Return the loss of the newest step; None before the first."""
        return None if self.trainer is None or math.isnan(self.trainer.loss) else self.trainer.loss

    def refresh(self, *, own: bool = True) -> list[PlaneKey]:
        """Read new strokes and settings from the project; return the planes that changed.

        Strokes that are not the user's own but the network's answer, taken over, say nothing about how good it is.
        """
        before, self.settings = self.settings, self.device_settings.read()
        # Compared with what is trained: the settings may have been read since that began.
        is_other_network = network_choice(self.settings) != (self._trained_choice or network_choice(before))
        if is_other_network:
            self.screen_cache.drop()
        changed = self.annotations.refresh(self.settings)
        _drop_blind_networks(self)
        if changed:
            self._has_unheard_strokes = True
            shown = self.predictor
            if own and shown is not None:
                self.agreement.note(shown)
            self.selection.release()
        class_ids, trainer = self.annotations.class_ids(), self.trainer
        if len(class_ids) < 2:
            return changed
        self.annotations.refuse_other_channels()
        # Compared with what the trainer heard last: it hears nothing while a single class is painted.
        new_strokes = self._has_unheard_strokes
        if trainer is None or is_other_network:
            self._begin_training()
        elif new_strokes or self.settings != trainer.settings or class_ids != trainer.class_ids:
            trainer.refresh(self.settings, new_strokes=new_strokes, feature_cache=self.screen_cache.features)
        self._has_unheard_strokes = False
        return changed

    def reopen(self, image_id: int | None) -> None:
        """Read an image anew, whose record the user corrected or removed, or (None) all; planes may be gone then."""
        self.annotations.reopen(image_id)
        self.selection.looked_at.forget(image_id)
        if self.annotations.gone:
            self.agreement.forget()

    def step(self) -> float:
        """Do one training step; return its loss, or NaN when it diverged or did not fit into the memory.

        After a step that did not fit, the memory limits are tighter.
        """
        if self.trainer is None:
            raise UserError("NU-T01", self.obstacle, str(self.project.folder), "then start again")
        try:
            return self.trainer.step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self._group.size > 1:  # the other processes would go on with other steps
                fix = "take fewer tiles per step or smaller ones"
                raise UserError("NU-T13", "the memory of a device is full", self.device.reason, fix) from error
        self.tighten_memory_limits()  # here, where the error no longer holds what was computed
        return math.nan

    def tighten_memory_limits(self) -> None:
        """Ask for less memory from now on; a line in ``notices`` tells the user what is smaller now.

        Raises
        ------
        UserError
            NU-T03 when nothing is left to be saved.
        """
        words = self.device_settings.tighten()
        if not words:
            fix = "close other programs or choose a smaller network; painting is saved"
            raise UserError("NU-T03", "the memory is not enough for a single tile", self.device.reason, fix)
        self.settings = self.device_settings.read()
        fix = "nothing has to be done; close other programs to be faster again after Stop and Start"
        self.notices.append(str(UserError("NU-T04", f"the memory is full; going on with {words}", "worker", fix)))
        self.screen_cache.drop()
        if self.trainer is not None:
            self.trainer.let_go()
        give_back_memory()
        if self.device_settings.limits.device != self.device:
            self._move_to(self.device_settings.limits.device)
        elif self.trainer is not None and len(self.annotations.class_ids()) >= 2:  # with one class later: see refresh
            self.trainer.refresh(self.settings, new_strokes=False)
        if self._trained_choice != network_choice(self.settings) and len(self.annotations.class_ids()) > 1:
            self._begin_training()  # which did not fit into the memory before

    def show_newest(self, *, score: bool = False) -> Score | None:
        """Let the newest EMA predict; score it first when asked for or due, and keep it back if clearly worse."""
        if self.trainer is None:
            return None
        self._begin_version()
        newest = self.trainer.newest()
        if score or self.selection.pace.is_due:
            return self.selection.consider(*newest)
        self.selection.follow(*newest)
        return None

    def answer(self) -> None:
        """Let the newest EMA predict without scoring it, which would take longer than predicting a tile."""
        if self.trainer is not None:
            self._begin_version()
            self.selection.follow(*self.trainer.newest())

    def _begin_version(self) -> None:
        """Take note that another network is shown; training changes the body, whose features were cached."""
        self.version += 1
        if self.trainer is not None:
            trained_with = as_fact(self.trainer.settings, self.device, self.trainer.began_with)
            self.selection.newest_trained_with = trained_with
            if self.trainer.step_count > 0:
                self.screen_cache.drop()

    def restore_best(self) -> Score | None:
        """Go back to the network with the highest held-out Dice, for predicting and for training on.

        If another kind of network was chosen since, it predicts, and the chosen one trains on.
        """
        best = self.selection.best
        if self.trainer is None or best is None:
            return None
        if best.network.architecture.is_like(self.trainer.architecture):
            self.trainer.restore(best.network, best.class_ids)
        self.version += 1
        return self.selection.go_back()

    def save(self) -> Path | None:
        """Write the network that predicts and the state of training; None when nothing is new, or may be written.

        Raises
        ------
        UserError
            NU-P24 when the project's folder is gone, NU-E01 when the disk does not take a file.
        """
        state = self._state
        if self.trainer is None or self.selection.shown is None or self._saved == state or self._files.read_only:
            return None
        self.project.database.refuse_when_gone()
        trained_with = as_fact(self.trainer.settings, self.device, self.trainer.began_with)
        best = self._files.save(self.selection.checkpoint(), self.trainer.checkpoint(trained_with))
        self._saved = state
        return best

    @property
    def _state(self) -> tuple[int, int, int]:
        """Return what changes whenever there is something to save: version, strokes, and images with a Dice.

        Who only looks at images saves nothing: the project may be open for reading alone.
        """
        shown = self.selection.shown
        is_own = shown is not None and self.version != self._loaded
        images = len(self.selection.looked_at.images.of(shown.network).values) if shown and is_own else 0
        return self.version, self.annotations.revision, images

    def _begin_training(self) -> None:
        """Start from the newest network on disk, or from base weights with a head fitted to the strokes."""
        start = self._start.at(self._files.trained())
        trainer = Trainer(self.annotations, self.settings, self.device, start, self._group)
        self.device_settings.trained = trainer.architecture
        if trainer.is_new:
            trainer.fit_head(self.screen_cache.features)
        elif trainer.answers_at_once and any(plane.new.tiles for plane in self.annotations.planes.values()):
            trainer.refresh(self.settings, feature_cache=self.screen_cache.features)
            self._has_missed = True
        # Only now: where the memory was not enough for the fit, it is to be begun again.
        self.trainer = trainer
        self._trained_choice = network_choice(self.settings)

    def _move_to(self, device: Device) -> None:
        self.device = device
        self.agreement.forget()
        self.selection.move_to(device)
        self.version += 1
        if self.trainer is not None:
            start = self._start.at(self.trainer.checkpoint())
            self.trainer = Trainer(self.annotations, self.settings, device, start)

    def _load_shown(self) -> None:
        shown = self._files.shown()
        if shown is not None and fit(self.annotations, shown.architecture.image_channels):
            self.selection.restore(shown)
            self.version = self._loaded = 1
            self._saved = self._state
            if self._has_missed:
                self.answer()


def _drop_blind_networks(learner: Learner) -> None:
    """Drop the networks when one of them takes a number of channels that no painted image has any more.

    The user chose other channels, or erased all strokes on images of one kind.
    """
    shown, annotations = learner.selection.shown, learner.annotations
    networks = learner.trainer, None if shown is None else shown.network
    channels = {each.architecture.image_channels for each in networks if each is not None}  # mostly the same of both
    if not all(fit(annotations, count) for count in channels):
        learner.trainer = None
        learner.selection = Selection(annotations, learner.device)
        learner.agreement.forget()
        learner.screen_cache.drop()
