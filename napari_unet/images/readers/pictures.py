"""PNG and JPEG pictures, decoded at once."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np
from jaxtyping import Shaped
from PIL.Image import Exif
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from napari_unet.images.readers.content import Content
from napari_unet.images.readers.damage import damaged, refuse_bomb

_ORIENTATION_TAG = 0x0112


def open_png(path: Path, expand_palette: bool) -> Content:
    """Decode a PNG file; a palette is expanded to its colours, or its indices are the pixels."""
    data = path.read_bytes()
    chunks = _png_chunks(path, data)
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    refuse_bomb(path, (height, width, 4), max(1, depth // 8))
    pixels = imagecodecs.png_decode(data)
    if not expand_palette and (colour == 3 or depth == 1):
        with PngImageFile(path) as picture:
            pixels = np.array(picture)
    exif = Exif()
    exif.load(bytes(chunks.get(b"eXIf", b"")))
    return _picture(pixels, exif)


def _png_chunks(path: Path, data: bytes) -> dict[bytes, memoryview]:
    """Return the first chunk of every kind; refuse a file without its end."""
    chunks: dict[bytes, memoryview] = {}
    offset = 8
    while b"IEND" not in chunks:
        if offset + 12 > len(data):
            raise damaged(path, "the PNG ends too early")
        length, kind = struct.unpack_from(">I4s", data, offset)
        chunks.setdefault(kind, memoryview(data)[offset + 8 : offset + 8 + length])
        offset += 12 + length
    if offset > len(data) or b"IHDR" not in chunks:
        raise damaged(path, "the PNG ends too early")
    return chunks


def open_jpeg(path: Path, expand_palette: bool) -> Content:
    """Decode a JPEG file to grey values or RGB."""
    # The class, not PIL.Image.open: no other Pillow format gets to parse the file, and the limit is ours.
    with JpegImageFile(path) as picture:
        refuse_bomb(path, (picture.height, picture.width, 3), 1)
        exif = picture.getexif()
        return _picture(np.array(picture if picture.mode in ("L", "RGB") else picture.convert("RGB")), exif)


def _picture(pixels: Shaped[np.ndarray, "y x *c"], exif: Exif) -> Content:
    pixels = _upright(pixels, int(exif.get(_ORIENTATION_TAG, 1)))
    if pixels.ndim == 2:
        return Content(pixels, "yx")
    return Content(pixels, "yxc", alpha=pixels.shape[2] in (2, 4))


def _upright(pixels: Shaped[np.ndarray, "y x *c"], orientation: int) -> Shaped[np.ndarray, "v u *c"]:
    """Turn rows and columns as the camera was held; orientation 1 to 8 as in EXIF, others are ignored."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
