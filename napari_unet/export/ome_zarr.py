"""Image, mask and objects as OME-Zarr 0.5, in which masks are labels of the image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from jaxtyping import Num, Shaped, UInt
from zarr.storage import LocalStore

from napari_unet.export.earlier_results import refuse_foreign_folder
from napari_unet.export.ome_channels import omero_of
from napari_unet.export.plane_axes import hyperstack, slice_distance
from napari_unet.export.segmentation import ClassStyle, Segmentation, named_values
from napari_unet.export.verified import array_difference, write_verified
from napari_unet.images.image import Image
from napari_unet.images.labels_inside import CREATOR
from napari_unet.storage import replace_folder

_VERSION = "0.5"
_CHUNK = 1024  # px
_LETTERS = "TZ"  # the axes of planes; channels have the image's own
_KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_UNITS = {
    "um": "micrometer",
    "nm": "nanometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "pm": "picometer",
    "m": "meter",
    "angstrom": "angstrom",
    "inch": "inch",
}


@dataclass(frozen=True, slots=True)
class Level:
    """One array of the folder, which is written and compared plane by plane."""

    group: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: dict[str, Any]

    def place(
        self, index: tuple[int, ...], rows: slice = slice(None), columns: slice = slice(None)
    ) -> tuple[int | slice, ...]:
        """Return the index of the plane at this time and slice, or of a part of it."""
        at = dict(zip((axis for axis in self.axes if axis in "tz"), index, strict=True)) | {"y": rows, "x": columns}
        return tuple(at.get(axis, slice(None)) for axis in self.axes)

    def pixels(
        self, image: Image, plane: int, rows: slice = slice(None), columns: slice = slice(None)
    ) -> Num[np.ndarray, "..."]:
        """Return pixels of the image as they lie in this array: channels first, if it has them."""
        found = image.read(plane, rows, columns)
        return np.moveaxis(found, -1, 0) if "c" in self.axes else found[..., 0]


def write_ome_zarr(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write the folder ``base`` + ".ome.zarr": the image, and its labels "classes" (class - 1) and "objects".

    Raises
    ------
    UserError
        NU-E08 when a folder of that name lies there that is no earlier export.
    """
    path = base.with_name(f"{base.name}.ome.zarr")
    refuse_foreign_folder(path)
    levels = levels_of(segmentation.image, segmentation.classes, segmentation.named_objects)
    levels = with_channel_names(levels, segmentation.image)

    def write(temporary: Path) -> None:
        write_levels(temporary, levels, segmentation)

    def difference(temporary: Path) -> str:
        return _levels_difference(temporary, levels, segmentation)

    return [write_verified(path, write, difference, replace_folder)]


def levels_of(
    image: Image, classes: Sequence[ClassStyle], named_objects: Sequence[tuple[int, ClassStyle]] | None
) -> list[Level]:
    """Return the arrays of a folder: image, classes and, unless None, objects."""
    planes, letters = plane_numbers(image)
    in_plane = {"c": image.channels, "y": image.height, "x": image.width}
    in_plane |= dict(zip(letters, planes.shape, strict=True))
    names = "".join(axis for axis in "tczyx" if axis in letters + "yx" or (axis == "c" and "c" in image.axes))
    label_names = names.replace("c", "")
    found = [("", names, image.read(0, slice(1), slice(1)).dtype)]
    labels = {"": {}, "labels/classes": _classes_label(classes)}
    found += [("labels/classes", label_names, np.dtype(np.uint8))]
    if named_objects is not None:
        labels["labels/objects"] = _objects_label(named_objects)
        found += [("labels/objects", label_names, np.dtype(np.uint32))]
    return [
        Level(
            group, axes, tuple(in_plane[axis] for axis in axes), dtype, _attributes(group, axes, image, labels[group])
        )
        for group, axes, dtype in found
    ]


def with_channel_names(levels: Sequence[Level], image: Image) -> list[Level]:
    """Return the arrays of a folder, that of the image with the names of its channels, where they have some."""
    omero = omero_of(image)
    if not omero:
        return list(levels)
    named = {"ome": levels[0].attributes["ome"] | {"omero": omero}}
    return [replace(levels[0], attributes=levels[0].attributes | named), *levels[1:]]


def plane_numbers(image: Image) -> tuple[UInt[np.ndarray, "..."], str]:
    """Return the number of the plane at each time and slice, and the names of these axes."""
    numbers, axes = hyperstack(np.arange(image.planes, dtype=np.uint32).reshape(-1, 1, 1), image, _LETTERS)
    return numbers[..., 0, 0], axes.removesuffix("YX").lower()


