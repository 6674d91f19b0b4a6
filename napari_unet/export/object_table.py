"""The objects of all planes, and a summary of them, as CSV files."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from napari_unet.export.segmentation import Segmentation
from napari_unet.export.summary_table import summarise, summary_columns
from napari_unet.export.verified import write_verified
from napari_unet.objects.measurements import Measurement, measure_plane, measurement_columns


def write_csv(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write ``base`` + ".csv", one line for each object and plane, and ``base`` + "-summary.csv".

    UTF-8, floats with all their digits.
    """
    # Measured before a file is begun, so that trouble in reading the image is not told as trouble in writing.
    table, summary = measure(segmentation), summarise(segmentation)
    image = segmentation.image
    columns = measurement_columns(image.pixel_size, image.channel_numbers)
    return [
        write_verified_table(base.with_name(f"{base.name}.csv"), columns, table),
        write_verified_table(base.with_name(f"{base.name}-summary.csv"), summary_columns(image.pixel_size), summary),
    ]


def measure(segmentation: Segmentation) -> list[Measurement]:
    """Measure the objects of all planes, plane after plane."""
    names = [style.name for style in segmentation.classes]
    image, objects = segmentation.image, segmentation.objects
    size, channels = image.pixel_size, image.channel_numbers
    return [
        row
        for plane, numbers in enumerate(objects.numbers)
        for row in measure_plane(numbers, objects.values, image.read(plane), size, names, plane, channels)
    ]


def write_verified_table(path: Path, columns: Sequence[str], table: Sequence[Measurement]) -> Path:
    """Write rows as a CSV file that is read back and compared; errors as ``write_verified``."""

    def write(temporary: Path) -> None:
        write_table(temporary, columns, table)

    def difference(temporary: Path) -> str:
        return _table_difference(temporary, columns, table)

    return write_verified(path, write, difference)


def write_table(path: Path, columns: Sequence[str], table: Sequence[Measurement]) -> None:
    """Write rows under a header of column names, as CSV in UTF-8; NaN is an empty cell, as spreadsheets know it."""
    # Text is quoted throughout: csv leaves a lone carriage return in a name unquoted and then cannot read it back.
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writeheader()
        writer.writerows({name: "" if _is_missing(value) else value for name, value in row.items()} for row in table)


def _table_difference(path: Path, columns: Sequence[str], table: Sequence[Measurement]) -> str:
    with open(path, encoding="utf-8", newline="") as stream:
        header, *lines = csv.reader(stream)
    if header != list(columns):
        return "other columns"
    if len(lines) != len(table):
        return f"{len(lines)} objects instead of {len(table)}"
    for number, (line, row) in enumerate(zip(lines, table, strict=True), start=1):
        if len(line) != len(row) or not all(_same(cell, row[name]) for cell, name in zip(line, columns, strict=True)):
            return f"other values in row {number}"
    return ""


def _same(cell: str, value: int | float | str) -> bool:
    if isinstance(value, float) and cell:
        return float(cell) == value
    return cell == ("" if _is_missing(value) else str(value))


def _is_missing(value: int | float | str) -> bool:
    return isinstance(value, float) and math.isnan(value)
