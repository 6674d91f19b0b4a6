"""A training without a window: for a time or a number of steps, on one device or several."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from napari_unet.errors import UserError
from napari_unet.evaluation.checked_areas import publish_record
from napari_unet.evaluation.estimated_dice import as_record
from napari_unet.network.base import base_weights
from napari_unet.network.device import choose_device
from napari_unet.project.classes import distinct_names
from napari_unet.project.project import Project
from napari_unet.training.device_group import ALONE, Alone, DeviceGroup
from napari_unet.training.device_settings import for_device, trained_preset
from napari_unet.training.image_estimates import image_estimates
from napari_unet.training.learner import Learner
from napari_unet.training.selection import Selection
from napari_unet.training.trainer import Trainer

MOST_SEED = 2**32 - 1  # the largest that every generator of random numbers takes
_DEFAULT_SECONDS = 60.0
_SHOW_EVERY = 50  # steps, between two candidates that are compared with the best network
_SAVE_EVERY_S = 60.0  # of training, which a power cut may cost

NetworkIs = Literal["newest", "earlier", "other"]


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """State how long to train, on what, and where a new network starts.

    Attributes
    ----------
    seconds, steps : to train for; 60 s where both are None
    device, precision : as ``choose_device`` takes them
    base : "auto" for the base weights of the package, "none", or the path of a trained network
    devices : how many to train on together, one process each

    Raises
    ------
    UserError
        NU-C01 for what is no number, for a seed below 0 or above ``MOST_SEED`` and for less than one device, NU-T02
        for no seconds or steps above 0.
    """

    seconds: float | None = None
    steps: int | None = None
    device: str = "auto"
    precision: str = "auto"
    seed: int | np.integer = 0
    base: str | Path = "auto"
    devices: int = 1

    def __post_init__(self) -> None:
        _refuse_no_number("seed", self.seed, Integral)
        _refuse_no_number("devices", self.devices, Integral)
        if self.steps is not None:
            _refuse_no_number("steps", self.steps, Integral)
        if self.seconds is not None:
            _refuse_no_number("seconds", self.seconds, Real)
        if not 0 <= self.seed <= MOST_SEED:
            fix = f"choose a whole number from 0 to {MOST_SEED}"
            raise UserError("NU-C01", f"a seed of {self.seed}", "seed", fix)
        if self.devices < 1:
            raise UserError("NU-C01", f"{self.devices} devices", "devices", "choose 1 or more")
        # Written so that NaN is no length either.
        if (self.steps is not None and self.steps < 1) or (self.seconds is not None and not self.seconds > 0):
            length = f"{self.seconds:g} seconds" if self.steps is None else f"{self.steps} steps"
            raise UserError("NU-T02", f"nothing can be trained in {length}", "train", "give more seconds or steps")


def _refuse_no_number(name: str, value: object, kind: type) -> None:
    """Raise a UserError NU-C01 where a script gave something else than a number, or a fraction of what is counted."""
    if not isinstance(value, kind):
        number = "a whole number" if kind is Integral else "a number"
        raise UserError("NU-C01", f"{name} cannot be {value!r:.40}", name, f"give {number}")


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Report a training; ``held_out_dice`` is None for a class without evidence.

    Every Dice, ``checkpoint`` and ``images`` belong to the network that was saved to predict with, which is an earlier
    one where the newest was clearly worse on held-out labels.

    Attributes
    ----------
    steps : of this training
    network_step, newest_step : steps behind the network that was saved to predict with, and behind the newest one
    preset : that was trained
    network_preset : of the network that was saved to predict with; "" where an earlier version did not note it
    network_is : what the network that was saved to predict with is: the "newest" one, an "earlier" one of the same
        kind, or an "other" network, whose steps have nothing to do with those of the newest
    estimated_dice : of each class over the painted images: value, low, high, level, and the reason where it has none
    dice_to_publish : of the network that was saved, over checked rectangles at random: "classes" by name, with a
        reason where one has no value, and the number of "rectangles", "images" and "pixels" behind them
    images : each painted image with its own estimate
    warnings : what went wrong without stopping anything, such as a memory that was full
    """

    seconds: float
    steps: int
    network_step: int
    newest_step: int
    device: str
    preset: str
    network_preset: str
    network_is: NetworkIs
    held_out_dice: dict[str, float | None]
    mean_held_out_dice: float | None
    checkpoint: str
    estimated_dice: dict[str, dict[str, Any]] = field(default_factory=dict)
    dice_to_publish: dict[str, Any] = field(default_factory=dict)
    images: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the record for ``--json``."""
        return asdict(self)


def run_training(
    project: Project,
    request: TrainingRequest,
    progress: Callable[[int, float], object] = lambda step, loss: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Train on the project's strokes and save the network in it.

    Parameters
    ----------
    is_stopped : asked before every step whether to end earlier than requested

    Raises
    ------
    KeyboardInterrupt
        Where it was stopped before the first step, so that there is nothing to save.
    UserError
        NU-T01 with fewer than two painted classes, NU-T02 where nothing was trained, and as ``train`` tells.
    """
    learner, steps, seconds = _learned(project, request, progress, is_stopped)
    if not steps and is_stopped():
        raise KeyboardInterrupt
    score, shown = learner.show_newest(score=True), learner.selection.shown
    images: tuple[dict[str, Any], ...] = ()
    if learner.predictor is not None:
        images = tuple(image_estimates(learner.predictor, learner.annotations, learner.selection.looked_at))
    path = learner.save()
    if score is None or path is None or shown is None or learner.trainer is None:
        raise UserError("NU-T02", "nothing was trained", str(project.folder), "give more seconds or steps")
    project.scores.add(score.step, msgspec.to_builtins(score))
    names = distinct_names(project.classes.names())
    by_name = {names[c.class_id]: c.dice for c in score.classes}
    estimates = learner.selection.looked_at.estimates(learner.annotations.class_ids())
    return TrainingResult(
        seconds=round(seconds, 3),
        steps=steps,
        network_step=score.step,
        newest_step=learner.trainer.step_count,
        device=learner.device.kind,
        preset=learner.settings.preset,
        network_preset=trained_preset(shown.trained_with),
        network_is=_network_is(learner.selection, learner.trainer),
        held_out_dice=by_name,
        mean_held_out_dice=score.mean_dice,
        checkpoint=str(path),
        estimated_dice=as_record(estimates, names),
        dice_to_publish=publish_record(score.checked, {c.class_id: names[c.class_id] for c in score.classes}),
        images=images,
        warnings=(*project.notices, *learner.notices),
    )


