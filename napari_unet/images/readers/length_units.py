"""Lengths as files write them, with a unit in one of many spellings."""

import math

from napari_unet.images.image import PixelSize

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

UNKNOWN = PixelSize()


def pixel_size_of(y: float, x: float, unit: str) -> PixelSize:
    """Return the size of a pixel in one of our units; unknown for other units and sizes that cannot be."""
    known = _UNITS.get(unit.strip().lower())
    if known is None or not all(math.isfinite(edge) and edge > 0 for edge in (y, x)):
        return UNKNOWN
    return PixelSize(float(y), float(x), known)
