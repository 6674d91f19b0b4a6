"""Files that earlier exports wrote and a later one may replace; whatever else lies in a folder is somebody's own."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_unet.errors import UserError
from napari_unet.export.ome_zarr import refuse_foreign

VERSION, FILES, OTHER_FILES = "napari-unet-live", "files", "other_files"  # keys of the record beside results
_LONGEST = 2**25  # bytes that are read of a record which may be somebody else's


def read_record(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; {} where there is none, or it cannot be read."""
    try:
        record = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size <= _LONGEST else None
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def own_names(note: Path) -> set[str]:
    """Return the names of the files that exports wrote, or began to write, as the record of an image says.

    It is among them itself, unless it is somebody else's or cannot be read.
    """
    record = read_record(note)
    listed = [record.get(FILES, {}), record.get(OTHER_FILES, [])]
    if VERSION not in record or not all(isinstance(names, dict | list) for names in listed):
        return set()
    return {note.name, *(str(name) for names in listed for name in names)}


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
    own = own_names(note) | own_names(note.with_name(f"{note.name.removesuffix('.json')}.ome.json"))
    has_record = os.path.lexists(note)
    for name in (note.name, *names):
        path = note.with_name(name)
        if name.endswith(".ome.zarr"):
            refuse_foreign(path)  # it says by itself who made it
        elif not has_record and os.path.lexists(path):
            what = f"nobody knows whether an export wrote this file, for there is no {note.name} beside it"
            raise UserError("NU-E08", what, str(path), "delete it if it is an earlier result, or choose another folder")
        elif name not in own:
            refuse_file(path)


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
