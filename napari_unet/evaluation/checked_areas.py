"""The Dice to publish: of the prediction in test areas at random of which the user has checked every pixel."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int

from napari_unet.evaluation.estimated_dice import WIDEST, EstimatedDice, as_record, unknown_dice
from napari_unet.evaluation.scores import CheckedDice, dice

TO_PUBLISH = "dice_to_publish"  # fact of a network that was measured so, and its name in every record
LEAST_AREAS = 4  # in which a class is labelled; fewer say too little of an image
# Weights of ``interval_features`` for the logarithm of half a 90 % interval. A bootstrap over blocks of the areas holds
# the true Dice in half of the cases only, for an image differs more from place to place than within one; so
# ``benchmarks.rectangle_check`` fits them to rectangles at random in images that are labelled throughout.
SCALE = (-0.402, -0.363, 0.701)
_NOT_MEASURED = "not measured for this network: check rectangles at random in the window"
_OFFSET = 0.02  # error that a Dice of 1 may have all the same


def interval_features(value: Float64[np.ndarray, " n"], areas: Int[np.ndarray, " n"]) -> Float64[np.ndarray, "n 3"]:
    """Return what the width of an interval is foretold from: 1, the number of areas, and how far the Dice is from 1."""
    return np.stack([np.ones_like(value), np.log(areas.clip(1)), np.log(1 - value + _OFFSET)], axis=1)


def checked_dice(
    matrices: Int[np.ndarray, "n k k"], image_ids: Sequence[int], class_ids: Sequence[int], names: Mapping[int, str]
) -> CheckedDice:
    """Add the areas up, of which there is at least one.

    Parameters
    ----------
    matrices : pixels of each area by true class (row) and predicted class (column)
    image_ids : the image of each area
    class_ids : the class of each row
    names : of classes by id, for the reasons
    """
    total = matrices.sum(axis=0)
    values = dice(total)
    areas = (matrices.sum(axis=2) > 0).sum(axis=0)
    halves = np.exp(interval_features(np.nan_to_num(values), areas) @ np.array(SCALE))
    classes = tuple(
        _class(class_id, float(value), float(half), int(count), names.get(class_id, f"class {class_id}"))
        for class_id, value, half, count in zip(class_ids, values, halves, areas, strict=True)
    )
    return CheckedDice(classes, len(matrices), len({*image_ids}), int(total.sum()))


def publish_record(checked: CheckedDice | None, names: Mapping[int, str]) -> dict[str, Any]:
    """Return the Dice to publish as every record has it: each class by its name, and what stands behind it.

    Parameters
    ----------
    checked : None for a network that was not measured; no class then has a value, and a reason says why
    names : of the classes of the network by id
    """
    known = checked or CheckedDice(unknown_dice([*names], _NOT_MEASURED), 0, 0, 0)
    behind = {"rectangles": known.areas, "images": known.images, "pixels": known.pixels}
    return {"classes": as_record(known.classes, names), **behind}


def _class(class_id: int, value: float, half: float, areas: int, name: str) -> EstimatedDice:
    """Return the Dice of a class, without a value where too little was checked."""
    if areas < LEAST_AREAS:
        where = f"{name} is in {areas or 'none'} of the checked rectangles, {LEAST_AREAS} are needed"
        return EstimatedDice(class_id, None, reason=f"{where}: check another one at random", checked_areas=areas)
    low, high = max(0.0, value - half), min(1.0, value + half)
    if high - low > WIDEST:
        reason = f"too unsure of {name}: check another rectangle at random"
        return EstimatedDice(class_id, None, reason=reason, checked_areas=areas)
    return EstimatedDice(class_id, value, low, high, checked_areas=areas)
