"""How good the prediction of a file may be, from its sums and from what is saved with the network."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from napari_unet.evaluation.checked_correction import correction_in
from napari_unet.evaluation.estimated_dice import (
    LABELLED,
    MISTAKEN,
    STROKES,
    EstimatedDice,
    Evidence,
    as_record,
    estimated_dice,
    mistaken_share,
    unknown_dice,
)
from napari_unet.evaluation.novelty import doubt_line, expected_drop, is_much_less, painted_in, shown_dice
from napari_unet.packaging.model import Model


class PredictionQuality(NamedTuple):
    """Tell how good a prediction may be.

    Attributes
    ----------
    estimates : the Dice of each class
    expected_drop : of the Dice against the images that were learned from; None where that is not known, and for one
        of them
    """

    estimates: tuple[EstimatedDice, ...]
    expected_drop: float | None = None

    def by_name(self, names: Mapping[int, str]) -> dict[str, Any]:
        """Return the estimates by the names of their classes, as records have them."""
        return as_record(self.estimates, names)


def prediction_quality(model: Model, pixels: int | None, *, is_learned: bool) -> PredictionQuality:
    """Estimate what was predicted since ``predictor.estimate_anew``, and sum no more.

    Parameters
    ----------
    is_learned : whether the network has learned from strokes on the image
    pixels : that should have been predicted, or there is no value; None where that is not known
    """
    sums, class_ids = model.predictor.take_sums(), model.checkpoint.class_ids
    if pixels not in (None, sums.pixels):
        reason = "some of it was predicted earlier, or by other processes"
        return PredictionQuality(unknown_dice(class_ids, reason))
    facts = model.checkpoint.facts
    drop = None if is_learned else expected_drop(shown_dice(sums), painted_in(facts, class_ids))
    evidence = _evidence(facts, class_ids, is_learned=is_learned)._replace(is_unlike=is_much_less(drop))
    return PredictionQuality(estimated_dice(sums, class_ids, evidence, model.class_names), drop)


def doubts(expected_drop: float | None, name: str) -> list[str]:
    """Return the line that tells of an image of which much less is expected than of painted ones; [] of others."""
    return [doubt_line(name)] if is_much_less(expected_drop) else []


def _evidence(facts: dict[str, Any], class_ids: Sequence[int], *, is_learned: bool) -> Evidence:
    """Return what the network has learned from, for an image that is among it or not; nothing in older files."""
    known = facts.get(LABELLED)
    counts = known if isinstance(known, dict) else {}
    labelled = [_whole(counts.get(str(class_id))) for class_id in class_ids]
    strokes = _whole(facts[STROKES]) if STROKES in facts else None
    return Evidence(
        labelled,
        is_painted=is_learned,
        correction=correction_in(facts, class_ids),
        strokes=strokes,
        mistaken=mistaken_share(_whole(facts.get(MISTAKEN)), labelled),
    )


def _whole(value: object) -> int:
    """Return a count that a file claims, 0 where it is none."""
    return value if isinstance(value, int) and value > 0 else 0
