"""A checkpoint described for the records beside results."""

from pathlib import Path

from napari_unet.export.model_description import ModelDescription
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.known_facts import dice_to_publish_in, estimates_in
from napari_unet.storage import sha256
from napari_unet.training.device_settings import FACT, known_fact


def describe_checkpoint(checkpoint: Checkpoint, file: Path | None = None) -> ModelDescription:
    """Return fingerprint, step and scores of a checkpoint, and name and hash of its file where one is given."""
    return ModelDescription(
        fingerprint=checkpoint.fingerprint(),
        step=checkpoint.step,
        held_out_dice=checkpoint.facts.get("held_out_dice", {}),
        mean_held_out_dice=checkpoint.facts.get("mean_held_out_dice"),
        file=file.name if file else "",
        sha256=sha256(file) if file else "",
        estimated_dice=estimates_in(checkpoint.facts),
        dice_to_publish=dice_to_publish_in(checkpoint.facts),
        trained_with=known_fact(checkpoint.facts).get(FACT, {}),
    )
