"""Microscope image files, opened as lazily read images; every failure is one coded line."""

import contextlib
import html
import json
import logging
import math
import os
import re
import struct
import threading
import tokenize
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
import zarr
from jaxtyping import Shaped
from PIL.Image import Exif
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from zarr.storage import LocalStore

from napari_unet.errors import UserError
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.npy_pixels import open_npy

# What one read may decode at once: a whole PNG or JPEG, one strip, tile or chunk of the others.
MAX_DECODED_BYTES = 4 * 2**30
SUPPORTED = "TIFF (also ImageJ and OME), PNG, JPEG, NPY and OME-Zarr folders"

_PROBED_BYTES = 64 * 2**20
SUFFIXES = (".tif", ".tiff", ".btf", ".png", ".jpg", ".jpeg", ".npy")
ZARR_METADATA = (".zarray", ".zgroup", "zarr.json")
_ZARR_CODECS = frozenset("blosc zstd gzip zlib lz4 bytes transpose sharding_indexed crc32c".split())
# None, LZW, JPEG, deflate (two numbers), packed bits, JPEG 2000 (three of Aperio's), LZMA, zstd (two), WebP, JPEG XL.
_TIFF_CODECS = frozenset((1, 5, 7, 8, 32946, 32773, 34712, 33003, 33004, 33005, 34925, 34926, 50000, 50001, 50002))
_ZARR_TYPE = re.compile(r"[<>|]?(bool|b1|u?int(8|16|32|64)|float(16|32|64)|[ui][1248]|f[248])")
_DEEPEST_IMAGE = 3  # folders below a plate: row, column, field
_ORIENTATION_TAG = 0x0112
# Below this resolution a TIFF states how it should be printed (72, 96, 300, 600 dpi), not how large a pixel is.
_PRINTING_DPI = 600
_UNITS = {
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre"), "um"),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre"), "nm"),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre"), "mm"),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre"), "cm"),
    **dict.fromkeys(("pm", "picometer", "picometre"), "pm"),
    **dict.fromkeys(("å", "angstrom", "ångström"), "angstrom"),
    **dict.fromkeys(("m", "meter", "metre"), "m"),
    **dict.fromkeys(("inch", "in"), "inch"),
}
# Mutated TIFF, PNG and Zarr files end in all of these inside the libraries (codec errors are RuntimeErrors).
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    AssertionError,
    SyntaxError,
    MemoryError,
    struct.error,
    zlib.error,
    tokenize.TokenError,
    tifffile.OmeXmlError,
)
# tifffile reads on after these and hands out zeros or fewer planes.
_LOGGED_DAMAGE = re.compile(
    r"invalid page offset|corrupted|zeroed|failed to read|is missing|failed to reshape|out of range"
)

