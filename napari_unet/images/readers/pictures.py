"""PNG and JPEG pictures, decoded at once."""

import struct
from collections.abc import Mapping
from pathlib import Path

import imagecodecs
import numpy as np
from jaxtyping import Shaped
from PIL.Image import Exif
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from napari_unet.images.readers.claims import refuse_claim
from napari_unet.images.readers.content import Content
from napari_unet.images.readers.damage import refuse_bomb
from napari_unet.images.readers.formats import format_of
from napari_unet.images.readers.png_chunks import SAMPLES, chunks_of, is_interlaced, plain_png, put_in_order

_ORIENTATION_TAG = 0x0112
_JPEG = 7  # as TIFF numbers it


def is_turned(path: Path, *, sideways: bool = True) -> bool:
    """Tell whether a picture is read otherwise than it is stored, for its EXIF data says how the camera was held.

    Parameters
    ----------
    sideways : count turns that exchange height and width as well
    """
    kind = "" if path.is_dir() else format_of(path)
    if kind == "png":
        exif = _exif_in(chunks_of(path, path.read_bytes()))
    elif kind == "jpeg":
        with JpegImageFile(path) as picture:
            exif = picture.getexif()
    else:
        return False
    return _orientation(exif) in range(2, 9 if sideways else 5)


def open_png(path: Path, expand_palette: bool) -> Content:
    """Decode a PNG file; a palette is expanded to its colours, or its indices are the pixels."""
    refuse_bomb(path, (path.stat().st_size,), 1)
    chunks = chunks_of(path, path.read_bytes())
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    refuse_bomb(path, (height, width, 4), max(1, depth // 8))
    refuse_claim(path, height * (width * depth * SAMPLES.get(colour, 1) // 8), len(chunks[b"IDAT"]))
    if not expand_palette and (colour == 3 or depth == 1):
        with PngImageFile(path) as picture:
            pixels = np.array(picture)
    elif is_interlaced(chunks):
        pixels = put_in_order(chunks, imagecodecs.png_decode)
    else:
        pixels = imagecodecs.png_decode(plain_png(chunks))
    return _picture(pixels, _exif_in(chunks))


def open_jpeg(path: Path, expand_palette: bool) -> Content:
    """Decode a JPEG file to grey values or RGB."""
    # The class, not PIL.Image.open: no other Pillow format gets to parse the file, and the limit is ours.
    with JpegImageFile(path) as picture:
        refuse_bomb(path, (picture.height, picture.width, 3), 1)
        refuse_claim(path, picture.height * picture.width * 3, path.stat().st_size, _JPEG)
        exif = picture.getexif()
        return _picture(np.array(picture if picture.mode in ("L", "RGB") else picture.convert("RGB")), exif)


def _exif_in(chunks: Mapping[bytes, bytes]) -> Exif:
    """Return the EXIF data of a PNG file; none is empty."""
    exif = Exif()
    exif.load(chunks.get(b"eXIf", b""))
    return exif


def _orientation(exif: Exif) -> int:
    """Return how the camera was held, 1 to 8 as in EXIF, or a number without meaning; 1 where nothing says so."""
    return int(exif.get(_ORIENTATION_TAG, 1))


def _picture(pixels: Shaped[np.ndarray, "y x *c"], exif: Exif) -> Content:
    pixels = _upright(pixels, _orientation(exif))
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
