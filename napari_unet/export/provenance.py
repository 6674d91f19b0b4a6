"""The ``.json`` beside the results of an image: it says what made them, so that a batch knows which are finished."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.evaluation.checked_areas import TO_PUBLISH
from napari_unet.export.earlier_results import (
    FILES,
    OTHER_FILES,
    VERSION,
    known_files,
    read_record,
    refuse_foreign_results,
)
from napari_unet.export.json_file import write_json
from napari_unet.export.model_description import ModelDescription
from napari_unet.export.result_names import result_names
from napari_unet.images.image import Image
from napari_unet.objects.objects import object_settings
from napari_unet.project.classes import ClassLabel
from napari_unet.storage import refuse_unwritable, set_aside, sha256

ESTIMATED, DROP = "estimated_dice", "expected_drop"


@dataclass(frozen=True)
class Provenance:
    """Hold all that the results of an image depend on.

    Attributes
    ----------
    image : what is predicted
    model : the network that predicts
    classes : their names and colours
    settings : how objects are told apart
    formats : names of the formats that are written
    factors : rows and columns that the network saw, over those of the image
    source : the image's file or folder; its size and time tell a change between the rows that a fingerprint reads
    """

    image: Image
    model: ModelDescription
    classes: Sequence[ClassLabel]
    settings: Settings
    formats: Sequence[str]
    factors: tuple[float, float]
    source: Path | None = None

    @cached_property
    def origin(self) -> dict[str, Any]:
        """Return the part of the record that decides about the results: where it is equal, they are equal too."""
        return {
            VERSION: version("napari-unet-live"),
            "image_fingerprint": self.image.fingerprint(),
            "image_file": _file_state(self.source),
            "network": self.model.fingerprint,
            "classes": {str(label.id - 1): label.name for label in self.classes},
            "colours": {str(label.id - 1): list(label.rgb) for label in self.classes},
            "objects": object_settings(self.settings),
            "formats": list(self.formats),
            "rescaled": list(self.factors),
            "channels": [number + 1 for number in self.image.chosen],
        }

    def refuse_foreign(self, path: Path) -> None:
        """Refuse results and a record at ``path`` that would take the place of files which no export wrote.

        Raises
        ------
        UserError
            NU-E08, and NU-E01 where their folder takes no file
        """
        refuse_foreign_results(path, self._names(path))
        refuse_unwritable(path.parent)

    def keep_changed(self, path: Path) -> list[str]:
        """Set aside results that somebody changed after they were written, as a mask that was corrected by hand.

        They are those which the record at ``path`` lists with another SHA-256, also as files of earlier exports; one
        line tells where they are now.

        Raises
        ------
        UserError
            NU-E08 where they cannot be moved: they are not replaced then.
        """
        return keep_changed(path, self._names(path))

    def claim(self, path: Path) -> None:
        """Say at ``path`` which files are about to be written, so that a killed run leaves none that nobody knows."""
        files = known_files(path) | dict.fromkeys(self._names(path))  # whose SHA-256 is not known until they are there
        others = {name: files[name] for name in sorted(files) if name != path.name}
        write_json(path, {"image": self.image.name, VERSION: self.origin[VERSION], OTHER_FILES: others})

    def write(
        self, path: Path, files: Sequence[Path], estimated: Mapping[str, Any], expected_drop: float | None = None
    ) -> Path:
        """Write image, date, step, scores, the origin and the SHA-256 of the files, which lie beside ``path``.

        Parameters
        ----------
        estimated : the estimated Dice of every class, by name, with its interval
        expected_drop : of the Dice against the images that were learned from
        """
        hashes = {file.relative_to(path.parent).as_posix(): content_hash(file) for file in files}
        others = {name: code for name, code in sorted(known_files(path).items()) if name not in {*hashes, path.name}}
        record = {
            "image": self.image.name,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            **self.model.training_record(self.classes),
            **self.origin,
            ESTIMATED: dict(estimated),
            DROP: expected_drop,
            FILES: hashes,
            OTHER_FILES: {name: code for name, code in others.items() if path.with_name(name).exists()},
        }
        return write_json(path, record)

    def _names(self, path: Path) -> list[str]:
        return result_names(path.name.removesuffix(".json"), self.formats, self.image.planes)

    def finished(self, path: Path) -> list[Path]:
        """Return the files that the record at ``path`` names, itself the last; [] unless all is as it says."""
        origin = self.origin  # outside of the try: an image that cannot be read is told
        try:
            record = read_record(path)
            files = {path.parent / name: str(code) for name, code in record[FILES].items()}
            same = all(record.get(key) == value for key, value in origin.items())
            return [*files, path] if same and all(content_hash(f) == code for f, code in files.items()) else []
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return []  # not there, somebody else's, or damaged: it is made again


def keep_changed(note: Path, names: Iterable[str]) -> list[str]:
    """Set aside those of these files that the record ``note`` beside them lists with another SHA-256.

    One line tells where they are now; there is none where nothing was changed.

    Raises
    ------
    UserError
        NU-E08 where they cannot be moved: they are not to be replaced then.
    """
    known = known_files(note)
    there = [note.with_name(name) for name in names if known.get(name)]
    changed = [file for file in there if file.exists() and content_hash(file) != known[file.name]]
    if not changed:
        return []
    what = f"changed after an export wrote it ({', '.join(file.name for file in changed)})"
    aside = set_aside(*changed, word="changed")
    if aside is None:
        raise UserError("NU-E08", what, str(note.parent), "move it, for it cannot be set aside here")
    return [str(UserError("NU-E16", what, str(aside), "it is kept there, and the new result takes its place"))]


def quality_in(path: Path) -> tuple[dict[str, Any], float | None]:
    """Return the estimated Dice of every class that a record names, and how much lower it is than where was learned.

    {} and None where the record is older or cannot be read.
    """
    record = read_record(path)
    estimated, drop = record.get(ESTIMATED), record.get(DROP)
    return estimated if isinstance(estimated, dict) else {}, drop if isinstance(drop, float) else None


def images_in(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Return for ``--json`` how good each image may be whose record is among the files that an export wrote."""
    found = []
    for path in files:
        record = read_record(path) if path.suffix == ".json" else {}
        if {"image", VERSION, FILES} <= record.keys():
            estimated, drop = quality_in(path)
            found.append({"image": record["image"], "record": str(path), ESTIMATED: estimated, DROP: drop})
    return found


def dice_to_publish_in(files: Sequence[Path]) -> dict[str, Any] | None:
    """Return the Dice to publish of the network that made results; None where no record of an image is among them."""
    records = (read_record(path) for path in files if path.suffix == ".json")
    return next((record[TO_PUBLISH] for record in records if {"image", TO_PUBLISH} <= record.keys()), None)


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and hashes of all files in a folder."""
    if not path.is_dir():
        return sha256(path)
    inside = sorted(file for file in path.rglob("*") if file.is_file())
    lines = "".join(f"{file.relative_to(path).as_posix()} {sha256(file)}\n" for file in inside)
    return hashlib.sha256(lines.encode()).hexdigest()


def _file_state(path: Path | None) -> dict[str, int] | None:
    """Return what changes when an image file, or a file of an image folder, is written."""
    if path is not None and path.is_dir():
        states = [file.stat() for file in path.rglob("*") if file.is_file()]
        newest = max((state.st_mtime_ns for state in states), default=0)
        return {"files": len(states), "bytes": sum(state.st_size for state in states), "modified_ns": newest}
    state = path.stat() if path is not None and path.is_file() else None
    return {"bytes": state.st_size, "modified_ns": state.st_mtime_ns} if state else None
