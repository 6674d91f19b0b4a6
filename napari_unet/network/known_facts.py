"""The facts of a checkpoint that others read without asking again whether they make sense."""

import math
from typing import Annotated, Any

import msgspec
import numpy as np

from napari_unet.evaluation.checked_areas import TO_PUBLISH
from napari_unet.evaluation.estimated_dice import ESTIMATES, EstimatedDice
from napari_unet.evaluation.image_dice import ImageDice
from napari_unet.evaluation.scores import CheckedDice

_MOST_AREAS = 2**31  # that may be checked


class KnownFacts(msgspec.Struct, frozen=True):
    """Facts that this program may have written; any of them may be missing."""

    held_out_dice: dict[str, float | None] = {}
    mean_held_out_dice: float | None = None
    estimated_dice: tuple[EstimatedDice, ...] = ()
    dice_to_publish: CheckedDice | None = None
    checked_correction: dict[str, tuple[float, float, int]] = {}
    learning_rate: float = 0.0
    rate: float = 0.0
    since_stroke: int = 0
    steps_here: int = 0
    painted_dice: dict[str, float] = {}
    unforeseen_labels: dict[str, float] = {}
    mistaken_pixels: Annotated[int, msgspec.Meta(ge=0)] = 0
    revision: int = 0
    shares_known: int = 0
    image_dice: ImageDice = ImageDice()
    learned_fingerprints: tuple[str, ...] = ()
    random: dict[str, Any] | None = None


def refuse_strange_facts(facts: dict[str, Any]) -> None:
    """Refuse facts of another kind than this program writes.

    Raises
    ------
    ValueError, TypeError, KeyError, OverflowError, msgspec.ValidationError
        With what is wrong.
    """
    known = msgspec.convert(facts, KnownFacts)
    numbers = [*known.held_out_dice.values(), known.mean_held_out_dice, known.learning_rate, known.rate]
    numbers += [*known.painted_dice.values(), *known.image_dice.values.values(), *known.image_dice.older.values()]
    checked = () if known.dice_to_publish is None else known.dice_to_publish.classes
    for estimate in (*known.estimated_dice, *checked):
        numbers += [estimate.value, estimate.low, estimate.high, estimate.level]
    for shift, share, areas in known.checked_correction.values():
        numbers += [shift, share]
        if not 0 <= areas <= _MOST_AREAS:
            raise ValueError(f"corrected by {areas} areas")
    for class_id, share in known.unforeseen_labels.items():
        numbers.append(share)
        if not 0 < int(class_id) < 256:
            raise ValueError(f"no class {class_id}")
    if not all(number is None or math.isfinite(number) for number in numbers):
        raise ValueError("facts that are not finite")
    if known.random is not None:
        np.random.default_rng(0).bit_generator.state = known.random


def estimates_in(facts: dict[str, Any]) -> tuple[EstimatedDice, ...]:
    """Return the estimated Dice of each class that a network was saved with; () in older files."""
    return msgspec.convert(facts.get(ESTIMATES, ()), tuple[EstimatedDice, ...])


def dice_to_publish_in(facts: dict[str, Any]) -> CheckedDice | None:
    """Return the Dice to publish that was measured of a network; None where none was, as in older files."""
    return msgspec.convert(facts.get(TO_PUBLISH), CheckedDice | None)
