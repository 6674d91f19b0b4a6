"""The size of a pixel and the names of channels, as a TIFF file says them."""

import re
from typing import Any

from napari_unet.images.image import PixelSize
from napari_unet.images.readers.length_units import UNKNOWN, pixel_size_of
from napari_unet.images.readers.ome_xml import OmePixels, ome_pixel_size, pixels_of, read_ome

# Below this resolution a TIFF states how it should be printed (72, 96, 300, 600 dpi), not how large a pixel is.
_PRINTING_DPI = 600
_APERIO = re.compile(r"\bMPP\s*=\s*([0-9.]+)")  # micrometres per pixel


def tiff_pixel_size(file: Any, series: Any, number: int) -> PixelSize:
    """Return the size of a pixel of one series of a file, given with its number among all of them."""
    if file.is_ome:
        return ome_pixel_size(_ome_pixels(file, series, number))
    page = series.keyframe
    if page.is_svs and (found := _APERIO.search(str(page.description))) and found[1].count(".") < 2:
        return pixel_size_of((float(found[1]), "um"), (float(found[1]), "um"))
    x, y = (_pixels_per_unit(page.tags, name) for name in ("XResolution", "YResolution"))
    if x <= 0 or y <= 0:
        return UNKNOWN
    if file.is_imagej:
        return _imagej_pixel_size(file.imagej_metadata or {}, 1 / y, 1 / x)
    per_inch = {2: 1.0, 3: 2.54}.get(_number(page.tags.valueof("ResolutionUnit", 2)), 0.0)
    if min(x, y) * per_inch <= _PRINTING_DPI:
        return UNKNOWN
    return pixel_size_of((25400 / (y * per_inch), "um"), (25400 / (x * per_inch), "um"))


def tiff_channel_names(file: Any, series: Any, number: int) -> list[str]:
    """Return the names in OME-XML, or the labels of ImageJ planes, which are channels where it has no others."""
    if file.is_ome:
        return _ome_pixels(file, series, number).channel_names
    labels = (file.imagej_metadata or {}).get("Labels")
    titles = [str(label) for label in labels] if isinstance(labels, list) else []
    # Bio-Formats numbers planes and names the file: "c:1/3 - cells.czi".
    return [] if any(re.match(r"[czt]:\d+/\d+", title) for title in titles) else titles


def _imagej_pixel_size(metadata: dict[str, Any], y: float, x: float) -> PixelSize:
    """Give edges and slices their units: ImageJ writes those of y and z alone where they are others."""
    unit, spacing = str(metadata.get("unit", "")), metadata.get("spacing")
    z = (float(spacing), str(metadata.get("zunit", unit))) if isinstance(spacing, (int, float)) else None
    return pixel_size_of((y, str(metadata.get("yunit", unit))), (x, unit), z)


def _ome_pixels(file: Any, series: Any, number: int) -> OmePixels:
    page = series.keyframe
    return pixels_of(read_ome(file.ome_metadata or ""), number, len(file.series), page.imagelength, page.imagewidth)


def _pixels_per_unit(tags: Any, name: str) -> float:
    """Return a resolution, or 0 where a damaged file holds something else there."""
    value = tags.valueof(name, (0, 1))
    if not isinstance(value, tuple) or len(value) != 2:
        return 0.0
    numerator, denominator = map(_number, value)
    return float(numerator) / denominator if denominator else 0.0


def _number(value: Any) -> int:
    """Return a whole number, or 0 for a value of another kind, which only damaged files hold."""
    return int(value) if isinstance(value, int) else 0
