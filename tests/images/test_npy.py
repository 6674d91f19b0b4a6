"""Laws of NPY files: read where they lie, no more than is asked for."""

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from image_files import all_planes

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.readers import contiguous_pixels
from napari_unet.images.readers.contiguous_pixels import ContiguousPixels
from napari_unet.images.readers.npy_pixels import npy_pixels
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project

RANDOM = np.random.default_rng(7)
GREY = RANDOM.integers(0, 60000, (37, 29)).astype(np.uint16)
RGB = RANDOM.integers(0, 256, (37, 29, 3), dtype=np.uint8)
RGBA = RANDOM.integers(0, 256, (37, 29, 4), dtype=np.uint8)
STACK = RANDOM.integers(0, 60000, (2, 3, 2, 17, 13)).astype(np.uint16)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("pixels", "axes"),
    [(GREY, "yx"), (GREY.astype(">f4"), "yx"), (RGB, "yxc"), (STACK[:, 0, 0], "zyx"), (STACK[0], "tzyx")],
)
def test_npy_reads_every_pixel(tmp_path: Path, pixels: np.ndarray, axes: str, order: str) -> None:
    """NPY files are read in any memory order and byte order."""
    path = tmp_path / "a.npy"
    np.save(path, np.asarray(pixels, order=order))
    image = open_image(path)
    assert image.axes == axes
    colours = pixels if "c" in axes else pixels[..., None]
    np.testing.assert_array_equal(all_planes(image), colours.reshape(-1, *colours.shape[-3:]))


@pytest.mark.parametrize(
    ("shape", "axes"), [((64, 50, 1), "yx"), ((1, 64, 50, 1), "yx"), ((5, 64, 50, 1), "zyx"), ((64, 1, 1), "zyx")]
)
def test_one_channel_last_is_no_axis_of_pixels(tmp_path: Path, shape: tuple[int, ...], axes: str) -> None:
    """As arrays are made for Keras; a project that has such a file as planes one pixel wide opens it as it was."""
    pixels = RANDOM.integers(0, 255, shape).astype(np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    image = open_image(tmp_path / "a.npy")
    assert image.axes == axes
    np.testing.assert_array_equal(np.asarray(image.pixels).ravel(), pixels.ravel())
    if len(shape) == 3:
        with Project(tmp_path / "old.unet") as project:
            record = project.images.add(Image("a", pixels, "zyx"), tmp_path / "a.npy")
            assert project.images.open(record.id).axes == "zyx"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("span", [1, 100, 2**22])
def test_npy_slices_as_numpy_does(
    tmp_path: Path, order: Literal["C", "F"], span: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any integers and slices, backward and empty ones too, however much of the file is read at once."""
    monkeypatch.setattr(contiguous_pixels, "SPAN_BYTES", span)
    np.save(tmp_path / "a.npy", np.asarray(STACK, order=order))
    found, chance = npy_pixels(tmp_path / "a.npy"), np.random.default_rng(0)
    assert found.shape == STACK.shape
    for _ in range(200):
        key: list[int | slice] = []
        for size in STACK.shape:
            low, high = (int(n) for n in chance.integers(0, size + 1, 2))
            parts = [slice(None), int(chance.integers(-size, size)), slice(low, high), slice(low, high, 3)]
            parts += [slice(None, None, -1), slice(high, low, -2)]
            key.append(parts[int(chance.integers(len(parts)))])
        np.testing.assert_array_equal(found[tuple(key)], STACK[tuple(key)])


def test_pixels_in_a_file_are_looped_over_as_an_array(tmp_path: Path) -> None:
    """A loop ends after the last plane, and what is no index says nothing of the file."""
    np.save(tmp_path / "a.npy", STACK[0])
    pixels = open_image(tmp_path / "a.npy").pixels
    np.testing.assert_array_equal(list(pixels), STACK[0])
    for key in (3, -4, (0, 0, 0, 0, 0)):
        with pytest.raises(IndexError):
            pixels[key]
    for key in (None, [0, 1], STACK[0] > 3):
        with pytest.raises(TypeError):
            pixels[key]


@pytest.mark.filterwarnings("ignore:Stored array in format")
def test_npy_of_every_version_is_read(tmp_path: Path) -> None:
    """Numpy writes the newest where names of fields need it; what is an image in one is an image in all."""
    for version in ((1, 0), (2, 0), (3, 0)):
        with open(tmp_path / "a.npy", "wb") as stream:
            np.lib.format.write_array(stream, GREY, version)
        np.testing.assert_array_equal(open_image(tmp_path / "a.npy").pixels, GREY)
    np.save(tmp_path / "a.npy", np.zeros((3, 3), [("漢", np.uint8)]))
    with pytest.raises(UserError, match=r"^NU-I03"):
        open_image(tmp_path / "a.npy")


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_npy_cut_short_while_open_is_told(tmp_path: Path, kept: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """F34: cut off between opening and reading, or while it is read, it is the line of a changed file, not a SIGBUS."""
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((3000, 3000), np.uint16))
    whole = path.read_bytes()
    image = open_image(path)
    os.truncate(path, int(kept * len(whole)))
    with pytest.raises(UserError, match=r"^NU-I15: "):
        image.read(0)
    path.write_bytes(whole)
    image, read = open_image(path), ContiguousPixels.__getitem__

    def cut_and_read(pixels: ContiguousPixels, key: Any) -> Any:
        os.truncate(path, int(kept * len(whole)))
        return read(pixels, key)

    monkeypatch.setattr(ContiguousPixels, "__getitem__", cut_and_read)
    with pytest.raises(UserError, match=r"^NU-I15: "):
        image.read(0)


def test_npy_reads_no_more_than_it_must(tmp_path: Path) -> None:
    """A tile of an image of gigabytes comes at once; the file is sparse and its pixels are never all there."""
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((1, 300_000), np.uint16))
    header = path.read_bytes()[:128].replace(b"(1, 300000)", b"(300000, 300000)").replace(b"      \n", b" \n")
    path.write_bytes(header[:127].ljust(127) + b"\n")
    os.truncate(path, 128 + 2 * 300_000**2)
    image = open_image(path)
    assert image.read(0, slice(1000, 1256), slice(2000, 2256)).shape == (256, 256, 1)
