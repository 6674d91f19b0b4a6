"""Laws of files that are damaged, foreign or hostile: one coded line, and nothing is run."""

import itertools
import json
import logging
import pickle
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from image_files import GREY, RGB, STACK, all_planes, refused, write_ngff, write_zarr
from PIL import Image as Picture

from napari_unet.errors import UserError
from napari_unet.images.readers import damage
from napari_unet.images.reading import open_image


def test_missing_and_foreign_files_are_told(tmp_path: Path) -> None:
    """A missing file, a foreign format and a folder without an image each have their code."""
    assert refused(tmp_path / "missing.tif") == "NU-I10"
    (tmp_path / "notes.txt").write_text("hello")
    assert refused(tmp_path / "notes.txt") == "NU-I12"
    (tmp_path / "folder").mkdir()
    assert refused(tmp_path / "folder") == "NU-I12"
    with pytest.raises(UserError, match="OME-Zarr"):
        open_image(tmp_path / "folder")
    (tmp_path / "empty.tif").write_bytes(b"")
    assert refused(tmp_path / "empty.tif") == "NU-I11"


def encoded(kind: str, tmp_path: Path) -> bytes:
    path = tmp_path / f"good.{kind.split('-')[0]}"
    if kind == "png":
        path.write_bytes(imagecodecs.png_encode(RGB))
    elif kind == "jpg":
        Picture.fromarray(RGB).save(path)
    elif kind == "npy":
        np.save(path, GREY)
    elif kind == "tif-pages":
        with tifffile.TiffWriter(path) as writer:
            for plane in STACK[0, :, 0]:
                writer.write(plane, contiguous=False, metadata=None)
    elif kind == "tif-pyramid":
        with tifffile.TiffWriter(path) as writer:
            writer.write(GREY, tile=(16, 16), subifds=1, metadata=None)
            writer.write(GREY[::2, ::2], tile=(16, 16), subfiletype=1, metadata=None)
    else:
        options: dict[str, Any] = {"tif-zip": {"compression": "zlib"}, "tif-imagej": {"imagej": True}}.get(kind, {})
        tifffile.imwrite(path, STACK[0, :, 0], photometric="minisblack", **options)
    return path.read_bytes()


