"""Scale and units of napari layers, and the pixel size that they stand for."""

from typing import Any

from napari_unet.images.image import PixelSize
from napari_unet.images.readers.length_units import unit_of

_UNKNOWN = {"pixel", "dimensionless", ""}


def scale_and_units(axes: str, size: PixelSize) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Return scale and unit of every axis of a layer: lengths where they are known, else 1 and "pixel".

    Parameters
    ----------
    axes : one letter for each axis of the layer, without colours
    """
    lengths = {"y": size.y, "x": size.x} | ({} if size.z is None else {"z": size.z})
    return tuple(lengths.get(axis, 1.0) for axis in axes), tuple(size.unit if a in lengths else "pixel" for a in axes)


def layer_pixel_size(layer: Any, axes: str) -> PixelSize:
    """Return the pixel size that a layer with these axes has; unknown where its rows and columns have no unit.

    A mirrored layer has a negative scale, and pixels of the same size.
    """
    units = [str(unit) for unit in layer.units]
    if units[-1] in _UNKNOWN:
        return PixelSize()
    scale = [abs(float(value)) for value in layer.scale]
    place = axes.find("z")
    has_z = 0 <= place < len(units) == len(scale) and units[place] == units[-1]
    return PixelSize(scale[-2], scale[-1], unit_of(units[-1]) or units[-1], scale[place] if has_z else None)


def is_calibrated(layer: Any) -> bool:
    """Tell whether somebody gave a layer a scale or units: napari's own are 1 and "pixel" for every axis."""
    return any(factor != 1 for factor in layer.scale) or any(str(unit) not in _UNKNOWN for unit in layer.units)


def measure_alike(layer: Any, axes: str, size: PixelSize) -> None:
    """Give a layer in another order of axes the units and lengths of a layer with these.

    napari compares the units of layers axis by axis from the last one on, and uses none where they differ. Its sliders
    take the smallest length of all layers, hidden ones too, as their step.
    """
    scale, units = scale_and_units(axes, size)
    layer.scale = (*[1.0] * (layer.ndim - len(scale)), *scale)[-layer.ndim :]
    layer.units = (*["pixel"] * (layer.ndim - len(units)), *units)[-layer.ndim :]


def scale_layer(layer: Any, axes: str, size: PixelSize) -> None:
    """Give an image layer another pixel size; where it lies stays as it is in pixels, and so do axes without length."""
    before = [float(edge) for edge in layer.scale]
    axes = axes[-len(before) :].rjust(len(before), " ")  # corrected axes may be more than those of the layer
    wanted, units = scale_and_units(axes, size)
    known = [axis in "yx" or (axis == "z" and size.z is not None) for axis in axes]
    scale = [new if is_known else old for old, new, is_known in zip(before, wanted, known, strict=True)]
    layer.translate = [place / old * new for place, old, new in zip(layer.translate, before, scale, strict=True)]
    layer.scale = scale
    pairs = zip(map(str, layer.units), units, known, strict=True)
    layer.units = tuple(new if is_known else old for old, new, is_known in pairs)
