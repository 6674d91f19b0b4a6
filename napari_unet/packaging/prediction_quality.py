"""How good the prediction of a file may be, from its sums and from what is saved with the network."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from napari_unet.evaluation.checked_correction import correction_in
from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import (
    LABELLED,
    MISTAKEN,
    STROKES,
    EstimatedDice,
    Evidence,
    as_record,
    estimated_dice,
    expected_dice,
    mistaken_share,
    unknown_dice,
)
from napari_unet.evaluation.novelty import MUCH_LESS_OF_FILES, drop_from
from napari_unet.network.known_facts import estimates_in
from napari_unet.packaging.model import Model


class PredictionQuality(NamedTuple):
    """Tell how good a prediction may be.

    Attributes
    ----------
    estimates : the Dice of each class
    expected_drop : of the Dice against the images that were learned from; None where that is not known
    """

    estimates: tuple[EstimatedDice, ...]
    expected_drop: float | None = None

    def by_name(self, names: Mapping[int, str]) -> dict[str, Any]:
        """Return the estimates by the names of their classes, as records have them."""
        return as_record(self.estimates, names)


def prediction_quality(model: Model, pixels: int | None) -> PredictionQuality:
    """Estimate what was predicted since ``predictor.estimate_anew``, and sum no more.

    Parameters
    ----------
    pixels : that should have been predicted, or there is no value; None where that is not known
    """
    sums, class_ids = model.predictor.take_sums(), model.checkpoint.class_ids
    if pixels not in (None, sums.pixels):
        reason = "some of it was predicted earlier, or by other processes"
        return PredictionQuality(unknown_dice(class_ids, reason))
    evidence = _evidence(model.checkpoint.facts, class_ids)
    drop = _drop(model.checkpoint.facts, class_ids, sums, evidence)
    evidence = evidence._replace(is_unlike=drop is not None and drop > MUCH_LESS_OF_FILES)
    return PredictionQuality(estimated_dice(sums, class_ids, evidence, model.class_names), drop)


def _drop(facts: dict[str, Any], class_ids: Sequence[int], sums: DiceSums, evidence: Evidence) -> float | None:
    """Return how much less is expected than of the images that the network had predicted when it was saved."""
    values = np.where(sums.shown > 0, expected_dice(sums, evidence)[0], np.nan)
    return drop_from(estimates_in(facts), class_ids, values)


def _evidence(facts: dict[str, Any], class_ids: Sequence[int]) -> Evidence:
    """Return what the network has learned from, for images that are not among it; nothing in older files."""
    known = facts.get(LABELLED)
    counts = known if isinstance(known, dict) else {}
    labelled = [_whole(counts.get(str(class_id))) for class_id in class_ids]
    strokes = _whole(facts[STROKES]) if STROKES in facts else None
    return Evidence(
        labelled,
        is_painted=False,
        correction=correction_in(facts, class_ids),
        strokes=strokes,
        mistaken=mistaken_share(_whole(facts.get(MISTAKEN)), labelled),
    )


def _whole(value: object) -> int:
    """Return a count that a file claims, 0 where it is none."""
    return value if isinstance(value, int) and value > 0 else 0
