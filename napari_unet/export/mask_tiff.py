"""Masks as TIFF files that ImageJ and Fiji open with calibration, axes and class names."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from jaxtyping import UInt

from napari_unet.export.plane_axes import hyperstack, slice_distance
from napari_unet.export.segmentation import Segmentation, named_values
from napari_unet.export.verified import array_difference, write_verified
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.readers.length_units import in_unit
from napari_unet.objects.measurements import unit_in_names

# TIFF stores a resolution as a ratio of two 32-bit integers.
_RESOLUTION_TOLERANCE = 1e-6
_SMALLEST, _LARGEST = 1e-9, 1e9
_OTHER_UNITS = ("um", "pm", "m")  # one of them is tried where the image's own does not fit


def write_tiff(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write all planes into ``base`` + ".tif", compressed with zlib, values class - 1."""
    # Of a project of an earlier version a name may have line breaks.
    named = [(value, " ".join(style.name.splitlines())) for value, style in named_values(segmentation.classes)]
    names = "\n".join(f"{value} = {name}" for value, name in named)
    metadata = {"min": 0, "max": max(1, len(segmentation.classes) - 1), "Info": names}
    return [write_imagej_tiff(base.with_name(f"{base.name}.tif"), segmentation.mask, segmentation.image, metadata)]


def write_imagej_tiff(
    path: Path, values: UInt[np.ndarray, "planes y x"], image: Image, metadata: Mapping[str, Any]
) -> Path:
    """Write whole numbers of up to 16 bits over all planes of an image, with its axes and pixel size."""
    image = replace(image, pixel_size=_storable(image.pixel_size))
    stack, axes = hyperstack(values, image)
    described = {**metadata, **_calibration(image)}

    def write(temporary: Path) -> None:
        write_stack(temporary, stack, axes, image.pixel_size, described)

    def difference(temporary: Path) -> str:
        return _stack_difference(temporary, stack, image)

    return write_verified(path, write, difference)


def write_stack(
    path: Path, stack: UInt[np.ndarray, "... y x"], axes: str, pixel_size: PixelSize, metadata: Mapping[str, Any]
) -> None:
    """Write a stack as ImageJ TIFF, compressed with zlib, with resolution and metadata."""
    # tifffile takes a last axis of length 1 for samples; naming the samples keeps images that are one pixel wide.
    # No colours: ImageJ reads "LUTs" only for several channels, and a palette would make other programs read RGB.
    tifffile.imwrite(
        path,
        stack[..., np.newaxis],
        imagej=True,
        photometric="minisblack",
        compression="zlib",
        resolution=_resolution(pixel_size),
        metadata={"axes": f"{axes}S", **metadata},
    )


def _storable(size: PixelSize) -> PixelSize:
    """Return the size in a unit in which TIFF can hold it, its own if possible; unknown where there is none."""
    for told in (size, *(in_unit(size, unit) for unit in _OTHER_UNITS)):
        if told.is_known and all(_SMALLEST <= edge <= _LARGEST for edge in (told.y, told.x)):
            return told
    return PixelSize()


def _calibration(image: Image) -> dict[str, Any]:
    """Return unit and distance between slices as ImageJ names them; what is not known is left out."""
    unit, distance = _imagej_unit(image.pixel_size), slice_distance(image)
    return {**({"unit": unit} if unit else {}), **({} if distance is None else {"spacing": distance})}


def _imagej_unit(pixel_size: PixelSize) -> str:
    # ImageJ's description is ASCII; it reads other characters from escapes like \u00c5.
    return "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in unit_in_names(pixel_size))


def _resolution(pixel_size: PixelSize) -> tuple[float, float] | None:
    return (1 / pixel_size.x, 1 / pixel_size.y) if pixel_size.is_known else None


def _stack_difference(path: Path, stack: UInt[np.ndarray, "... y x"], image: Image) -> str:
    with tifffile.TiffFile(path) as file:
        if not file.is_imagej:
            return "not an ImageJ file"
        pages = np.stack([page.asarray() for page in file.pages])
        tags = file.pages.first.tags
        found = [tags[name].value for name in ("XResolution", "YResolution")]
        spacing = (file.imagej_metadata or {}).get("spacing")
    wrong = array_difference(pages, stack.reshape(-1, *stack.shape[-2:]))
    if not wrong and spacing != slice_distance(image):
        wrong = f"spacing {spacing} instead of {slice_distance(image)}"
    return wrong or _resolution_difference(found, _resolution(image.pixel_size))


def _resolution_difference(found: list[tuple[int, int]], expected: tuple[float, float] | None) -> str:
    for (pixels, lengths), wanted in zip(found, expected or (1.0, 1.0), strict=True):
        if lengths == 0 or not math.isclose(pixels / lengths, wanted, rel_tol=_RESOLUTION_TOLERANCE):
            return f"{pixels}/{lengths} pixels per unit instead of {wanted:g}"
    return ""
