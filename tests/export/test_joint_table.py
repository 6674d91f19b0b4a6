"""Laws of the joint tables: every row of every image's table, with the name of the image, and no other."""

import csv
from pathlib import Path

import numpy as np

from napari_unet.config import Settings
from napari_unet.export import formats
from napari_unet.export.joint_table import write_joint_tables
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.images.image import Image, PixelSize

CLASSES = [ClassStyle("background", (0, 0, 0)), ClassStyle("cell \r one", (200, 0, 0))]


def tables_of(name: str, squares: int, size: PixelSize, folder: Path) -> list[Path]:
    """Export so many squares of 36 px."""
    mask = np.zeros((1, 20, 100), np.uint8)
    for k in range(squares):
        mask[0, 5:11, 10 * k + 2 : 10 * k + 8] = 1
    image = Image(name, mask[0] * np.uint8(50), "yx", size)
    return formats.export(Segmentation(mask, image, CLASSES, Settings()), folder, ["csv"], name)


def read(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_joint_tables_hold_every_row_of_every_image(tmp_path: Path) -> None:
    """In the order of the images, cell by cell; a unit that one image lacks is empty there."""
    written = tables_of("b", 3, PixelSize(), tmp_path) + tables_of("a", 2, PixelSize(0.5, 0.5, "um"), tmp_path)
    joint, summary = write_joint_tables(tmp_path, "cells", {1: "b", 2: "a", 3: "never exported"}, written)
    assert (joint.name, summary.name) == ("cells-all.csv", "cells-all-summary.csv")
    for path, ending in ((joint, ".csv"), (summary, "-summary.csv")):
        rows = read(path)
        assert next(iter(rows[0])) == "image"
        singles = [(name, row) for name in "ba" for row in read(tmp_path / f"{name}{ending}")]
        assert len(rows) == len(singles)
        for row, (name, single) in zip(rows, singles, strict=True):
            assert row == dict.fromkeys(row, "") | single | {"image": name}
    assert [row["area_um2"] for row in read(joint)] == ["", "", "", "9.0", "9.0"]


def test_a_joint_table_takes_no_images_place(tmp_path: Path) -> None:
    """An image may be called as the joint table would be; without tables nothing is written."""
    written = tables_of("cells-all", 1, PixelSize(), tmp_path)
    before = (tmp_path / "cells-all.csv").read_bytes()
    joint, _ = write_joint_tables(tmp_path, "cells", {1: "cells-all"}, written)
    assert joint.name == "cells-all-all.csv"
    assert (tmp_path / "cells-all.csv").read_bytes() == before
    assert write_joint_tables(tmp_path, "cells", {1: "cells-all"}, []) == []


def test_a_joint_summary_takes_no_images_place(tmp_path: Path) -> None:
    """An image may be called as the joint summary would be."""
    written = tables_of("cells-all-summary", 1, PixelSize(), tmp_path)
    joint, summary = write_joint_tables(tmp_path, "cells", {1: "cells-all-summary"}, written)
    assert (joint.name, summary.name) == ("cells-all-all.csv", "cells-all-all-summary.csv")
