"""Metadata of OME-Zarr images (OME-NGFF): axes, pixel size, names of channels."""

import math
from typing import Any

from napari_unet.images.image import PixelSize
from napari_unet.images.readers.length_units import UNKNOWN, pixel_size_of


def channel_names(attributes: dict[str, Any]) -> list[str]:
    """Return the labels of the optional part "omero", or nothing where it holds something else."""
    omero = attributes.get("omero")
    channels = omero.get("channels") if isinstance(omero, dict) else None
    if not isinstance(channels, list) or not all(isinstance(channel, dict) for channel in channels):
        return []
    return [str(channel.get("label", "")) for channel in channels]


def axis_names(scale: dict[str, Any]) -> list[str] | None:
    """Return the names of the axes, "c" for the axis of type channel; None where the image names none."""
    axes = scale.get("axes")
    if not axes:
        return None
    return [axis if isinstance(axis, str) else _axis_name(axis) for axis in axes]


def _axis_name(axis: dict[str, Any]) -> str:
    return "c" if axis.get("type") == "channel" else str(axis["name"])


def pixel_size(scale: dict[str, Any], names: list[str]) -> PixelSize:
    """Return the size of a pixel of the finest resolution; unknown where units or scales are missing."""
    y, x = names.index("y"), names.index("x")
    units = {axis.get("unit", "") for axis in (scale["axes"][y], scale["axes"][x]) if isinstance(axis, dict)}
    transformations = [*scale["datasets"][0].get("coordinateTransformations", ())]
    transformations += scale.get("coordinateTransformations", ())
    factors = [t["scale"] for t in transformations if t.get("type") == "scale"]
    if len(units) != 1 or not factors:
        return UNKNOWN
    height, width = (math.prod(float(factor[axis]) for factor in factors) for axis in (y, x))
    return pixel_size_of(height, width, units.pop())
