"""Metadata of OME-Zarr images (OME-NGFF): axes, pixel size, names of channels."""

import math
from typing import Any

import msgspec

from napari_unet.images.image import PixelSize
from napari_unet.images.readers.axis_letters import spoken_names
from napari_unet.images.readers.length_units import UNKNOWN, pixel_size_of

# Images of OME-Zarr 0.1 and 0.2 name no axes: they always have these five.
_OLDEST_AXES = "tczyx"


class Axis(msgspec.Struct, frozen=True):
    """Describe an axis of an image, as OME-Zarr 0.4 and later have it; 0.3 has the name alone."""

    name: str
    type: str | None = None
    unit: str | None = None


class Transformation(msgspec.Struct, frozen=True):
    """Describe a step from pixels to lengths; we read those of type "scale"."""

    type: str = ""
    scale: tuple[float, ...] = ()


class Dataset(msgspec.Struct, frozen=True, rename="camel"):
    """Describe one resolution of an image: an array in a folder."""

    path: str
    coordinate_transformations: tuple[Transformation, ...] = ()


class Multiscale(msgspec.Struct, frozen=True, rename="camel"):
    """Describe an image with all of its resolutions, the finest first."""

    datasets: tuple[Dataset, ...]
    axes: tuple[Axis | str, ...] | None = None
    coordinate_transformations: tuple[Transformation, ...] = ()


def multiscale_of(attributes: dict[str, Any]) -> Multiscale | None:
    """Return the first image that the attributes of a group describe, or None.

    Raises
    ------
    msgspec.ValidationError
        Where they are not as OME-Zarr has them.
    """
    scales = _ome(attributes).get("multiscales")
    return msgspec.convert(scales, tuple[Multiscale, ...])[0] if scales else None


def axis_names(multiscale: Multiscale, ndim: int) -> list[str]:
    """Return one name per axis, "c", "t", "y" and "x" for those known as such; nothing where the image has none."""
    axes = [Axis(axis) if isinstance(axis, str) else axis for axis in multiscale.axes or ()]
    if not axes:
        return list(_OLDEST_AXES) if ndim == len(_OLDEST_AXES) else []
    return spoken_names([axis.name for axis in axes], [axis.type or "" for axis in axes])


def pixel_size(multiscale: Multiscale, names: list[str]) -> PixelSize:
    """Return the size of a pixel of the finest resolution; unknown where units or scales are missing."""
    if not multiscale.axes or not {"y", "x"} <= set(names):
        return UNKNOWN
    steps = (*multiscale.datasets[0].coordinate_transformations, *multiscale.coordinate_transformations)
    factors = [step.scale for step in steps if step.type == "scale" and len(step.scale) == len(names)]
    if not factors:
        return UNKNOWN
    places = [names.index(name) for name in ("y", "x", "z") if name in names]
    lengths = [(math.prod(factor[place] for factor in factors), _unit(multiscale.axes[place])) for place in places]
    return pixel_size_of(*lengths)


def channel_names(attributes: dict[str, Any]) -> list[str]:
    """Return the labels of the optional part "omero", or nothing where it holds something else."""
    omero = _ome(attributes).get("omero")
    channels = omero.get("channels") if isinstance(omero, dict) else None
    if not isinstance(channels, list) or not all(isinstance(channel, dict) for channel in channels):
        return []
    return [str(channel.get("label", "")) for channel in channels]


def _ome(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return what OME-Zarr 0.5 puts under "ome" and older versions among the attributes themselves."""
    return msgspec.convert(attributes.get("ome", attributes), dict[str, Any])


def _unit(axis: Axis | str) -> str:
    return "" if isinstance(axis, str) else axis.unit or ""
