"""Joint tables: the measurements, and the summaries, of all images in one file each."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from napari_unet.export.earlier_results import refuse_file
from napari_unet.export.file_stem import file_stem
from napari_unet.export.object_table import write_verified_table
from napari_unet.images.overwriting import same_name
from napari_unet.objects.measurements import Measurement

_TEXTS = {"image", "class_name"}  # columns; in all others are numbers
# Endings of the names of the tables, and the columns that each begins with.
_KINDS = {
    ".csv": ["image", "object", "plane", "class", "class_name"],
    "-summary.csv": ["image", "plane", "class", "class_name", "objects"],
}
_LONGEST_HEADER = 2**16  # characters that are read of a table which may be somebody else's


def write_joint_tables(folder: Path, name: str, stems: Mapping[int, str], written: Iterable[Path]) -> list[Path]:
    """Write ``NAME-all.csv`` and ``NAME-all-summary.csv`` from the tables of the images; none where there are none.

    The first column is "image", the beginning of the names of an image's files. An image whose tables were not
    written is left out. Units that only some images have stay empty for the others.

    Parameters
    ----------
    folder : in which the tables of the images lie
    name : of the project
    stems : beginning of the file names of each image, by its id
    written : files that were written for the images

    Raises
    ------
    UserError
        NU-E01 or NU-E03 when a table cannot be written, NU-E08 as ``refuse_foreign_tables``.
    """
    refuse_foreign_tables(folder, name, stems)
    there = {path.name for path in written}
    base = _base(name, stems)
    made = []
    for ending in _KINDS:
        tables = [(stem, folder / f"{stem}{ending}") for stem in stems.values() if f"{stem}{ending}" in there]
        if tables:
            columns, rows = _joined(tables)
            made.append(write_verified_table(folder / f"{base}{ending}", columns, rows))
    return made


def refuse_foreign_tables(folder: Path, name: str, stems: Mapping[int, str]) -> None:
    """Refuse joint tables that would take the place of files which are none.

    Raises
    ------
    UserError
        NU-E08
    """
    for ending, columns in _KINDS.items():
        path = folder / f"{_base(name, stems)}{ending}"
        refuse_file(path, is_own=_begins_with(path, columns))


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
