"""Files that earlier exports wrote and a later one may replace; whatever else lies in a folder is somebody's own."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_unet.errors import UserError
from napari_unet.images.labels_inside import CREATOR

VERSION, FILES, OTHER_FILES = "napari-unet-live", "files", "other_files"  # keys of the record beside results
_LONGEST = 2**25  # bytes that are read of a record which may be somebody else's


def read_record(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; {} where there is none, or it cannot be read."""
    try:
        record = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size <= _LONGEST else None
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def known_files(note: Path) -> dict[str, str | None]:
    """Return the files that exports wrote, or began to write, as the record of an image says, with their SHA-256.

    None stands for one that is not known. The record is among them itself; {} where it is somebody else's or cannot
    be read.
    """
    record = read_record(note)
    known: dict[str, str | None] = {note.name: None}
    for listed in (record.get(OTHER_FILES, {}), record.get(FILES, {})):
        if not isinstance(listed, dict | list):
            return {}
        hashes = listed if isinstance(listed, dict) else {}  # other files were a list of names once
        known |= {str(name): str(hashes.get(str(name)) or "") or None for name in listed}
    return known if VERSION in record else {}


def refuse_foreign_results(note: Path, names: Iterable[str]) -> None:
    """Refuse results that would take the place of files which no export wrote.

    Parameters
    ----------
    note : the record of the image, which is written too
    names : of the results beside it

    Raises
    ------
    UserError
        NU-E08 with the first file.
    """
    # An image of "a.ome.tif" had its results under "a.ome" once.
    own = known_files(note) | known_files(note.with_name(f"{note.name.removesuffix('.json')}.ome.json"))
    has_record = os.path.lexists(note)
    for name in (note.name, *names):
        path = note.with_name(name)
        if name.endswith(".ome.zarr"):
            refuse_foreign_folder(path)  # it says by itself who made it
        elif not has_record and os.path.lexists(path):
            what = f"nobody knows whether an export wrote this file, for there is no {note.name} beside it"
            raise UserError("NU-E08", what, str(path), "delete it if it is an earlier result, or choose another folder")
        elif name not in own:
            refuse_file(path)


def refuse_foreign_folder(path: Path) -> None:
    """Refuse to replace an OME-Zarr folder that no export made: it may be somebody's data.

    Raises
    ------
    UserError
        NU-E08
    """
    attributes = read_record(path / "zarr.json").get("attributes")
    made_by = attributes.get("creator") if isinstance(attributes, dict) else None
    if os.path.lexists(path) and made_by != CREATOR:
        what = "a folder of this name lies there that was not written by an export"
        raise UserError("NU-E08", what, str(path), "choose another folder, or move that one")


def refuse_file(path: Path, *, is_own: bool = False) -> None:
    """Refuse to replace what has the name of a result, unless it is known as one.

    Raises
    ------
    UserError
        NU-E08
    """
    if os.path.lexists(path) and not is_own:
        what = "a file of this name lies there that was not written by an export"
        raise UserError("NU-E08", what, str(path), "choose another folder, or move that file")
