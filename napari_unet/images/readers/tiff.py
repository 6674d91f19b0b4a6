"""TIFF files, also those of ImageJ and OME."""

import contextlib
import html
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tifffile
import zarr

from napari_unet.images.image import PixelSize
from napari_unet.images.readers.axis_letters import guessed_axes
from napari_unet.images.readers.content import Content
from napari_unet.images.readers.damage import damaged, unknown_codec
from napari_unet.images.readers.file_pixels import lazy, pyramid, refuse_first_chunk
from napari_unet.images.readers.length_units import UNKNOWN, pixel_size_of

# None, LZW, JPEG, deflate (two numbers), packed bits, JPEG 2000 (three of Aperio's), LZMA, zstd (two), WebP, JPEG XL.
_TIFF_CODECS = frozenset((1, 5, 7, 8, 32946, 32773, 34712, 33003, 33004, 33005, 34925, 34926, 50000, 50001, 50002))

# Below this resolution a TIFF states how it should be printed (72, 96, 300, 600 dpi), not how large a pixel is.
_PRINTING_DPI = 600

# After these messages tifffile reads on, and hands out zeros or fewer planes.
_LOGGED_DAMAGE = re.compile(
    r"invalid page offset|corrupted|zeroed|failed to read|is missing|failed to reshape|out of range"
)

# Python prints records of a logger without any handler on stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def open_tiff(path: Path, expand_palette: bool) -> Content:
    """Open a TIFF file; its strips and tiles are read when they are sliced."""
    with _log_told(path), tifffile.TiffFile(path) as file:
        every = _series(file)
        if not every:
            raise damaged(path, "no pages")
        series = every[0]
        _refuse_codec(path, series.keyframe)
        _refuse_missing_bytes(path, series)
        pixel_size, names = _tiff_pixel_size(file), _tiff_channel_names(file)
        alpha = any(int(kind) in (1, 2) for kind in series.keyframe.extrasamples[-1:])
        stores = [series.aszarr(level=level, squeeze=False) for level in range(len(series.levels))]
    levels = [lazy(path, zarr.open_array(store, mode="r"), store.close) for store in stores]
    refuse_first_chunk(path, levels[0])
    axes = _tiff_axes(levels[0].array)
    return Content(levels[0], axes, pixel_size, alpha, pyramid(levels, axes), names)


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
            raise damaged(path, message)


class _Records(logging.Handler):
    """Keep what tifffile logs in this thread."""

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
        raise unknown_codec(path, getattr(page.compression, "name", str(page.compression)))


def _refuse_missing_bytes(path: Path, series: Any) -> None:
    """Refuse strips and tiles that lie behind the end of the file: they would read as zeros."""
    if series.dataoffset is not None:
        extents = [(series.keyframe, series.dataoffset, series.nbytes)]
    else:
        pages = list(series.pages)
        if any(page is None for page in pages):
            raise damaged(path, f"{pages.count(None)} of {len(pages)} planes are missing")
        if not all(page.dataoffsets for page in pages):
            raise damaged(path, "a TIFF page does not say where its pixels are")
        extents = [
            (page, offset, count)
            for page in pages
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
        ]
    for page, offset, count in extents:
        if count and offset + count > page.parent.filehandle.size:
            raise damaged(path, f"TIFF page {page.index} ends behind the end of the file")


def _series(file: Any) -> Sequence[Any]:
    """Return all series of a file; ``aszarr`` of each keeps the axes of length 1."""
    # Newer versions of tifffile leave these axes out unless they are asked for all.
    series: Any = file.series
    return series(squeeze=False) if callable(series) else series


def _tiff_axes(array: Any) -> str:
    # The series itself leaves axes of length 1 out in older versions of tifffile.
    names = getattr(array.metadata, "dimension_names", None) or array.attrs["_ARRAY_DIMENSIONS"]
    axes = "".join(names)
    unnamed = set(axes[:-2]) <= {"Q"} and axes.endswith("YX")
    return guessed_axes(array.shape) if unnamed else axes


def _tiff_pixel_size(file: Any) -> PixelSize:
    if file.is_ome:
        return _ome_pixel_size(file.ome_metadata or "")
    tags = file.pages[0].tags
    x, y = (_pixels_per_unit(tags, name) for name in ("XResolution", "YResolution"))
    if x <= 0 or y <= 0:
        return UNKNOWN
    if file.is_imagej:
        unit = str((file.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "µ")
        return pixel_size_of(1 / y, 1 / x, unit)
    per_inch = {2: 1.0, 3: 2.54}.get(int(tags.valueof("ResolutionUnit", 2)), 0.0)
    if min(x, y) * per_inch <= _PRINTING_DPI:
        return UNKNOWN
    return pixel_size_of(25400 / (y * per_inch), 25400 / (x * per_inch), "um")


def _pixels_per_unit(tags: Any, name: str) -> float:
    numerator, denominator = tags.valueof(name, (0, 1))
    return float(numerator) / denominator if denominator else 0.0


def _tiff_channel_names(file: Any) -> list[str]:
    """Return the names in OME-XML, or the labels of ImageJ planes, which are channels where it has no others."""
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
        return UNKNOWN
    units = {html.unescape(attributes.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "XY"}
    if len(units) > 1:
        return UNKNOWN
    return pixel_size_of(float(attributes["PhysicalSizeY"]), float(attributes["PhysicalSizeX"]), units.pop())
