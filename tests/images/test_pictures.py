"""Laws of PNG pictures: interlaced or not, the same pixels, and nothing on the terminal."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from napari_unet.errors import UserError
from napari_unet.images.reading import open_image

PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
CHANCE = np.random.default_rng(5)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(pixels: np.ndarray, colour: int, *, interlaced: bool = True, more: bytes = b"") -> bytes:
    """A PNG of whole bytes per sample, written without a filter, in the seven passes of Adam7 or plain."""
    parts = [pixels[y::down, x::across] for y, x, down, across in PASSES] if interlaced else [pixels]
    raw = b"".join(
        b"\0" + row.tobytes() for part in parts if part.size for row in part.astype(part.dtype.newbyteorder(">"))
    )
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8 * pixels.itemsize, colour, 0, 0, interlaced)
    packed = zlib.compress(raw)
    pieces = [chunk(b"IDAT", packed[:10]), chunk(b"IDAT", packed[10:])]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + b"".join(pieces) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 2), (8, 8), (37, 29)])
@pytest.mark.parametrize(("samples", "colour"), [(1, 0), (3, 2), (2, 4), (4, 6)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_interlaced_pixels_are_read_in_order_and_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], size: tuple[int, int], samples: int, colour: int, dtype: type
) -> None:
    """Adam7 changes no pixel of any colour and depth, and libpng writes nothing to the terminal."""
    pixels = CHANCE.integers(0, np.iinfo(dtype).max, (*size, samples), dtype, endpoint=True)
    (tmp_path / "a.png").write_bytes(png(pixels, colour))
    found = open_image(tmp_path / "a.png").pixels
    np.testing.assert_array_equal(np.reshape(found, pixels.shape), pixels)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_interlaced_pixels_of_less_than_a_byte(tmp_path: Path, bits: int) -> None:
    """Rows of a pass begin at whole bytes."""
    pixels = CHANCE.integers(0, 2**bits, (11, 13), np.uint8)
    raw = bytearray()
    for y, x, down, across in PASSES:
        for row in pixels[y::down, x::across]:
            digits = "".join(f"{value:0{bits}b}" for value in row)
            raw += b"\0" + bytes(int(digits[n : n + 8].ljust(8, "0"), 2) for n in range(0, len(digits), 8))
    header = struct.pack(">IIBBBBB", 13, 11, bits, 0, 0, 0, 1)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(raw))) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    with Picture.open(tmp_path / "a.png") as picture:
        shown = np.asarray(picture.convert("L"))
    np.testing.assert_array_equal(open_image(tmp_path / "a.png").read(0)[..., 0], shown)


def test_a_colour_profile_is_no_reason_to_speak(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A profile that libpng finds wrong says nothing of the pixels."""
    pixels = CHANCE.integers(0, 256, (9, 7, 3), np.uint8)
    profile = chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(b"no profile" * 20))
    (tmp_path / "a.png").write_bytes(png(pixels, 2, interlaced=False, more=profile))
    np.testing.assert_array_equal(open_image(tmp_path / "a.png").read(0), pixels)
    assert capfd.readouterr() == ("", "")


def test_interlaced_pixels_that_end_too_early_are_damage(tmp_path: Path) -> None:
    """So are those that were changed."""
    sound = png(CHANCE.integers(0, 256, (37, 29), np.uint8), 0)
    short = struct.pack(">IIBBBBB", 29, 400, 8, 0, 0, 0, 1)
    for data in (sound[:-30], sound[:60] + b"x" + sound[61:], sound[:8] + chunk(b"IHDR", short) + sound[33:]):
        (tmp_path / "a.png").write_bytes(data)
        with pytest.raises(UserError, match=r"^NU-I11: "):
            open_image(tmp_path / "a.png")
