"""Lengths as files write them, with a unit in one of many spellings."""

import math
import re
import unicodedata

from napari_unet.images.image import PixelSize

UNKNOWN = PixelSize()

# How many micrometres each of our units has.
_MICROMETRES = {
    "um": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "pm": 1e-6, "angstrom": 1e-4, "m": 1e6, "inch": 25400.0,
}  # fmt: skip
_WORDS = {"micrometre": "um", "nanometre": "nm", "millimetre": "mm", "centimetre": "cm", "picometre": "pm"} | {
    "metre": "m", "micron": "um", "\u03bcm": "um", "\u00e5": "angstrom", "\u00e5ngstr\u00f6m": "angstrom", "in": "inch",
    "inche": "inch",
}  # fmt: skip
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")  # ImageJ writes what is not Latin like this


def unit_of(text: str) -> str | None:
    """Return our name of a unit of length, or None for a word that is none."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    # The micro sign and the Greek letter are one character after this, and so are the two ways to write "Å".
    word = unicodedata.normalize("NFKC", plain).strip().lower().replace("meter", "metre")
    for known in (word, word.removesuffix("s")):
        unit = _WORDS.get(known, known)
        if unit in _MICROMETRES:
            return unit
    return None


def pixel_size_of(y: tuple[float, str], x: tuple[float, str], z: tuple[float, str] | None = None) -> PixelSize:
    """Return the size of a pixel from its edges and the distance of slices, each with the word for its unit.

    Where the units differ, y and z are converted to that of x. The size is unknown where the unit of y or x is not
    known, or where one of them is not above 0; the distance of slices alone where that is so of z.
    """
    unit, unit_y = unit_of(x[1]), unit_of(y[1])
    if unit is None or unit_y is None or not all(math.isfinite(edge) and edge > 0 for edge in (y[0], x[0])):
        return UNKNOWN
    unit_z = None if z is None or not (math.isfinite(z[0]) and z[0] > 0) else unit_of(z[1])
    distance = None if z is None or unit_z is None else _converted(z[0], unit_z, unit)
    return PixelSize(_converted(y[0], unit_y, unit), float(x[0]), unit, distance)


def in_unit(size: PixelSize, unit: str) -> PixelSize:
    """Return a size in another of our units; unknown where its own unit is no length that we know."""
    own = unit_of(size.unit)
    if own is None or unit not in _MICROMETRES:
        return UNKNOWN
    distance = None if size.z is None else _converted(size.z, own, unit)
    return PixelSize(_converted(size.y, own, unit), _converted(size.x, own, unit), unit, distance)


def _converted(length: float, unit: str, wanted: str) -> float:
    return float(length) if unit == wanted else length * _MICROMETRES[unit] / _MICROMETRES[wanted]