def _network_is(selection: Selection, trainer: Trainer) -> NetworkIs:
    """Return what the network that predicts is to the newest one, which was scored last."""
    shown = selection.shown
    if shown is None or not selection.keeps_back:
        return "newest"
    # A network of another kind begins at step 0, and so may one of this kind after another one was tried in between.
    is_same_kind = shown.network.architecture.is_like(trainer.architecture)
    return "earlier" if is_same_kind and shown.step < trainer.step_count else "other"


def help_training(project: Project, request: TrainingRequest) -> None:
    """Take part in a training of the same request, in another process; nothing is written."""
    _learned(project, request, lambda step, loss: None, lambda: False)


def _learned(
    project: Project,
    request: TrainingRequest,
    progress: Callable[[int, float], object],
    is_stopped: Callable[[], bool],
) -> tuple[Learner, int, float]:
    """Train a learner; return it, how many steps it took, and how many seconds."""
    seconds, steps = request.seconds, request.steps
    if seconds is None and steps is None:
        seconds = _DEFAULT_SECONDS
    learner, group = _learner(project, request)
    began = saved = time.monotonic()
    done = 0

    def goes_on() -> bool:
        return not is_stopped() and (seconds is None or time.monotonic() - began < seconds)

    while (steps is None or done < steps) and group.decided(goes_on()):
        progress(done, learner.step())
        done += 1
        if done % _SHOW_EVERY == 0 and group.rank == 0:
            learner.show_newest()
            # What is saved is scored, which takes long where every pixel is labelled: it waits for the next scoring.
            if time.monotonic() - saved > _SAVE_EVERY_S and learner.selection.is_scored:
                _save_meanwhile(learner)
                saved = time.monotonic()
    return learner, done, time.monotonic() - began


def _learner(project: Project, request: TrainingRequest) -> tuple[Learner, Alone]:
    """Return a learner that can train, and the group of processes that it trains in; raise NU-T01 without one."""
    device = choose_device(request.device, request.precision)
    group = ALONE
    if request.devices > 1:
        group = DeviceGroup(request.devices, device, for_device(project.settings.read(), device)[0])
    seed = int(request.seed)  # generators of random numbers refuse those of NumPy
    learner = Learner(project, device, seed, base_weights(str(request.base)), group=group)
    if learner.obstacle:
        raise UserError("NU-T01", learner.obstacle, str(project.folder), "then train again")
    return learner, group


def _save_meanwhile(learner: Learner) -> None:
    """Save what is learned so far; a full disk is told and stops nothing, for there may be room at the end."""
    try:
        learner.save()
    except UserError as error:
        if error.code != "NU-E01":
            raise
        if str(error) not in learner.notices:
            learner.notices.append(str(error))
