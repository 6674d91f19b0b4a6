"""Save Selected Layers: Labels layers in the formats of our exports, with the values that the layer shows."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase
from types import SimpleNamespace
from typing import Any

import numpy as np
from jaxtyping import UInt8

from napari_unet.config import DEFAULT_SETTINGS
from napari_unet.errors import UserError
from napari_unet.export.formats import FORMATS
from napari_unet.export.mask_png import plane_paths, write_png
from napari_unet.export.mask_tiff import write_imagej_tiff, write_tiff
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.gui.layers import source
from napari_unet.gui.plain_text import untagged_errors
from napari_unet.images.image import Image
from napari_unet.images.labels_inside import UNLABELLED
from napari_unet.project.classes import ClassLabel, default_colour, default_name

_HIGHEST = {np.uint8: 255, np.uint16: 65535}


@untagged_errors()
def write_labels_tiff(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write one TIFF for ImageJ over all planes; numbers up to 65535."""
    image = _labels(data, meta)
    base = _base(path)
    target = base.with_name(f"{base.name}.tif")
    _refuse_unasked(path, [target], "give the name with its ending, so that napari asks, or another name")
    if int(np.max(image.pixels)) <= _HIGHEST[np.uint8]:
        return _named(write_tiff(_segmentation(image), base))
    values = _values(image, np.uint16)
    metadata = {"min": 0, "max": int(values.max())}
    return _named([write_imagej_tiff(target, values, image, metadata)])


@untagged_errors()
def write_labels_png(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write indexed PNG files, one for each plane; numbers up to 255."""
    image, base = _labels(data, meta), _base(path)
    _refuse_unasked(path, plane_paths(base, image.planes), "delete it, or give another name")
    return _named(write_png(_segmentation(image), base))


@untagged_errors()
def write_image_and_labels(path: str, layers: list[tuple[Any, dict[str, Any], str]]) -> list[str]:
    """Write an OME-Zarr of an image layer with a labels layer over it; numbers up to 255."""
    by_kind = {kind: (_labels if kind == "labels" else _image)(data, meta) for data, meta, kind in layers}
    image, labels = by_kind["image"], by_kind["labels"]
    if labels.planes != image.planes:
        what = f"the labels have {labels.planes} planes and the image {image.planes}; its channels are no planes"
        raise UserError("NU-E04", what, labels.name, "save the labels alone, or labels with the planes of the image")
    base = _base(path)
    _refuse_unasked(path, [base.with_name(f"{base.name}.ome.zarr")], "delete it, or give another name")
    mask = _values(labels, np.uint8)
    return _named(FORMATS["ome-zarr"](Segmentation(mask, image, _styles(mask), DEFAULT_SETTINGS), base))


def _image(data: Any, meta: dict[str, Any]) -> Image:
    """Return what napari hands over as an image of ours."""
    layer = SimpleNamespace(
        data=data,
        name=meta.get("name", "labels"),
        rgb=meta.get("rgb", False),
        multiscale=meta.get("multiscale", False),
        scale=meta.get("scale", (1.0,) * np.ndim(data)),
        units=meta.get("units") or ("pixel",),
        axis_labels=meta.get("axis_labels", ()),
    )
    return source.image_in(layer)


def _labels(data: Any, meta: dict[str, Any]) -> Image:
    """Return labels as an image of planes alone: an axis that is called channels, as that of an image under them, too.

    napari's new labels layers have the axes of the selected image, and can be painted on every channel of it.
    """
    found = _image(data, meta)
    free = next(letter for letter in ascii_lowercase if letter not in f"{found.axes}yxc")
    return replace(found, axes=found.axes.replace("c", free))


def _segmentation(image: Image) -> Segmentation:
    mask = _values(image, np.uint8)
    return Segmentation(mask, image, _styles(mask), DEFAULT_SETTINGS)


def _values(labels: Image, dtype: Any) -> Any:
    """Return all planes in a small type.

    Raises
    ------
    UserError
        NU-E07 for numbers that the type cannot hold.
    """
    values = np.stack([labels.read(plane)[..., 0] for plane in range(labels.planes)])
    if values.min(initial=0) < 0 or values.max(initial=0) > _HIGHEST[dtype]:
        what = f"labels {values.min()} to {values.max()} do not fit: this format holds 0 to {_HIGHEST[dtype]}"
        raise UserError("NU-E07", what, labels.name, "save as TIFF (to 65535), or export the objects from the panel")
    return values.astype(dtype)


def _styles(mask: UInt8[np.ndarray, "planes y x"]) -> list[ClassStyle]:
    """Return the style of unlabelled pixels, then of every number, in the colour that it has as a class."""
    labels = [ClassLabel(k, default_name(k), default_colour(k)) for k in range(1, int(mask.max()) + 1)]
    return [ClassStyle(UNLABELLED, (0, 0, 0)), *(ClassStyle(label.name, label.rgb) for label in labels)]


def _refuse_unasked(chosen: str, paths: Iterable[Path], fix: str) -> None:
    """Refuse to replace a file that is called otherwise than the user chose: napari asked about the chosen name only.

    Raises
    ------
    UserError
        NU-E08 with the first file.
    """
    for path in paths:
        is_asked = os.path.exists(chosen) and os.path.exists(path) and os.path.samefile(chosen, path)
        if os.path.lexists(path) and not is_asked:
            what = f"a file of this name lies there, and napari did not ask about it, but about '{Path(chosen).name}'"
            raise UserError("NU-E08", what, str(path), fix)


def _base(path: str) -> Path:
    """Return the path without the ending that the writer gives."""
    chosen = Path(path)
    stem = chosen.with_suffix("") if chosen.suffix.lower() in {".tif", ".tiff", ".png", ".zarr"} else chosen
    return stem.with_suffix("") if stem.suffix.lower() == ".ome" else stem


def _named(paths: list[Path]) -> list[str]:
    return [str(path) for path in paths]
