"""OME-XML in TIFF files: size of a pixel and names of channels of one of its images.

Patterns read it instead of an XML parser: entity bombs expand to nothing.
"""

import html
import math
import re

from napari_unet.images.image import PixelSize
from napari_unet.images.readers.length_units import UNKNOWN, pixel_size_of

_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b(?:[^>]*/>|.*?(?:</(?:\w+:)?Pixels>|$))", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_CHANNEL = re.compile(r"<(?:\w+:)?Channel\b[^>]*>")
_ATTRIBUTE = re.compile(r'\b(\w+)="([^"]*)"')


def pixels_of(xml: str, number: int, images: int, height: int, width: int) -> str:
    """Return the element "Pixels" of one image of a file.

    Parameters
    ----------
    number, images : which of the images that tifffile found this is, and how many it found
    height, width : of the image, by which it is known where the file describes other images too
    """
    every: list[str] = _PIXELS.findall(xml)
    if len(every) == images:
        return every[number]
    sizes = {"SizeY": str(height), "SizeX": str(width)}
    fitting = (each for each in every if sizes.items() <= _attributes(each).items())
    return next(fitting, every[0] if every else "")


def ome_pixel_size(pixels: str) -> PixelSize:
    """Return the size of a pixel, in micrometres where no unit is given."""
    attributes = _attributes(pixels)
    if not {"PhysicalSizeX", "PhysicalSizeY"} <= attributes.keys():
        return UNKNOWN
    y, x = (float(attributes[f"PhysicalSize{axis}"]) for axis in "YX")
    try:
        z = float(attributes.get("PhysicalSizeZ", "nan"))
    except ValueError:
        z = math.nan  # the image is whole without it
    units = [attributes.get(f"PhysicalSize{axis}Unit", "um") for axis in "YXZ"]
    return pixel_size_of(*zip((y, x, z), units, strict=True))


def ome_channel_names(pixels: str) -> list[str]:
    """Return the name of every channel, "" for one without."""
    return [_attributes(channel).get("Name", "") for channel in _CHANNEL.findall(pixels)]


def _attributes(element: str) -> dict[str, str]:
    """Return the attributes of the first tag."""
    tag = _TAG.match(element)
    return {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(tag[0] if tag else "")}
