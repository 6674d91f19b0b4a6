"""The record of a results pack: every format of every image, what made them, and a hash of every file."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from napari_unet.config import Settings
from napari_unet.export.earlier_results import read_record, refuse_file
from napari_unet.export.json_file import write_json
from napari_unet.export.model_description import ModelDescription
from napari_unet.objects.objects import object_settings
from napari_unet.project.classes import ClassLabel
from napari_unet.storage import sha256

CONTENTS = "results.json"
_PACKAGES = ("napari-unet-live", "torch", "numpy", "scipy", "scikit-image", "tifffile", "zarr", "roifile")


def write_contents(
    folder: Path,
    written: Sequence[Path],
    model: ModelDescription,
    classes: Sequence[ClassLabel],
    settings: Settings,
) -> Path:
    """Write "results.json": model, step, held-out Dice, versions, object settings and the SHA-256 of every file.

    Parameters
    ----------
    folder : where the results are
    written : files and folders in it
    model : the network, with name and hash of its file
    """
    record = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": {"file": model.file, "sha256": model.sha256, **model.training_record(classes)},
        "classes": {str(label.id - 1): label.name for label in classes},
        "objects": object_settings(settings),
        "versions": {"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "files": {path.relative_to(folder).as_posix(): sha256(path) for path in _files(written)},
    }
    return write_json(folder / CONTENTS, record)


def refuse_foreign_contents(folder: Path) -> None:
    """Refuse a "results.json" that would take the place of a file which is no record of a pack.

    Raises
    ------
    UserError
        NU-E08
    """
    path = folder / CONTENTS
    refuse_file(path, is_own={"made", "versions", "files"} <= read_record(path).keys())


def _files(written: Sequence[Path]) -> list[Path]:
    inside = [file for path in written for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return [path for path in inside if path.is_file()]
