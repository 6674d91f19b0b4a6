"""Masks as TIFF files that ImageJ and Fiji open with calibration, axes and class names."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from jaxtyping import UInt8

from napari_unet.images.image import PixelSize
from napari_unet.results.measurements import unit_in_names
from napari_unet.results.segmentation import Segmentation
from napari_unet.results.verified import array_difference, write_verified

_PLANE_AXES = "TZC"  # the order ImageJ stores them in
_PREFERRED_AXES = "ZTC"  # the order unknown axes take what is left
_RESOLUTION_TOLERANCE = 1e-6  # TIFF stores a ratio of two 32-bit integers


def write_tiff(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write all planes into ``base`` + ".tif", compressed with zlib, values class - 1."""
    path = base.with_name(f"{base.name}.tif")
    stack, axes = _hyperstack(segmentation)
    pixel_size = segmentation.image.pixel_size

    def write(temporary: Path) -> None:
        _write_stack(temporary, stack, axes, segmentation)

    def difference(temporary: Path) -> str:
        return _stack_difference(temporary, stack, pixel_size)

    return [write_verified(path, write, difference)]


def imagej_axes(plane_axes: str) -> str:
    """Name an image's plane axes in ImageJ's letters: t and z keep theirs, others take Z, T, C as far as free.

    More than three plane axes do not fit into ImageJ: they become one long "Z".
    """
    if len(plane_axes) > len(_PLANE_AXES):
        return "Z"
    free = [axis for axis in _PREFERRED_AXES if axis.lower() not in plane_axes]
    return "".join(axis.upper() if axis in "zt" else free.pop(0) for axis in plane_axes)


def _hyperstack(segmentation: Segmentation) -> tuple[UInt8[np.ndarray, "... y x"], str]:
    image, mask = segmentation.image, segmentation.mask
    axes = imagej_axes(image.plane_axes)
    if len(axes) == len(image.plane_axes):
        mask = mask.reshape(image.annotation_shape)
    order = sorted(range(len(axes)), key=lambda axis: _PLANE_AXES.index(axes[axis]))
    stack = mask.transpose(*order, mask.ndim - 2, mask.ndim - 1)
    return stack, "".join(axes[axis] for axis in order) + "YX"


def _write_stack(path: Path, stack: UInt8[np.ndarray, "... y x"], axes: str, segmentation: Segmentation) -> None:
    # tifffile takes a last axis of length 1 for samples; naming the samples keeps images that are one pixel wide.
    tifffile.imwrite(
        path,
        stack[..., np.newaxis],
        imagej=True,
        photometric="minisblack",
        compression="zlib",
        resolution=_resolution(segmentation.image.pixel_size),
        metadata={"axes": f"{axes}S", **_imagej_metadata(segmentation)},
    )


def _imagej_metadata(segmentation: Segmentation) -> dict[str, Any]:
    # No colours: ImageJ reads "LUTs" only for several channels, and a palette would make other programs read RGB.
    unit = _imagej_unit(segmentation.image.pixel_size)
    return {
        "min": 0,
        "max": max(1, len(segmentation.classes) - 1),
        "Info": "\n".join(f"{value} = {style.name}" for value, style in enumerate(segmentation.classes)),
        **({"unit": unit} if unit else {}),
    }


def _imagej_unit(pixel_size: PixelSize) -> str:
    # ImageJ's description is ASCII; it reads other characters from escapes like \u00c5.
    return "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in unit_in_names(pixel_size))


def _resolution(pixel_size: PixelSize) -> tuple[float, float] | None:
    return (1 / pixel_size.x, 1 / pixel_size.y) if pixel_size.is_known else None


def _stack_difference(path: Path, stack: UInt8[np.ndarray, "... y x"], pixel_size: PixelSize) -> str:
    with tifffile.TiffFile(path) as file:
        if not file.is_imagej:
            return "not an ImageJ file"
        pages = np.stack([page.asarray() for page in file.pages])
        tags = file.pages.first.tags
        found = [tags[name].value for name in ("XResolution", "YResolution")]
    wrong = array_difference(pages, stack.reshape(-1, *stack.shape[-2:]))
    return wrong or _resolution_difference(found, _resolution(pixel_size))


def _resolution_difference(found: list[tuple[int, int]], expected: tuple[float, float] | None) -> str:
    for (pixels, lengths), wanted in zip(found, expected or (1.0, 1.0), strict=True):
        if lengths == 0 or not math.isclose(pixels / lengths, wanted, rel_tol=_RESOLUTION_TOLERANCE):
            return f"{pixels}/{lengths} pixels per unit instead of {wanted:g}"
    return ""
