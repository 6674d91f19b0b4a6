"""Laws of folders of images: what is opened, what is skipped, and that this is said."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unet.errors import UserError
from napari_unet.images.folder import images_of, list_images
from napari_unet.images.reading import open_image

GREY = np.arange(48 * 40, dtype=np.uint16).reshape(48, 40)


def test_a_folder_stands_for_the_images_in_it(tmp_path: Path) -> None:
    for name in ("b.png", "a.TIF", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "cells.zarr").mkdir()
    (tmp_path / "cells.zarr" / "zarr.json").touch()
    images, notice = list_images(tmp_path)
    assert [path.name for path in images] == ["a.TIF", "b.png", "cells.zarr"]
    assert notice == ""
    for single in ("notes.txt", "cells.zarr", "not there"):
        assert list_images(tmp_path / single) == ([tmp_path / single], "")


def test_a_folder_that_cannot_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line; a folder in it that cannot be looked into is skipped as others are."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "a.png").touch()
    ask = os.stat

    def closed(path: Any, *rest: Any, **named: Any) -> os.stat_result:
        if Path(path).parent == tmp_path / "secret":
            raise PermissionError(13, "Permission denied", str(path))
        return ask(path, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", closed)
        images, notice = list_images(tmp_path)
    assert [path.name for path in images] == ["a.png"]
    assert "(secret/)" in notice

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UserError, match="NU-I10"):
        list_images(tmp_path)


def test_what_is_skipped_is_counted_and_named(tmp_path: Path) -> None:
    """Files of other kinds and folders that are no image, the first three by name, in one line."""
    for name in ("a.png", "b.czi", "c.txt", "d.lif"):
        (tmp_path / name).touch()
    (tmp_path / "deep").mkdir()
    lines: list[str] = []
    assert images_of([tmp_path], lines.append) == [tmp_path / "a.png"]
    assert lines[0].startswith("NU-I21: 4 of 5 files and folders in it are skipped (b.czi, c.txt, d.lif ...), ")
    (tmp_path / "a.png").unlink()
    with pytest.raises(UserError, match=r"^NU-I19: "):
        images_of([tmp_path])


@pytest.mark.parametrize("ending", ["svs", "lsm", "stk", "tf8", "btf", "TIFF"])
def test_what_opens_by_name_opens_in_a_folder(tmp_path: Path, ending: str) -> None:
    """Endings of microscopes and scanners whose files are TIFF."""
    tifffile.imwrite(tmp_path / f"a.{ending}", GREY, metadata=None, bigtiff=ending == "tf8")
    (path,) = list_images(tmp_path).images
    np.testing.assert_array_equal(open_image(path).pixels, GREY)


def test_an_ome_image_in_several_files_counts_once(tmp_path: Path) -> None:
    """Each of its files opens the whole image, so that the first stands for all; another image stays."""
    names = ["cells_1.ome.tif", "cells_2.ome.tif"]
    data = "".join(
        f'<TiffData FirstC="{n}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{n}</UUID></TiffData>'
        for n, name in enumerate(names)
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="40" SizeY="48" SizeC="2"'
        f' SizeZ="1" SizeT="1">{data}</Pixels></Image></OME>'
    )
    for number, name in enumerate(names):
        tifffile.imwrite(tmp_path / name, GREY + number, description=xml, metadata=None)
    tifffile.imwrite(tmp_path / "other.ome.tif", GREY)
    images, notice = list_images(tmp_path)
    assert [path.name for path in images] == ["cells_1.ome.tif", "other.ome.tif"]
    assert notice == ""
    whole = open_image(images[0])
    np.testing.assert_array_equal(whole.pixels, [GREY, GREY + 1])
    assert whole.notices == ()