# Python prints records of a logger without any handler on stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def open_image(path: Path, axes: str | None = None, *, expand_palette: bool = True, keep_named: bool = False) -> Image:
    """Open an image file; its pixels are read when asked for where the format allows it.

    Parameters
    ----------
    path : TIFF, PNG, JPEG or NPY file, or a Zarr folder
    axes : one letter per axis, with or without the axes of length 1; overrides what the file says
    expand_palette : colours of a palette PNG, rather than its indices
    keep_named : axes of length 1 stay where ``axes`` names them all, for what was added to a project with them

    Raises
    ------
    UserError
        NU-I01 to NU-I03 where the pixels do not make an image, NU-I10 to NU-I14 where the file cannot be read.
    """
    opener = _OPENERS[_format(path)]
    with _damage_told(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = opener(path, expand_palette)
    return _image(path, content, axes, keep_named)


_UNKNOWN = PixelSize()


@dataclass(frozen=True)
class _Content:
    """What a file holds: an array, the names of its axes and the size of a pixel."""

    pixels: Any
    axes: Sequence[str]
    pixel_size: PixelSize = _UNKNOWN
    alpha: bool = False
    coarser: Sequence[Any] = ()
    channel_names: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class _FilePixels:
    """Pixels that stay in their file, without the axes of length 1; a failing read is a `UserError`."""

    path: Path
    array: Any
    kept: tuple[int, ...]
    release: Callable[[], object] = lambda: None
    state: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", file_state(self.path))

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the kept axes."""
        return tuple(int(self.array.shape[axis]) for axis in self.kept)

    @property
    def ndim(self) -> int:
        """Number of kept axes."""
        return len(self.kept)

    @property
    def size(self) -> int:
        """Number of pixels, channels counted."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel as stored."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    def __getitem__(self, key: Any) -> Any:
        """Pixels of integers, slices and an ellipsis."""
        selection: list[Any] = [0] * len(self.array.shape)
        for axis, part in zip(self.kept, full_key(key, self.ndim), strict=True):
            selection[axis] = part
        with _damage_told(self.path):
            self._refuse_change()
            try:
                return np.asarray(self.array[tuple(selection)])
            finally:
                self.release()
                self._refuse_change()  # while it was read, whatever came of that

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Shaped[np.ndarray, "..."]:
        """All pixels, for code that wants a numpy array."""
        return np.asarray(self[...], dtype=dtype)

    def _refuse_change(self) -> None:
        if file_state(self.path) != self.state:
            raise changed(self.path)


@contextlib.contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, PermissionError) as error:
        raise _unopened(path, error) from error
    except ImportError as error:
        raise _unknown_codec(path, str(error)) from error
    except _DAMAGE as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def _unopened(path: Path, error: OSError) -> UserError:
    reason = error.strerror or type(error).__name__
    return UserError(
        "NU-I10", f"the image cannot be opened ({reason})", str(path), "check the path and its permissions"
    )


def changed(path: Path) -> UserError:
    """The file is another than the one that was opened."""
    what = "the file changed after it was opened"
    return UserError("NU-I15", what, str(path), "open the image again to use its new content")


def _damaged(path: Path, reason: str) -> UserError:
    line = " ".join(reason.split())[:160]
    return UserError(
        "NU-I11", f"the image is damaged or incomplete ({line})", str(path), "copy or export the file again"
    )


def _unsupported(path: Path, what: str) -> UserError:
    return UserError("NU-I12", what, str(path), f"convert it to one of {SUPPORTED}")


def _unknown_codec(path: Path, codec: str) -> UserError:
    return UserError(
        "NU-I13",
        f"the pixels are packed with a codec that cannot be used ({codec})",
        str(path),
        "save it with LZW, ZIP, zstd or blosc",
    )


def _refuse_bomb(path: Path, shape: Sequence[int], itemsize: int) -> None:
    size, limit = math.prod(shape) * itemsize, MAX_DECODED_BYTES
    if size > limit:
        pixels = " x ".join(map(str, shape))
        raise UserError(
            "NU-I14",
            f"{pixels} pixels expand to {size / 2**30:.3g} GB at once and the limit is {limit / 2**30:.3g} GB",
            str(path),
            "save it as tiled TIFF or OME-Zarr",
        )