KINDS = ["png", "jpg", "npy", "tif", "tif-zip", "tif-imagej", "tif-pages", "tif-pyramid"]


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_files_are_refused(tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that lost its end is refused unless every pixel is still there, and nothing is printed."""
    data = encoded(kind, tmp_path)
    path = tmp_path / f"cut.{kind.split('-')[0]}"
    path.write_bytes(data)
    whole = all_planes(open_image(path))
    for size in sorted({3, 10, 40, 100, 150, *range(len(data) // 7, len(data), len(data) // 7), len(data) - 8}):
        path.write_bytes(data[:size])
        # Only the tags of later planes, which repeat the first, lie behind pixels that are stored in one piece.
        # A coarser resolution lies behind the finest.
        if size > {"tif": 6, "tif-imagej": 6, "tif-pyramid": 5}.get(kind, 7) * len(data) // 7:
            np.testing.assert_array_equal(all_planes(open_image(path)), whole)
        else:
            assert refused(path) == "NU-I11", size
    assert capfd.readouterr().err == ""


def test_a_missing_end_is_told_when_the_file_is_opened(tmp_path: Path) -> None:
    """A last strip behind the end of the file is refused before anything is painted on the image."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, rowsperstrip=5)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"NU-I11.*a\.tif"):
        open_image(path)


@pytest.mark.parametrize("kind", KINDS)
def test_rotten_files_never_raise_anything_else(tmp_path: Path, kind: str) -> None:
    """With a byte changed a file is read or refused with one line, nothing else."""
    data = bytearray(encoded(kind, tmp_path))
    path = tmp_path / f"rotten.{kind.split('-')[0]}"
    places = [*range(min(len(data), 300)), *range(300, min(len(data), 4000), 37)]
    for position, value in itertools.product(places, (0x28, 0xFF)):
        rotten = data.copy()
        rotten[position] = value
        path.write_bytes(rotten)
        try:
            image = open_image(path)
            if image.height * image.width < 10**6:
                image.read(image.planes - 1)
        except UserError as error:
            assert error.code in {"NU-I01", "NU-I02", "NU-I03", "NU-I10", "NU-I11", "NU-I12", "NU-I13", "NU-I14"}  # noqa: PT017


def test_codecs_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """An unknown TIFF compression and a Zarr codec outside the list are told by name, before anything is decoded."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY)
    for codec in (34676, 32809, 34887):  # two that nothing decodes, and one that tifffile would
        with tifffile.TiffFile(path, mode="r+") as file:
            file.pages[0].tags["Compression"].overwrite(codec)
        assert refused(path) == "NU-I13"
    for codec in ("pickle", "json2", "bz2"):
        folder = tmp_path / f"{codec}.zarr"
        folder.mkdir()
        metadata = {"zarr_format": 2, "shape": [2, 2], "chunks": [2, 2], "dtype": "<u2", "filters": [{"id": codec}]}
        (folder / ".zarray").write_text(json.dumps(metadata))
        with pytest.raises(UserError, match=f"NU-I13.*{codec}"):
            open_image(folder)


def test_codecs_inside_shards_are_checked(tmp_path: Path) -> None:
    """A shard cannot hide a codec."""
    metadata = {"name": "sharding_indexed", "configuration": {"codecs": [{"name": "vlen-utf8"}], "index_codecs": []}}
    write_zarr(tmp_path / "a.zarr", GREY, 3)
    stored = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())
    (tmp_path / "a.zarr" / "zarr.json").write_text(json.dumps({**stored, "codecs": [metadata]}))
    assert refused(tmp_path / "a.zarr") == "NU-I13"


def test_checked_metadata_are_the_metadata_opened(tmp_path: Path) -> None:
    """A harmless zarr.json that claims to be of format 2 does not let a second metadata file through."""
    folder = tmp_path / "a.zarr"
    write_zarr(folder, GREY, 3)
    stored = json.loads((folder / "zarr.json").read_text())
    (folder / "zarr.json").write_text(json.dumps({**stored, "zarr_format": 2}))
    metadata = {"zarr_format": 2, "shape": [2, 2], "chunks": [2, 2], "dtype": "|u1", "filters": None}
    (folder / ".zarray").write_text(json.dumps({**metadata, "compressor": None, "fill_value": 0, "order": "C"}))
    assert refused(folder) == "NU-I11"


class Touch:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    """Pickles in NPY files and object arrays in Zarr are refused without running them."""
    bait = tmp_path / "ran"
    np.save(tmp_path / "a.npy", np.array([[Touch(bait)]], dtype=object), allow_pickle=True)
    assert refused(tmp_path / "a.npy") == "NU-I03"
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Touch(bait)))
    assert refused(tmp_path / "b.npy") == "NU-I11"
    (tmp_path / "c.zarr").mkdir()
    metadata = {"zarr_format": 2, "shape": [2, 2], "chunks": [2, 2], "dtype": "|O", "filters": [{"id": "pickle"}]}
    (tmp_path / "c.zarr" / ".zarray").write_text(json.dumps(metadata))
    assert refused(tmp_path / "c.zarr") == "NU-I03"
    assert not bait.exists()


def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What expands beyond the limit at once is refused from its header; tiles below the limit are not."""
    header = struct.pack(">IIBBBBB", 300000, 300000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        bomb += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    (tmp_path / "a.png").write_bytes(bomb)
    assert refused(tmp_path / "a.png") == "NU-I14"
    monkeypatch.setattr(damage, "MAX_DECODED_BYTES", 2000)
    Picture.fromarray(RGB).save(tmp_path / "a.jpg")
    tifffile.imwrite(tmp_path / "a.tif", GREY, compression="zlib")
    tifffile.imwrite(tmp_path / "tiled.tif", GREY, compression="zlib", tile=(16, 16))
    assert refused(tmp_path / "a.jpg") == "NU-I14"
    assert refused(tmp_path / "a.tif") == "NU-I14"
    assert open_image(tmp_path / "tiled.tif").height == 37
    tifffile.imwrite(tmp_path / "plain.tif", GREY)
    np.testing.assert_array_equal(open_image(tmp_path / "plain.tif").read(0)[..., 0], GREY)


def test_broken_zarr_is_refused(tmp_path: Path) -> None:
    """Half a metadata file, a level outside of the folder, no image and a rotten chunk are each one coded line."""
    write_ngff(tmp_path / "out.zarr", STACK, "0.4", level="../other")
    assert refused(tmp_path / "out.zarr") == "NU-I12"
    write_ngff(tmp_path / "lost.zarr", STACK, "0.5", level="7")
    assert refused(tmp_path / "lost.zarr") == "NU-I11"
    (tmp_path / "cut.zarr").mkdir()
    (tmp_path / "cut.zarr" / ".zarray").write_text('{"zarr_format": 2, "sha')
    assert refused(tmp_path / "cut.zarr") == "NU-I11"
    (tmp_path / "group.zarr").mkdir()
    (tmp_path / "group.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    assert refused(tmp_path / "group.zarr") == "NU-I12"
    write_zarr(tmp_path / "rot.zarr", GREY, 2)
    (tmp_path / "rot.zarr" / "1.1").write_bytes(b"rotten")
    assert refused(tmp_path / "rot.zarr") == "NU-I11"


def test_complex_and_empty_arrays_are_refused(tmp_path: Path) -> None:
    """Complex pixels, no pixels and a single row of numbers are told, not read."""
    for name, pixels, code in (
        ("complex", GREY.astype(np.complex64), "NU-I03"),
        ("empty", GREY[:0], "NU-I02"),
        ("line", GREY[0], "NU-I01"),
    ):
        np.save(tmp_path / f"{name}.npy", pixels)
        assert refused(tmp_path / f"{name}.npy") == code


def test_tifffile_speaks_to_logging_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What tifffile logs reaches logging, so that the log file of a session has it."""
    data = encoded("tif-imagej", tmp_path)
    (tmp_path / "a.tif").write_bytes(data[: len(data) // 2])
    with caplog.at_level(logging.WARNING):
        refused(tmp_path / "a.tif")
    assert any(record.name == "tifffile" for record in caplog.records)


def test_nothing_is_printed_without_any_logging(tmp_path: Path) -> None:
    """In a plain Python, where nobody set up logging, a damaged file prints nothing of tifffile's."""
    path = tmp_path / "a.tif"
    data = encoded("tif-imagej", tmp_path)
    path.write_bytes(data[: len(data) // 2])
    script = (
        "import pathlib, sys\n"
        "from napari_unet.errors import UserError\n"
        "from napari_unet.images.reading import open_image\n"
        "try:\n    open_image(pathlib.Path(sys.argv[1]))\n"
        "except UserError as error:\n    print(error.code)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert (run.stdout.strip(), run.stderr) == ("NU-I11", "")
