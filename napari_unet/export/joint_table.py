"""Joint tables: the measurements, and the summaries, of all images in one file each."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from napari_unet.export.earlier_results import FILES, OTHER_FILES, VERSION, read_record, refuse_file
from napari_unet.export.file_stem import file_stem
from napari_unet.export.json_file import write_json
from napari_unet.export.object_table import write_verified_table
from napari_unet.export.provenance import content_hash, keep_changed
from napari_unet.images.overwriting import same_name
from napari_unet.objects.measurements import Measurement

_TEXTS = {"image", "class_name"}  # columns; in all others are numbers
# Endings of the names of the tables, and the columns that each begins with.
_KINDS = {
    ".csv": ["image", "object", "plane", "class", "class_name"],
    "-summary.csv": ["image", "plane", "class", "class_name", "objects"],
}
_LONGEST_HEADER = 2**16  # characters that are read of a table which may be somebody else's


def write_joint_tables(
    folder: Path,
    name: str,
    stems: Mapping[int, str],
    written: Iterable[Path],
    warn: Callable[[str], object] = lambda line: None,
) -> list[Path]:
    """Write ``NAME-all.csv`` and ``NAME-all-summary.csv`` from the tables of the images; none where there are none.

    The first column is "image", the beginning of the names of an image's files. An image whose tables were not
    written is left out. Units that only some images have stay empty for the others.
    ``NAME-all.json`` has the SHA-256 of both, so that one that was changed is set aside before it is replaced.

    Parameters
    ----------
    folder : in which the tables of the images lie
    name : of the project
    stems : beginning of the file names of each image, by its id
    written : files that were written for the images
    warn : told where a table is that was changed after an export wrote it

    Raises
    ------
    UserError
        NU-E01 or NU-E03 when a table cannot be written, NU-E08 as ``refuse_foreign_tables``.
    """
    refuse_foreign_tables(folder, name, stems)
    there = {path.name for path in written}
    tables = {
        ending: [(stem, folder / f"{stem}{ending}") for stem in stems.values() if f"{stem}{ending}" in there]
        for ending in _KINDS
    }
    base = _base(name, stems)
    joint = {folder / f"{base}{ending}": found for ending, found in tables.items() if found}
    if not joint:
        return []
    note = folder / f"{base}.json"
    for line in keep_changed(note, [path.name for path in joint]):
        warn(line)
    _record(note, {})  # a killed run leaves no table that looks as if it had been changed
    for path, found in joint.items():
        write_verified_table(path, *_joined(found))
    _record(note, {path.name: content_hash(path) for path in joint})
    return [*joint]


def refuse_foreign_tables(folder: Path, name: str, stems: Mapping[int, str]) -> None:
    """Refuse joint tables, and a record of them, that would take the place of files which are none.

    Raises
    ------
    UserError
        NU-E08
    """
    base = _base(name, stems)
    for ending, columns in _KINDS.items():
        path = folder / f"{base}{ending}"
        refuse_file(path, is_own=_begins_with(path, columns))
    note = folder / f"{base}.json"
    refuse_file(note, is_own=VERSION in read_record(note))


def _record(note: Path, hashes: Mapping[str, str]) -> None:
    """Write the record of joint tables, as ``known_files`` reads that of an image."""
    write_json(note, {VERSION: version(VERSION), FILES: dict(hashes), OTHER_FILES: {}})


def _begins_with(path: Path, columns: list[str]) -> bool:
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return next(csv.reader([stream.readline(_LONGEST_HEADER)]), [])[: len(columns)] == columns
    except (OSError, ValueError, csv.Error):
        return False


def _base(name: str, stems: Mapping[int, str]) -> str:
    return _free_name(f"{file_stem(name)}-all", set(stems.values()))


def _free_name(base: str, stems: set[str]) -> str:
    """Return the base, longer where a joint table would be called as a table of an image."""
    taken = {same_name(f"{stem}{ending}") for stem in stems for ending in _KINDS}
    while any(same_name(f"{base}{ending}") in taken for ending in _KINDS):
        base += "-all"
    return base


def _joined(tables: Sequence[tuple[str, Path]]) -> tuple[list[str], list[Measurement]]:
    """Read tables one after the other; return all their columns, those of the first one first, and all rows."""
    columns = ["image"]
    rows: list[Measurement] = []
    for stem, path in tables:
        with open(path, encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            columns += [name for name in reader.fieldnames or () if name not in columns]
            rows += [{name: _value(name, cell) for name, cell in row.items()} | {"image": stem} for row in reader]
    empty: Measurement = dict.fromkeys(columns, "")
    return columns, [empty | row for row in rows]


def _value(column: str, cell: str) -> int | float | str:
    if column in _TEXTS or not cell:
        return cell
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)
