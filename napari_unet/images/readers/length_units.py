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


def pixel_size_of(y: tuple[float, str], x: tuple[float, str]) -> PixelSize:
    """Return the size of a pixel from two lengths, each with the word for its unit.

    Where the units differ, y is converted to that of x. The size is unknown where a unit is not known, or where a
    length is not above 0.
    """
    unit, unit_y = unit_of(x[1]), unit_of(y[1])
    if unit is None or unit_y is None or not all(math.isfinite(edge) and edge > 0 for edge in (y[0], x[0])):
        return UNKNOWN
    height = float(y[0]) if unit == unit_y else y[0] * _MICROMETRES[unit_y] / _MICROMETRES[unit]
    return PixelSize(height, float(x[0]), unit)
