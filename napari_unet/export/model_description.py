"""A few facts about a trained network, for the records that lie beside results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_unet.evaluation.checked_areas import TO_PUBLISH, publish_record
from napari_unet.evaluation.estimated_dice import EstimatedDice, as_record
from napari_unet.evaluation.scores import CheckedDice
from napari_unet.project.classes import ClassLabel, distinct_names

# The key is another than that of the estimates for a single image, which stand in the same record.
NETWORK_ESTIMATE = "network_estimated_dice"


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """Name the network that made a result, and say how good it was; holds no weights.

    Attributes
    ----------
    fingerprint : SHA-256 of all that its predictions depend on
    step : training steps behind it
    held_out_dice : Dice by class number as text, None for a class without evidence; {} where it was never scored
    mean_held_out_dice : mean over the classes with evidence
    file, sha256 : name and hash of the checkpoint file; "" where they do not matter
    trained_with : preset, tile, tiles per step, device and what training began with; {} where nobody knows
    estimated_dice : of every class as the network was saved with it, over the images trained on; () in older files
    dice_to_publish : of the network over checked rectangles at random; None where it was not measured
    """

    fingerprint: str
    step: int
    held_out_dice: Mapping[str, float | None] = field(default_factory=dict)
    mean_held_out_dice: float | None = None
    file: str = ""
    sha256: str = ""
    trained_with: Mapping[str, Any] = field(default_factory=dict)
    estimated_dice: Sequence[EstimatedDice] = ()
    dice_to_publish: CheckedDice | None = None

    def training_record(self, classes: Sequence[ClassLabel]) -> dict[str, Any]:
        """Return step, what was trained with, and scores for a JSON record, the scores by the names of the classes."""
        names = distinct_names({label.id: label.name for label in classes})
        return {
            "step": self.step,
            "trained_with": dict(self.trained_with),
            "held_out_dice": {name: self.held_out_dice.get(str(class_id)) for class_id, name in names.items()},
            "mean_held_out_dice": self.mean_held_out_dice,
            NETWORK_ESTIMATE: as_record(self.estimated_dice, names),
            TO_PUBLISH: publish_record(self.dice_to_publish, names),
        }