def _format(path: Path) -> str:
    """Format told by the first bytes, because suffixes lie."""
    try:
        if path.is_dir():
            return _folder_format(path)
        with open(path, "rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise _unopened(path, error) from error
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            return name
    if path.suffix.lower() in SUFFIXES:
        raise _damaged(path, f"its first bytes do not make a {path.suffix.lower()} file")
    raise _unsupported(path, f"the format of '{path.suffix or path.name}' files is not supported")


def _folder_format(path: Path) -> str:
    if not any((path / name).is_file() for name in ZARR_METADATA):
        raise _unsupported(path, "the folder is not a Zarr image")
    return "zarr"


def _image(path: Path, content: _Content, axes: str | None, keep_named: bool) -> Image:
    shape = tuple(int(size) for size in content.pixels.shape)
    named_all = axes is not None and len(axes) == len(shape)
    names = axes if axes is not None and named_all else content.axes
    keeps_all = named_all and keep_named
    kept = tuple(n for n, size in enumerate(shape) if size != 1 or keeps_all or names[n].lower() in ("y", "x"))
    if axes is None:
        letters = _letters([names[axis] for axis in kept])
    else:
        letters = "".join(axes[axis] for axis in kept).lower() if named_all else axes.lower()
    alpha = _has_alpha(content, kept, letters)
    levels = (_squeezed(path, pixels, kept) for pixels in (content.pixels, *content.coarser))
    try:
        pixels, *coarser = levels
        image = Image(path.stem, pixels, letters, content.pixel_size, alpha, tuple(coarser))
        return replace(image, channel_names=_names_of_channels(content, kept, letters), file_name=path.name)
    except UserError as error:
        # The image knows its name only; the user looks for a file.
        raise UserError(error.code, error.what, str(path), error.fix) from error


def _squeezed(path: Path, pixels: Any, kept: tuple[int, ...]) -> Any:
    if isinstance(pixels, _FilePixels):
        return _FilePixels(path, pixels.array, kept, pixels.release)
    return pixels.reshape([pixels.shape[axis] for axis in kept])


def _has_alpha(content: _Content, kept: tuple[int, ...], letters: str) -> bool:
    """Whether the axis called c is the one whose last sample the file calls alpha."""
    if not content.alpha or "c" not in letters or len(letters) != len(kept):
        return False
    return content.axes[kept[letters.index("c")]].lower() in ("c", "s")


def _names_of_channels(content: _Content, kept: tuple[int, ...], letters: str) -> tuple[str, ...]:
    """What the file calls the channels of the axis called c; () where it is another axis or not all have a name."""
    if "c" not in letters:
        return ()
    axis, names = kept[letters.index("c")], tuple(name.strip() for name in content.channel_names)
    is_theirs = content.axes[axis].lower() == "c" and len(names) == content.pixels.shape[axis]
    return names if is_theirs and all(names) else ()


def _letters(names: Sequence[str]) -> str:
    """Make one unique lower-case letter of each name; samples (else channels) become "c"."""
    wanted = [name.lower()[:1] for name in names]
    samples = "s" if "s" in wanted else "c"
    free = [letter for letter in "ztpqrabdefghijklmnosuvw" if letter not in wanted]
    letters = ""
    for name in wanted:
        letter = "c" if name == samples else name
        taken = letter in letters or (name == "c" and samples == "s") or not "a" <= letter <= "z"
        letters += free.pop(0) if taken else letter
    return letters


def _guessed_axes(shape: Sequence[int]) -> str:
    """Axes of an array that does not name them: y, x and 3 or 4 colours last, else planes of y, x."""
    colours = len(shape) >= 3 and shape[-1] in (3, 4) and min(shape[-3:-1]) > 4
    axes = "yxc" if colours else "yx"
    planes = "abdefghijklmnopqrsuvwtz"[-(len(shape) - len(axes)) :] if len(shape) > len(axes) else ""
    return (planes + axes)[-len(shape) :] if shape else ""


def full_key(key: Any, ndim: int) -> tuple[Any, ...]:
    """One integer or slice for every axis, from a key that may be shorter or have an ellipsis."""
    parts = key if isinstance(key, tuple) else (key,)
    if Ellipsis not in parts:
        parts = (*parts, Ellipsis)
    gap = parts.index(Ellipsis)
    fill = (slice(None),) * (ndim - len(parts) + 1)
    return (*parts[:gap], *fill, *parts[gap + 1 :])


def file_state(path: Path) -> tuple[int, int]:
    """Size and time of change, by which another content is known; (0, 0) for a folder."""
    # Chunks of a Zarr folder come and go without its own entry telling anything.
    if path.is_dir():
        return 0, 0
    state = os.stat(path)
    return state.st_size, state.st_mtime_ns


def _lazy(path: Path, array: Any, release: Callable[[], object] = lambda: None) -> _FilePixels:
    return _FilePixels(path, array, tuple(range(len(array.shape))), release)


def _refuse_first_chunk(path: Path, pixels: _FilePixels) -> None:
    """Tell at once, rather than at the first stroke, that the chunks cannot be decoded."""
    chunks, itemsize = pixels.array.chunks, pixels.dtype.itemsize
    _refuse_bomb(path, chunks, itemsize)
    if 0 not in pixels.shape and math.prod(chunks) * itemsize <= _PROBED_BYTES:
        pixels[(0,) * pixels.ndim]


def _pyramid(levels: Sequence[_FilePixels], names: Sequence[str]) -> list[_FilePixels]:
    """The coarser levels, up to the first that is not a smaller picture of the same planes and channels."""
    spatial = [index for index, name in enumerate(names) if name.lower() in ("y", "x")]
    coarser: list[_FilePixels] = []
    for level in levels[1:]:
        finer = coarser[-1] if coarser else levels[0]
        pairs = list(enumerate(zip(level.shape, finer.shape, strict=False)))
        smaller = all(0 < new < old if index in spatial else new == old for index, (new, old) in pairs)
        if level.ndim != finer.ndim or level.dtype != finer.dtype or not smaller:
            break
        coarser.append(level)
    return coarser


def _pixel_size(y: float, x: float, unit: str) -> PixelSize:
    known = _UNITS.get(unit.strip().lower())
    if known is None or not all(math.isfinite(edge) and edge > 0 for edge in (y, x)):
        return _UNKNOWN
    return PixelSize(float(y), float(x), known)


# TIFF


def _open_tiff(path: Path, expand_palette: bool) -> _Content:
    with _log_told(path), tifffile.TiffFile(path) as file:
        if not file.series:
            raise _damaged(path, "no pages")
        series = file.series[0]
        _refuse_codec(path, series.keyframe)
        _refuse_missing_bytes(path, series)
        axes, pixel_size = _tiff_axes(series), _tiff_pixel_size(file)
        names = _tiff_channel_names(file)
        alpha = any(int(kind) in (1, 2) for kind in series.keyframe.extrasamples[-1:])
        stores = [series.aszarr(level=level, squeeze=False) for level in range(len(series.levels))]
    levels = [_lazy(path, zarr.open_array(store, mode="r", zarr_format=2), store.close) for store in stores]
    _refuse_first_chunk(path, levels[0])
    return _Content(levels[0], axes, pixel_size, alpha, _pyramid(levels, axes), names)


@contextlib.contextmanager
def _log_told(path: Path) -> Iterator[None]:
    """Refuse a file when tifffile logs that it replaces or drops a part of it."""
    records = _Records()
    logger = logging.getLogger("tifffile")
    logger.addHandler(records)
    try:
        yield
    finally:
        logger.removeHandler(records)
    for message in records.messages:
        if _LOGGED_DAMAGE.search(message):
            raise _damaged(path, message)


class _Records(logging.Handler):
    """What tifffile says in this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        if record.thread == self.thread:
            self.messages.append(record.getMessage())


def _refuse_codec(path: Path, page: Any) -> None:
    if page.compression not in _TIFF_CODECS:
        raise _unknown_codec(path, getattr(page.compression, "name", str(page.compression)))


def _refuse_missing_bytes(path: Path, series: Any) -> None:
    """Refuse strips and tiles that lie behind the end of the file: they would read as zeros."""
    if series.dataoffset is not None:
        extents = [(series.keyframe, series.dataoffset, series.nbytes)]
    else:
        pages = list(series.pages)
        if any(page is None for page in pages):
            raise _damaged(path, f"{pages.count(None)} of {len(pages)} planes are missing")
        if not all(page.dataoffsets for page in pages):
            raise _damaged(path, "a TIFF page does not say where its pixels are")
        extents = [
            (page, offset, count)
            for page in pages
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
        ]
    for page, offset, count in extents:
        if count and offset + count > page.parent.filehandle.size:
            raise _damaged(path, f"TIFF page {page.index} ends behind the end of the file")


def _tiff_axes(series: Any) -> str:
    axes = str(series.get_axes(False))
    shape = series.get_shape(False)
    unnamed = set(axes[:-2]) <= {"Q"} and axes.endswith("YX")
    return _guessed_axes(shape) if unnamed else axes


def _tiff_pixel_size(file: Any) -> PixelSize:
    if file.is_ome:
        return _ome_pixel_size(file.ome_metadata or "")
    tags = file.pages[0].tags
    x, y = (_pixels_per_unit(tags, name) for name in ("XResolution", "YResolution"))
    if x <= 0 or y <= 0:
        return _UNKNOWN
    if file.is_imagej:
        unit = str((file.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "µ")
        return _pixel_size(1 / y, 1 / x, unit)
    per_inch = {2: 1.0, 3: 2.54}.get(int(tags.valueof("ResolutionUnit", 2)), 0.0)
    if min(x, y) * per_inch <= _PRINTING_DPI:
        return _UNKNOWN
    return _pixel_size(25400 / (y * per_inch), 25400 / (x * per_inch), "um")


def _pixels_per_unit(tags: Any, name: str) -> float:
    numerator, denominator = tags.valueof(name, (0, 1))
    return float(numerator) / denominator if denominator else 0.0


def _tiff_channel_names(file: Any) -> list[str]:
    """As the file says them; the labels of ImageJ are of planes, which are channels where there is nothing else."""
    if not file.is_ome:
        labels = (file.imagej_metadata or {}).get("Labels")
        titles = [str(label) for label in labels] if isinstance(labels, list) else []
        # Bio-Formats numbers planes and names the file: "c:1/3 - cells.czi".
        return [] if any(re.match(r"[czt]:\d+/\d+", title) for title in titles) else titles
    image = re.search(r"<(?:\w+:)?Pixels\b.*?</(?:\w+:)?Pixels>", file.ome_metadata or "", re.DOTALL)
    channels = re.findall(r"<(?:\w+:)?Channel\b[^>]*>", image[0] if image else "")
    names = [re.search(r'\bName="([^"]*)"', channel) for channel in channels]
    return [html.unescape(name[1]) if name else "" for name in names]


def _ome_pixel_size(xml: str) -> PixelSize:
    # A pattern instead of an XML parser: entity bombs expand to nothing.
    found = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", xml)
    attributes = dict(re.findall(r'\b(PhysicalSize[XY](?:Unit)?)="([^"]*)"', found[0] if found else ""))
    if not {"PhysicalSizeX", "PhysicalSizeY"} <= attributes.keys():
        return _UNKNOWN
    units = {html.unescape(attributes.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "XY"}
    if len(units) > 1:
        return _UNKNOWN
    return _pixel_size(float(attributes["PhysicalSizeY"]), float(attributes["PhysicalSizeX"]), units.pop())


# PNG and JPEG


def _open_png(path: Path, expand_palette: bool) -> _Content:
    data = path.read_bytes()
    chunks = _png_chunks(path, data)
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    _refuse_bomb(path, (height, width, 4), max(1, depth // 8))
    pixels = imagecodecs.png_decode(data)
    if not expand_palette and (colour == 3 or depth == 1):
        with PngImageFile(path) as picture:
            pixels = np.array(picture)
    exif = Exif()
    exif.load(bytes(chunks.get(b"eXIf", b"")))
    return _picture(pixels, exif)


def _png_chunks(path: Path, data: bytes) -> dict[bytes, memoryview]:
    """First chunk of every kind; a file without its end is refused."""
    chunks: dict[bytes, memoryview] = {}
    offset = 8
    while b"IEND" not in chunks:
        if offset + 12 > len(data):
            raise _damaged(path, "the PNG ends too early")
        length, kind = struct.unpack_from(">I4s", data, offset)
        chunks.setdefault(kind, memoryview(data)[offset + 8 : offset + 8 + length])
        offset += 12 + length
    if offset > len(data) or b"IHDR" not in chunks:
        raise _damaged(path, "the PNG ends too early")
    return chunks


def _open_jpeg(path: Path, expand_palette: bool) -> _Content:
    # The class, not PIL.Image.open: no other Pillow format gets to parse the file, and the limit is ours.
    with JpegImageFile(path) as picture:
        _refuse_bomb(path, (picture.height, picture.width, 3), 1)
        exif = picture.getexif()
        return _picture(np.array(picture if picture.mode in ("L", "RGB") else picture.convert("RGB")), exif)


def _picture(pixels: Shaped[np.ndarray, "y x *c"], exif: Exif) -> _Content:
    pixels = _upright(pixels, int(exif.get(_ORIENTATION_TAG, 1)))
    if pixels.ndim == 2:
        return _Content(pixels, "yx")
    return _Content(pixels, "yxc", alpha=pixels.shape[2] in (2, 4))


def _upright(pixels: Shaped[np.ndarray, "y x *c"], orientation: int) -> Shaped[np.ndarray, "v u *c"]:
    """Rows and columns as the camera was held; orientation 1 to 8 as in EXIF, others are ignored."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


# NPY


def _open_npy(path: Path, expand_palette: bool) -> _Content:
    array = open_npy(path)
    return _Content(_lazy(path, array), _guessed_axes(array.shape))


# Zarr


def _open_zarr(path: Path, expand_palette: bool) -> _Content:
    metadata = _zarr_metadata(path, path)
    if _is_array(metadata):
        return _zarr_array(path, path, metadata, None, _UNKNOWN)
    attributes = metadata["attributes"]
    scales = attributes.get("ome", attributes).get("multiscales")
    if not scales:
        raise _no_image(path)
    finest, *others = scales[0]["datasets"]
    names = _ngff_axes(scales[0])
    size = _ngff_pixel_size(scales[0], names) if names else _UNKNOWN
    content = _zarr_level(path, finest, names, size)
    levels = [content.pixels]
    for each in others:
        try:
            levels.append(_zarr_level(path, each, names, size).pixels)
        except (UserError, *_DAMAGE):
            break  # the image is whole without it
    names = _ngff_channel_names(attributes.get("ome", attributes))
    return replace(content, coarser=_pyramid(levels, content.axes), channel_names=names)


def _no_image(path: Path) -> UserError:
    """Plates, what bioformats2raw writes, and groups of labels alone hold images in folders of theirs."""
    inside = next(_images_inside(path, _DEEPEST_IMAGE), None)
    if inside is None:
        return _unsupported(path, "the Zarr group holds no multiscale image")
    name = inside.relative_to(path).as_posix()
    what = "the Zarr group holds no multiscale image itself, but in its folders"
    return UserError("NU-I12", what, str(path), f"open one of them, such as {name}")


def _images_inside(folder: Path, depth: int) -> Iterator[Path]:
    for part in sorted(path for path in folder.iterdir() if path.is_dir()) if depth else ():
        try:
            attributes = _zarr_metadata(folder, part)["attributes"]
        except (UserError, *_DAMAGE):
            continue
        if attributes.get("ome", attributes).get("multiscales"):
            yield part
        else:
            yield from _images_inside(part, depth - 1)


def _zarr_level(path: Path, dataset: dict[str, Any], names: list[str] | None, pixel_size: PixelSize) -> _Content:
    level = _level_folder(path, str(dataset["path"]))
    return _zarr_array(path, level, _zarr_metadata(path, level), names, pixel_size)


def _zarr_array(
    path: Path, folder: Path, metadata: dict[str, Any], names: list[str] | None, pixel_size: PixelSize
) -> _Content:
    if not _is_array(metadata):
        raise _damaged(path, f"{folder.name} is not an array")
    _refuse_zarr_types(path, metadata)
    array = zarr.open_array(LocalStore(folder, read_only=True), mode="r", zarr_format=metadata["zarr_format"])
    pixels = _lazy(path, array)
    _refuse_first_chunk(path, pixels)
    own = metadata.get("dimension_names") or metadata["attributes"].get("_ARRAY_DIMENSIONS")
    names = names or ([str(name) for name in own] if own else None)
    if names is None or len(names) != len(array.shape) or not {"y", "x"} <= {name.lower() for name in names}:
        return _Content(pixels, _guessed_axes(array.shape), pixel_size)
    return _Content(pixels, names, pixel_size)


def _is_array(metadata: dict[str, Any]) -> bool:
    return str(metadata.get("node_type", "array" if "shape" in metadata else "group")) == "array"


def _zarr_metadata(path: Path, folder: Path) -> dict[str, Any]:
    """JSON of a group or an array with its "attributes", read without zarr."""
    for name in ("zarr.json", ".zarray", ".zgroup"):
        if (folder / name).is_file():
            metadata = json.loads((folder / name).read_text("utf-8"))
            break
    else:
        raise _damaged(path, f"no metadata in {folder.name}")
    attributes = folder / ".zattrs"
    if name != "zarr.json" and attributes.is_file():
        metadata["attributes"] = json.loads(attributes.read_text("utf-8"))
    metadata.setdefault("attributes", {})
    # By the name, not by what the file claims: zarr must open the very metadata that were checked.
    metadata["zarr_format"] = 3 if name == "zarr.json" else 2
    return dict(metadata)


def _level_folder(path: Path, name: str) -> Path:
    level = (path / name).resolve()
    if not level.is_relative_to(path.resolve()):
        raise _unsupported(path, f"the Zarr image points outside of its folder ('{name}')")
    return level


def _refuse_zarr_types(path: Path, metadata: dict[str, Any]) -> None:
    """Refuse objects and codecs that run foreign code before zarr builds them."""
    stored = metadata.get("data_type", metadata.get("dtype"))
    if not isinstance(stored, str) or not _ZARR_TYPE.fullmatch(stored):
        raise UserError(
            "NU-I03",
            f"pixels of type {stored} cannot be used",
            str(path),
            "convert the image to uint8, uint16 or float32",
        )
    codecs = [*(metadata.get("filters") or ()), *(metadata.get("codecs") or ()), metadata.get("compressor")]
    for codec in _codec_names(codecs):
        if codec.removeprefix("numcodecs.") not in _ZARR_CODECS:
            raise _unknown_codec(path, codec)


def _codec_names(codecs: Sequence[Any]) -> Iterator[str]:
    for codec in codecs:
        if isinstance(codec, str):
            yield codec
        elif codec is not None:
            yield str(codec.get("name", codec.get("id")))
            inner = codec.get("configuration") or {}
            yield from _codec_names([*inner.get("codecs", ()), *inner.get("index_codecs", ())])


def _ngff_channel_names(attributes: dict[str, Any]) -> list[str]:
    """Labels of the optional part "omero"; what is written there otherwise is no reason to refuse an image."""
    omero = attributes.get("omero")
    channels = omero.get("channels") if isinstance(omero, dict) else None
    if not isinstance(channels, list) or not all(isinstance(channel, dict) for channel in channels):
        return []
    return [str(channel.get("label", "")) for channel in channels]


def _ngff_axes(scale: dict[str, Any]) -> list[str] | None:
    axes = scale.get("axes")
    if not axes:
        return None
    return [axis if isinstance(axis, str) else _ngff_axis(axis) for axis in axes]


def _ngff_axis(axis: dict[str, Any]) -> str:
    return "c" if axis.get("type") == "channel" else str(axis["name"])


def _ngff_pixel_size(scale: dict[str, Any], names: list[str]) -> PixelSize:
    y, x = names.index("y"), names.index("x")
    units = {axis.get("unit", "") for axis in (scale["axes"][y], scale["axes"][x]) if isinstance(axis, dict)}
    transformations = [*scale["datasets"][0].get("coordinateTransformations", ())]
    transformations += scale.get("coordinateTransformations", ())
    factors = [t["scale"] for t in transformations if t.get("type") == "scale"]
    if len(units) != 1 or not factors:
        return _UNKNOWN
    height, width = (math.prod(float(factor[axis]) for factor in factors) for axis in (y, x))
    return _pixel_size(height, width, units.pop())


_MAGIC = {
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"\x93NUMPY": "npy",
}
_OPENERS: dict[str, Callable[[Path, bool], _Content]] = {
    "tiff": _open_tiff,
    "png": _open_png,
    "jpeg": _open_jpeg,
    "npy": _open_npy,
    "zarr": _open_zarr,
}
