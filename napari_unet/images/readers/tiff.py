"""TIFF files, also those of ImageJ and OME."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from napari_unet.errors import UserError
from napari_unet.images.readers.axis_letters import guessed_axes
from napari_unet.images.readers.cmyk_pixels import CmykPixels
from napari_unet.images.readers.content import Content
from napari_unet.images.readers.contiguous_pixels import ContiguousPixels
from napari_unet.images.readers.damage import damaged
from napari_unet.images.readers.file_pixels import FilePixels, lazy, pyramid, refuse_first_chunk
from napari_unet.images.readers.tiff_calibration import tiff_channel_names, tiff_pixel_size
from napari_unet.images.readers.tiff_damage import log_told, refuse_codec, refuse_description, refuse_missing_bytes

_CMYK = 5  # photometric interpretation "separated"

# Python prints records of a logger without any handler on stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def open_tiff(path: Path, expand_palette: bool) -> Content:
    """Open a TIFF file; its strips and tiles, or the pixels of one in one piece, are read when they are sliced."""
    with log_told(path), tifffile.TiffFile(path) as file:
        refuse_description(path, file)
        every = _series(file)
        if not every:
            raise damaged(path, "no pages")
        number = _largest(every)
        series = every[number]
        refuse_codec(path, series.keyframe)
        refuse_missing_bytes(path, series)
        pixel_size, names = tiff_pixel_size(file, series, number), tiff_channel_names(file, series, number)
        alpha = any(int(kind) in (1, 2) for kind in series.keyframe.extrasamples[-1:])
        is_cmyk = _is_cmyk(series.keyframe)
        left_out = _left_out(path, file, every, number)
        stores = [series.aszarr(level=level, squeeze=False) for level in range(len(series.levels))]
        arrays = [zarr.open_array(store, mode="r") for store in stores]
        pieces = [_in_one_piece(path, file, *both) for both in zip(series.levels, arrays, strict=True)]
    axes, names_axes = _axes(arrays[0])
    levels = [
        _level(path, array if piece is None else piece, store, axes.find("S") if is_cmyk else -1)
        for piece, array, store in zip(pieces, arrays, stores, strict=True)
    ]
    if pieces[0] is None:
        refuse_first_chunk(path, levels[0], arrays[0].chunks)
    return Content(levels[0], axes, pixel_size, alpha, pyramid(levels, axes), names, left_out, names_axes)


def _series(file: Any) -> Sequence[Any]:
    """Return all series of a file; ``aszarr`` of each keeps the axes of length 1."""
    # Newer versions of tifffile leave these axes out unless they are asked for all.
    series: Any = file.series
    return list(series(squeeze=False) if callable(series) else series)


def _largest(every: Sequence[Any]) -> int:
    """Return the number of the series with most pixels; one marked as a reduced copy only where there is no other."""
    return max(
        range(len(every)), key=lambda number: (not every[number].keyframe.is_reduced, every[number].size, -number)
    )


def _left_out(path: Path, file: Any, every: Sequence[Any], chosen: int) -> tuple[str, ...]:
    """Return one line that names the pages of the file that are not part of the image; reduced copies do not count."""
    pages = set(range(len(file.pages)))
    shown = {page for series in _shown(every, chosen) for page in _page_numbers(file, series)}
    missing = sorted(pages - shown)
    if not missing:
        return ()
    sizes = (series.keyframe.shape[:2] for number, series in enumerate(every) if number != chosen)
    others = sorted({f"{size[0]} x {size[1]}" for size in sizes if len(size) == 2})
    numbers = ", ".join(str(page + 1) for page in missing[:5]) + (" ..." if len(missing) > 5 else "")
    what = f"{len(missing)} of {len(pages)} pages are left out (page {numbers}" + (
        f"; {', '.join(others[:3])} px)" if others else ")"
    )
    return (str(UserError("NU-I20", what, str(path), "save them as a file of their own to use them")),)


def _shown(every: Sequence[Any], chosen: int) -> Iterator[Any]:
    """Yield the chosen series and its resolutions, and the reduced copies, which nobody misses."""
    yield from every[chosen].levels
    for number, series in enumerate(every):
        if number != chosen and series.keyframe.is_reduced:
            yield from series.levels


def _page_numbers(file: Any, series: Any) -> Iterator[int]:
    """Yield the numbers of the pages in this file that a series takes its pixels from; pages below others have none."""
    # A header of ImageJ may promise fewer planes than there are pages, all of which tifffile gives to the series.
    planes = max(1, series.size // max(1, series.keyframe.size))
    first = series.keyframe.index
    if series.dataoffset is not None and isinstance(first, int):
        yield from range(first, first + planes)  # one piece of the file, whose pages need not be read
        return
    for page in series.pages[:planes]:
        if page is not None and page.parent is file and isinstance(page.index, int):
            yield page.index


def _is_cmyk(page: Any) -> bool:
    """Tell whether a page holds four inks in whole numbers."""
    return (
        int(page.photometric) == _CMYK
        and page.samplesperpixel == 4
        and page.dtype is not None
        and page.dtype.kind == "u"
    )


def _in_one_piece(path: Path, file: Any, series: Any, array: Any) -> ContiguousPixels | None:
    """Return the pixels of a resolution that lies uncompressed in one piece of this file, None for another.

    ImageJ writes a plane as one strip, all of which would be read for every tile.
    """
    if series.dataoffset is None or series.keyframe.parent is not file:
        return None
    stored = np.dtype(series.dtype).newbyteorder(file.byteorder)
    return ContiguousPixels(path, tuple(array.shape), False, stored, series.dataoffset)


def _level(path: Path, array: Any, store: Any, inks: int) -> FilePixels:
    """Wrap one resolution; ``inks`` is the axis of four inks to convert, or -1."""
    return lazy(path, array if inks < 0 else CmykPixels(array, inks), store.close)


def _axes(array: Any) -> tuple[str, bool]:
    """Return one letter for each axis, and whether the file names them; they are a guess otherwise."""
    # The series itself leaves axes of length 1 out in older versions of tifffile.
    names = getattr(array.metadata, "dimension_names", None) or array.attrs["_ARRAY_DIMENSIONS"]
    axes = "".join(names)
    unnamed = set(axes[:-2]) <= {"Q"} and axes.endswith("YX")
    return (guessed_axes(array.shape), False) if unnamed else (axes, True)
