"""Trained networks with what they know: classes, scores, and the images that they were trained on."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_unet.dataset.channel_choice import told
from napari_unet.dataset.training_image import remembered, sizes_by_name, with_sizes
from napari_unet.errors import UserError
from napari_unet.evaluation.checked_areas import TO_PUBLISH, publish_record
from napari_unet.evaluation.estimated_dice import as_record
from napari_unet.images.image import PixelSize
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.known_facts import dice_to_publish_in, estimates_in
from napari_unet.network.reading import NETWORK, open_network
from napari_unet.project.classes import distinct_names
from napari_unet.project.database import DATABASE
from napari_unet.project.project import Project
from napari_unet.training.device_settings import beginning_of

_PATTERNS = ("*.unet", "*.safetensors", "*.bioimageio.zip")


def list_models(paths: list[Path]) -> list[dict[str, Any]]:
    """Return one record for each network, the highest mean estimated Dice first; where there is none, the held-out one.

    A folder that is no network itself is looked through for projects, files and packages; of those that cannot be
    read, the record has the line of the "error" in place of the rest.

    Raises
    ------
    UserError
        NU-M01 to NU-M05 for a path that is no network and holds none.
    """
    records: list[dict[str, Any]] = []
    for path in paths:
        inside = _inside(path)
        records += [_found(each) for each in inside] if inside else [_record(path)]
    return sorted(records, key=lambda record: -_quality(record))


def _quality(record: dict[str, Any]) -> float:
    """Return by what a network is ranked, -1 where nothing is known of it."""
    values = [each["value"] for each in record.get("estimated_dice", {}).values()]
    if values and None not in values:
        return float(sum(values) / len(values))
    return float(record.get("mean_held_out_dice") or -1.0)


def _inside(path: Path) -> list[Path]:
    if not path.is_dir() or (path / DATABASE).is_file() or (path / NETWORK).is_file():
        return []
    return sorted(found for pattern in _PATTERNS for found in path.glob(pattern))


def _found(path: Path) -> dict[str, Any]:
    try:
        return _record(path)
    except UserError as error:
        return {"path": str(path), "error": str(error)}


def _record(path: Path) -> dict[str, Any]:
    return {"path": str(path), **_described(open_network(path), _corrected_sizes(path))}


def _corrected_sizes(path: Path) -> Mapping[str, PixelSize]:
    """Return the pixel sizes that a project knows now, by the name of the image; {} of what is no project."""
    if not (path / DATABASE).is_file():
        return {}
    with suppress(UserError):  # of a damaged project the network is told as it was trained
        with Project(path, read_only=True) as project:
            return sizes_by_name(project.images.all())
    return {}


def _described(checkpoint: Checkpoint, sizes: Mapping[str, PixelSize]) -> dict[str, Any]:
    scores = checkpoint.facts.get("held_out_dice", {})
    names = distinct_names(dict(zip(checkpoint.class_ids, checkpoint.class_names, strict=True)))
    images = with_sizes(remembered(checkpoint.facts), sizes)
    return {
        "step": checkpoint.step,
        "began_with": beginning_of(checkpoint.facts),
        "channels": checkpoint.architecture.image_channels,
        "channels_trained_on": told(images),
        "context_planes": checkpoint.architecture.context_planes,
        "mean_held_out_dice": checkpoint.facts.get("mean_held_out_dice"),
        "held_out_dice": {name: scores.get(str(class_id)) for class_id, name in names.items()},
        "estimated_dice": as_record(estimates_in(checkpoint.facts), names),
        TO_PUBLISH: publish_record(dice_to_publish_in(checkpoint.facts), names),
        "trained_on": [image.name for image in images],
        "pixel_sizes": sorted({f"{i.pixel_size[0]:.4g} x {i.pixel_size[1]:.4g} {i.unit}" for i in images}),
    }
