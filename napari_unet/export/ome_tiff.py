"""Masks as OME-TIFF, for programs that read images with Bio-Formats."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from jaxtyping import UInt

from napari_unet.export.file_stem import file_stem
from napari_unet.export.plane_axes import hyperstack, slice_distance
from napari_unet.export.segmentation import Segmentation, named_values
from napari_unet.export.verified import array_difference, write_verified
from napari_unet.images.image import Image

_UNITS = {"um": "\N{MICRO SIGN}m", "angstrom": "\N{ANGSTROM SIGN}", "inch": "in"}  # where OME spells them otherwise
_CLASSES = "napari-unet-live/classes"  # namespace of the names in OME-XML
# XML takes no control characters but three that are spaces to it, and neither of two more; tifffile does not look.
_NO_XML = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_ome_tiff(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write all planes into ``base`` + ".ome.tif", values class - 1, with the names of the classes by value."""
    names = {str(value): _NO_XML.sub("_", style.name) for value, style in named_values(segmentation.classes)}
    return [write_ome(base.with_name(f"{base.name}.ome.tif"), segmentation.mask, segmentation.image, names)]


def write_ome(
    path: Path, values: UInt[np.ndarray, "planes y x"], image: Image, names: Mapping[str, str] | None = None
) -> Path:
    """Write whole numbers over all planes of an image, with its axes and pixel size.

    Parameters
    ----------
    names : what the values mean, which a MapAnnotation of the image tells; none where None
    """
    stack, axes = hyperstack(values, image)
    metadata = {"axes": axes, "Name": _NO_XML.sub("_", file_stem(image.name)), **_physical_size(image)}
    if names:
        metadata["MapAnnotation"] = {"Namespace": _CLASSES, **names}

    def write(temporary: Path) -> None:
        write_ome_pages(temporary, stack, metadata)

    def difference(temporary: Path) -> str:
        return _ome_difference(temporary, stack, metadata)

    return write_verified(path, write, difference)


def _physical_size(image: Image) -> dict[str, Any]:
    size = image.pixel_size
    if not size.is_known:
        return {}
    unit = _UNITS.get(size.unit, size.unit)
    lengths = {"X": size.x, "Y": size.y, "Z": slice_distance(image)}
    known = {axis: length for axis, length in lengths.items() if length is not None}
    return {f"PhysicalSize{a}": length for a, length in known.items()} | {f"PhysicalSize{a}Unit": unit for a in known}


def write_ome_pages(path: Path, stack: UInt[np.ndarray, "... y x"], metadata: dict[str, Any]) -> None:
    """Write a stack, compressed with zlib, with its axes and sizes as OME metadata."""
    tifffile.imwrite(path, stack, ome=True, photometric="minisblack", compression="zlib", metadata=metadata)


def _ome_difference(path: Path, stack: UInt[np.ndarray, "... y x"], metadata: dict[str, Any]) -> str:
    with tifffile.TiffFile(path) as file:
        if not file.is_ome:
            return "not an OME-TIFF"
        pages = np.stack([page.asarray() for page in file.pages])
        # Our own file, read back before anybody else could have changed it.
        described = ElementTree.fromstring(file.ome_metadata or "")  # noqa: S314
    wrong = array_difference(pages, stack.reshape(-1, *stack.shape[-2:]))
    return wrong or _description_difference(described, metadata) or _names_difference(described, metadata)


def _description_difference(described: ElementTree.Element, metadata: dict[str, Any]) -> str:
    pixels = described.find(".//{*}Pixels")
    found = {} if pixels is None else pixels.attrib
    for name in ("PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ"):
        wanted = metadata.get(name)
        same = found.get(name) is None if wanted is None else math.isclose(float(found.get(name, "nan")), wanted)
        if not same or found.get(f"{name}Unit") != metadata.get(f"{name}Unit"):
            return f"{name} {found.get(name)} {found.get(f'{name}Unit')}"
    return ""


def _names_difference(described: ElementTree.Element, metadata: dict[str, Any]) -> str:
    found = {entry.get("K"): entry.text or "" for entry in described.iterfind(".//{*}MapAnnotation/{*}Value/{*}M")}
    wanted = {key: name for key, name in metadata.get("MapAnnotation", {}).items() if key != "Namespace"}
    return "" if found == wanted else f"class names {found}"
