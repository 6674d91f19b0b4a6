"""The ``.json`` beside the results of an image: what made them, and by which a batch knows that they are done."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from napari_unet.config import Settings
from napari_unet.export.json_file import write_json
from napari_unet.images.image import Image
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.objects.objects import object_settings
from napari_unet.project.classes import ClassLabel
from napari_unet.storage import sha256

_LONGEST = 2**20  # bytes that are read of a file which may be somebody else's


def origin(
    image: Image,
    checkpoint: Checkpoint,
    classes: Sequence[ClassLabel],
    settings: Settings,
    formats: Sequence[str],
    factors: tuple[float, float],
    source: Path | None = None,
) -> dict[str, Any]:
    """All that the results depend on: with an equal origin they are equal too.

    Parameters
    ----------
    factors : rows and columns that the network saw, over those of the image
    source : the image's file; its size and time tell a change between the rows that a fingerprint reads
    """
    state = source.stat() if source is not None and source.is_file() else None
    return {
        "napari-unet-live": version("napari-unet-live"),
        "image_fingerprint": image.fingerprint(),
        "image_file": {"bytes": state.st_size, "modified_ns": state.st_mtime_ns} if state else None,
        "network": checkpoint.fingerprint(),
        "classes": {str(label.id - 1): label.name for label in classes},
        "colours": {str(label.id - 1): list(label.rgb) for label in classes},
        "objects": object_settings(settings),
        "formats": list(formats),
        "rescaled": list(factors),
        "channels": [number + 1 for number in image.chosen],
    }


def write_provenance(
    path: Path,
    image: Image,
    checkpoint: Checkpoint,
    classes: Sequence[ClassLabel],
    came_from: dict[str, Any],
    files: Sequence[Path],
) -> Path:
    """Write image, date, network, its Dice, the origin and the SHA-256 of the files, which lie beside ``path``."""
    scores = checkpoint.facts.get("held_out_dice", {})
    record = {
        "image": image.name,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "step": checkpoint.step,
        "held_out_dice": {label.name: scores.get(str(label.id)) for label in classes},
        "mean_held_out_dice": checkpoint.facts.get("mean_held_out_dice"),
        **came_from,
        "files": {file.relative_to(path.parent).as_posix(): content_hash(file) for file in files},
    }
    return write_json(path, record)


def finished(path: Path, came_from: dict[str, Any]) -> list[Path]:
    """The files that a provenance names, itself the last; [] unless origin and files are what it says."""
    try:
        if path.stat().st_size > _LONGEST:
            return []
        record = json.loads(path.read_text(encoding="utf-8"))
        files = {path.parent / name: str(code) for name, code in record["files"].items()}
        same = all(record.get(key) == value for key, value in came_from.items())
        return [*files, path] if same and all(content_hash(f) == code for f, code in files.items()) else []
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []  # not there, somebody else's, or damaged: it is made again


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of the names and hashes of all files in a folder."""
    if not path.is_dir():
        return sha256(path)
    inside = sorted(file for file in path.rglob("*") if file.is_file())
    lines = "".join(f"{file.relative_to(path).as_posix()} {sha256(file)}\n" for file in inside)
    return hashlib.sha256(lines.encode()).hexdigest()
