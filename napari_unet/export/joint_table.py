"""Joint tables: the measurements, and the summaries, of all images in one file each."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from napari_unet.export.file_stem import file_stem
from napari_unet.export.object_table import write_verified_table
from napari_unet.objects.measurements import Measurement

_TEXTS = {"image", "class_name"}  # columns; in all others are numbers
_KINDS = (".csv", "-summary.csv")  # of tables, as endings of their names


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
        NU-E01 or NU-E03 when a table cannot be written.
    """
    there = {path.name for path in written}
    base = _free_name(f"{file_stem(name)}-all", set(stems.values()))
    made = []
    for ending in _KINDS:
        tables = [(stem, folder / f"{stem}{ending}") for stem in stems.values() if f"{stem}{ending}" in there]
        if tables:
            columns, rows = _joined(tables)
            made.append(write_verified_table(folder / f"{base}{ending}", columns, rows))
    return made


def _free_name(base: str, stems: set[str]) -> str:
    """Return the base, longer where an image's files begin like this."""
    taken = {stem.casefold() for stem in stems}
    while base.casefold() in taken:
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
