"""OME-XML in TIFF files: its images with the size of a pixel and the names of channels, and what they claim."""

import math
from dataclasses import dataclass, field

from napari_unet.images.image import PixelSize
from napari_unet.images.readers.length_units import UNKNOWN, pixel_size_of
from napari_unet.images.readers.limited_xml import read_elements

MOST_PLANES = 2**20  # of the images of a file; tifffile makes a list as long as the description says
_AXES = "CTXYZ"


@dataclass
class OmePixels:
    """Hold one element "Pixels".

    Attributes
    ----------
    attributes : as they are written
    channel_names : of its elements "Channel", "" for one without
    blocks : planes of each of its elements "TiffData"; None for one that does not say how many, which stands for all
        pages of its file
    """

    attributes: dict[str, str] = field(default_factory=dict)
    channel_names: list[str] = field(default_factory=list)
    blocks: list[int | None] = field(default_factory=list)

    @property
    def planes(self) -> int:
        """Return the number of planes that it claims, 1 where it claims none."""
        return math.prod(max(1, _whole_number(self.attributes.get(f"Size{axis}"))) for axis in "CTZ")


@dataclass
class OmeDescription:
    """Hold what is read of the OME-XML of a file.

    Attributes
    ----------
    images : in order
    file_names : that these lie in
    steps : how many places each further axis ("AlongZ", "AlongT") is divided into
    """

    images: list[OmePixels] = field(default_factory=list)
    file_names: set[str] = field(default_factory=set)
    steps: list[float] = field(default_factory=list)


def read_ome(xml: str) -> OmeDescription:
    """Read OME-XML within limits.

    Raises
    ------
    ValueError
        As ``read_elements``.
    """
    described = OmeDescription()

    def found(name: str, attributes: dict[str, str]) -> None:
        if name.endswith("Pixels"):
            described.images.append(OmePixels(attributes))
        elif name == "UUID" and "FileName" in attributes:
            described.file_names.add(attributes["FileName"])
        elif described.images and name == "Channel":
            described.images[-1].channel_names.append(attributes.get("Name", ""))
        elif described.images and name == "TiffData":
            described.images[-1].blocks.append(_planes_of(attributes))
        elif name[:-1].endswith("Along"):
            described.steps.append(_steps_of(attributes))

    read_elements(xml, found)
    return described


def refuse_claims(described: OmeDescription, pages: int) -> None:
    """Refuse planes that nobody has, before a list is made of them.

    Parameters
    ----------
    pages : of the file that holds the description

    Raises
    ------
    ValueError
        With what is claimed.
    """
    for image in described.images:
        order = image.attributes.get("DimensionOrder", "XYZCT")
        if sorted(order) != sorted(_AXES):
            raise ValueError(f"OME-XML with the axes {order[:20]!r}")
    claimed = sum(image.planes for image in described.images)
    listed = sum(pages if block is None else block for image in described.images for block in image.blocks)
    for planes in (claimed, listed, *described.steps):
        if not planes <= MOST_PLANES:
            raise ValueError(f"OME-XML that claims {planes:.0f} planes in a file of {pages}")


def pixels_of(described: OmeDescription, number: int, images: int, height: int, width: int) -> OmePixels:
    """Return one image of a file.

    Parameters
    ----------
    number, images : which of the images that tifffile found this is, and how many it found
    height, width : of the image, by which it is known where the file describes other images too
    """
    if len(described.images) == images:
        return described.images[number]
    sizes = {"SizeY": str(height), "SizeX": str(width)}
    fitting = (each for each in described.images if sizes.items() <= each.attributes.items())
    return next(fitting, described.images[0] if described.images else OmePixels())


def ome_pixel_size(pixels: OmePixels) -> PixelSize:
    """Return the size of a pixel, in micrometres where no unit is given."""
    attributes = pixels.attributes
    if not {"PhysicalSizeX", "PhysicalSizeY"} <= attributes.keys():
        return UNKNOWN
    edges = (_length(attributes.get(f"PhysicalSize{axis}", "")) for axis in "YXZ")
    units = [attributes.get(f"PhysicalSize{axis}Unit", "um") for axis in "YXZ"]
    return pixel_size_of(*zip(edges, units, strict=True))


def _length(text: str) -> float:
    """Return a number, NaN where there is none, such as one with a comma: the image is whole without it."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _planes_of(attributes: dict[str, str]) -> int | None:
    """Return how many planes an element "TiffData" stands for, as tifffile counts them."""
    counts = [_whole_number(attributes[name]) for name in ("PlaneCount", "NumPlanes") if name in attributes]
    return next(iter(counts), 1 if "IFD" in attributes else 0) or None


def _steps_of(attributes: dict[str, str]) -> float:
    start, end, step = (float(attributes.get(name, value)) for name, value in (("Start", 0), ("End", 0), ("Step", 1)))
    return abs((end - start) / step) if step else math.inf


def _whole_number(text: str | None) -> int:
    """Return a number as Python reads it, which tifffile does, 0 where there is none."""
    try:
        return int(text or 0)
    except ValueError:
        return 0