def _attributes(group: str, axes: str, image: Image, label: dict[str, Any]) -> dict[str, Any]:
    size = image.pixel_size
    lengths = {"z": slice_distance(image, _LETTERS), "y": size.y, "x": size.x}
    known = {axis: float(length) for axis, length in lengths.items() if length is not None}
    unit = {"unit": _UNITS[size.unit]} if size.unit in _UNITS else {}
    described = [{"name": axis, "type": _KINDS[axis], **(unit if axis in known else {})} for axis in axes]
    scale = [known.get(axis, 1.0) for axis in axes]
    transformations = [{"type": "scale", "scale": scale}]
    name = group.removeprefix("labels/") or image.name
    datasets = [{"path": "0", "coordinateTransformations": transformations}]
    content: dict[str, Any] = {
        "version": _VERSION,
        "multiscales": [{"name": name, "axes": described, "datasets": datasets}],
    }
    if group:
        content["image-label"] = {**label, "source": {"image": "../../"}}
    return {"ome": content, "creator": CREATOR}


def _objects_label(named_objects: Sequence[tuple[int, ClassStyle]]) -> dict[str, Any]:
    named = enumerate(named_objects, start=1)
    properties = [{"label-value": number, "class": style.name} for number, (_, style) in named]
    return {"properties": properties} if properties else {}


def _classes_label(classes: Sequence[ClassStyle]) -> dict[str, Any]:
    shown = [(value, [*style.colour, 255 if value else 0]) for value, style in named_values(classes)]
    return {
        "colors": [{"label-value": value, "rgba": rgba} for value, rgba in shown],
        "properties": [{"label-value": value, "class": style.name} for value, style in named_values(classes)],
    }


def create_levels(folder: Path, levels: Sequence[Level], chunk: int = _CHUNK) -> list[zarr.Array]:
    """Make the groups and the empty arrays of a folder, in square chunks of ``chunk`` pixels a side."""
    arrays = []
    store = LocalStore(folder)
    labels = {"version": _VERSION, "labels": [level.group.removeprefix("labels/") for level in levels if level.group]}
    for level in levels:
        if level.group and "labels" not in zarr.open_group(store, mode="a"):
            zarr.create_group(store, path="labels", attributes={"ome": labels})
        zarr.create_group(store, path=level.group or None, attributes=level.attributes)
        array: zarr.Array = zarr.create_array(
            store,
            name=f"{level.group}/0".removeprefix("/"),
            shape=level.shape,
            dtype=level.dtype,
            chunks=tuple(min(n, chunk) if a in "yx" else 1 for a, n in zip(level.axes, level.shape, strict=True)),
            dimension_names=list(level.axes),
            config={"write_empty_chunks": True},  # zarr takes -0.0 for an empty 0.0
        )
        arrays.append(array)
    return arrays


def write_levels(folder: Path, levels: Sequence[Level], segmentation: Segmentation) -> None:
    """Fill a new folder with every plane of image, classes and objects."""
    for level, array in zip(levels, create_levels(folder, levels), strict=True):
        for index, plane in _planes(level, segmentation):
            array[level.place(index)] = plane


def _planes(level: Level, segmentation: Segmentation) -> Iterator[tuple[tuple[int, ...], Num[np.ndarray, "..."]]]:
    """Give time and slice of every plane, and the values that belong there, channels first."""
    numbers, _ = plane_numbers(segmentation.image)
    for index in np.ndindex(*numbers.shape):
        plane = int(numbers[index])
        if level.group == "labels/classes":
            yield index, segmentation.mask[plane]
        elif level.group:
            yield index, segmentation.objects.numbers[plane].astype(np.uint32)
        else:
            yield index, level.pixels(segmentation.image, plane)


def _levels_difference(folder: Path, levels: Sequence[Level], segmentation: Segmentation) -> str:
    store = LocalStore(folder, read_only=True)
    for level in levels:
        group = zarr.open_group(store, path=level.group or None, mode="r")
        if dict(group.attrs) != level.attributes:
            return f"other metadata of {level.group or 'the image'}"
        array = group["0"]
        if array.shape != level.shape:
            return f"shape {array.shape} instead of {level.shape}"
        for index, plane in _planes(level, segmentation):
            wrong = array_difference(bits(array[level.place(index)]), bits(plane))
            if wrong:
                return f"{level.group or 'image'} {index}: {wrong}"
    return ""


def bits(values: Shaped[np.ndarray, "..."]) -> UInt[np.ndarray, "..."]:
    """Return the bytes of the values: NaN is not equal to itself, but its bytes are."""
    return np.atleast_1d(np.ascontiguousarray(values)).view(np.uint8)
