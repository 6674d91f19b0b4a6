"""From a napari image layer to an image of ours, and to the project that is its own."""

import os
from collections.abc import Hashable, Iterator, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.errors import UserError
from napari_unet.export.file_stem import file_stem
from napari_unet.gui.layers.calibration import is_calibrated, layer_pixel_size, scale_and_units
from napari_unet.gui.layers.foreign_pixels import ForeignPixels
from napari_unet.gui.layers.layer_file import FILE, holds_another, holds_image, image_in_file, path_of
from napari_unet.gui.layers.layer_pixels import LayerPixels
from napari_unet.images.image import Image
from napari_unet.project.belonging import has_image
from napari_unet.project.correction import with_slice_distance
from napari_unet.project.database import DATABASE
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.known_images import OpenRecorded, same_image
from napari_unet.project.project import Project
from napari_unet.project.recorded_image import open_recorded

_PROJECT = "napari-unet project"  # key in the metadata of a layer, see ``_note``
HELD_BYTES = 512 * 2**20  # of an image; above that it is read plane by plane as they are shown


def image_of(layer: Any, channels_first: bool = False) -> tuple[Image, Path | None]:
    """Return the layer's pixels as an image, and the file they came from where reading it gives the same pixels.

    A layer that says nothing of its axes has those of its file, and the file's pixel size unless it has its own.

    Parameters
    ----------
    layer : a napari Image layer; of a pyramid, the finest level is used
    channels_first : the first axis holds channels, not planes, where the file does not say which axis does
    """
    found = _image_in_file(layer, channels_first)
    if found is not None:
        return found
    image, path = image_in(layer, channels_first), path_of(layer)
    return image, path if path is not None and holds_image(path, image) else None


def image_in(layer: Any, channels_first: bool = False) -> Image:
    """Return the layer's pixels as an image with the axes and the pixel size that the layer has."""
    pixels = _finest(layer)
    axes = _axes(layer, pixels.ndim, channels_first)
    alpha = bool(layer.rgb) and pixels.shape[-1] == 4
    return Image(str(layer.name), pixels, axes, layer_pixel_size(layer, axes), alpha)


def copy_told(layer: Any) -> str:
    """Return a line on a layer whose pixels are not those of its file, where the file can be read here; "" elsewhere.

    napari shows photos as they are stored and not as the camera was held, CMYK as if it were RGB, and of a TIFF file
    with several images the first one. Layers that are read piece by piece are those of reader plugins, which choose.
    """
    path = path_of(layer)
    if path is None or layer.multiscale or not isinstance(layer.data, np.ndarray) or not holds_another(path):
        return ""
    what = "napari shows other pixels than are read from the file here and by predict; its own are copied"
    fix = "to work on the file as it is read, add the file itself in the panel, and remove the copy from the list"
    return str(UserError("NU-I22", what, str(path), fix))


def known_image(
    layer: Any, channels_first: bool, records: Sequence[ImageRecord], open_known: OpenRecorded = open_recorded
) -> ImageRecord | None:
    """Return the record of a layer's image, or None; the image may have joined under any of the layer's axes.

    Parameters
    ----------
    open_known : opens an image of the project, to compare it where another file has the same fingerprint
    """
    for image, path in _images(layer, channels_first) if records else ():
        record = same_image(records, image, path, open_known)
        if record is not None:
            return record
    return None


def axes_with_channels(record: ImageRecord, first: bool) -> str:
    """Return the record's axes with the first one as channels or planes; unchanged where it can be neither."""
    axis, others = record.axes[0], record.axes[1:]
    if first and "c" not in record.axes and axis not in "yx":
        return f"c{others}"
    if not first and axis == "c":
        free = (letter for letter in f"{record.found_axes[0]}ztuvw" if letter not in f"c{others}")
        return f"{next(free)}{others}"
    return record.axes


def default_project(layer: Any, image: Image, source: Path | None) -> Path:
    """Return where an image's project goes by itself: beside its file if that can be, else in the home folder.

    A project there that holds the image already is the one, whichever axes it joined under.
    """
    beside = source is not None and os.access(source.parent, os.W_OK)
    folder = source.parent if source is not None and beside else Path.home() / "napari-unet"
    stem = source.stem if source is not None else str(layer.name)
    safe = file_stem("".join(c if c.isalnum() or c in " -_()" else "_" for c in stem))
    alike = () if layer is None else _images(layer, channels_first=False)
    fingerprints = {image.fingerprint(), *(each.fingerprint() for each, _ in alike)}
    for number in range(1, 1000):
        path = folder / (f"{safe}.unet" if number == 1 else f"{safe}-{number}.unet")
        if not path.exists() or _holds(path, fingerprints):
            return path
    raise UserError(
        "NU-P08", f"there are too many projects called {safe}", str(folder), "choose a project folder yourself"
    )


def note_project(layer: Any, folder: Path, record: ImageRecord) -> None:
    """Note on a layer for which image of which project it is shown: it outlives the panel that shows it."""
    layer.metadata[_PROJECT] = _note(layer, folder, record)


def project_of(layer: Any) -> tuple[Path, int] | None:
    """Return the noted project and the id of its image; None without a note, or where that image is there no more."""
    noted_on, folder, image_id, _ = layer.metadata.get(_PROJECT, (None, "", 0, ""))
    return (Path(folder), image_id) if noted_on == layer.unique_id and has_image(Path(folder), image_id) else None


def is_of(layer: Any, folder: Path, record: ImageRecord, open_known: OpenRecorded = open_recorded) -> bool:
    """Tell whether a layer holds an image of a project, with axes over which our layers can lie.

    Parameters
    ----------
    folder : of the project
    open_known : as for ``known_image``
    """
    if not shows(layer, record):  # unless a panel that is closed by now brought it, in the order of our axes
        return bool(layer.metadata.get(_PROJECT) == _note(layer, folder, record))
    return known_image(layer, "c" in record.found_axes[:-2], [record], open_known) is not None


def _note(layer: Any, folder: Path, record: ImageRecord) -> tuple[Hashable, str, int, str]:
    """Return layer, project, image and its axes: napari's copies and projections of the layer have its metadata too."""
    return layer.unique_id, str(folder), record.id, record.axes


def _holds(path: Path, fingerprints: Set[str]) -> bool:
    if not (path / DATABASE).is_file():
        return False
    try:
        with Project(path, read_only=True) as project:
            return any(record.sampled_fingerprint in fingerprints for record in project.images.all())
    except UserError:
        return False  # damaged or newer: not ours to use


def _image_in_file(layer: Any, channels_first: bool) -> tuple[Image, Path] | None:
    """Return image and path of the layer's file where only the file says what the axes are; else None."""
    path, pixels = path_of(layer), _finest(layer)
    if path is None or _own_letters(layer, len(pixels.shape)):
        return None
    image = image_in_file(path, pixels, str(layer.name))
    if image is None or (channels_first and "c" not in image.axes):
        return None
    if is_calibrated(layer):
        own = layer_pixel_size(layer, image.axes)
        image = replace(image, pixel_size=with_slice_distance(own, image.pixel_size))
    return image, path


def _images(layer: Any, channels_first: bool) -> Iterator[tuple[Image, Path | None]]:
    """Give a layer's image under each of the axes that it can have, the likeliest first, and the layer's file."""
    found = _image_in_file(layer, channels_first)
    if found is not None:
        yield found
    for way in (channels_first, not channels_first) if layer.ndim > 2 else (False,):
        yield image_in(layer, way), path_of(layer)


def _finest(layer: Any) -> Any:
    """Return the layer's pixels; lazy ones in a wrapper that tells what fails in one line."""
    pixels = layer.data[0] if layer.multiscale else layer.data
    return pixels if isinstance(pixels, np.ndarray) else ForeignPixels(pixels, str(layer.name))


def _own_letters(layer: Any, ndim: int) -> str:
    """Return the layer's names of its axes, a letter each and without colours; "" where they name no axes."""
    spatial = ndim - int(layer.rgb)
    labels = [str(label).lower()[:1] for label in getattr(layer, "axis_labels", ())]
    named = (
        len(labels) == spatial
        and len(set(labels)) == spatial
        and labels[-2:] == ["y", "x"]
        and all(c.isalpha() for c in labels)
    )
    return "".join(labels) if named else ""


def _axes(layer: Any, ndim: int, channels_first: bool) -> str:
    spatial = ndim - int(layer.rgb)
    letters = _own_letters(layer, ndim) or "uvwtz"[max(0, 7 - spatial) :][: spatial - 2] + "yx"
    if channels_first and spatial > 2 and "c" not in letters and not layer.rgb:
        letters = "c" + letters[1:]
    return letters + ("c" if layer.rgb else "")


def layer_content(image: Image, record: ImageRecord) -> dict[str, Any]:
    """Return arguments of ``viewer.add_image`` for an image of a project; a large one stays in its file."""
    axes = _shown_axes(record)
    rgb = axes.endswith("c")
    scale, units = scale_and_units(layer_axes(record), record.pixel_size)
    is_pyramid = image.is_large and bool(image.coarser) and axes == record.axes
    order = [record.axes.index(axis) for axis in axes]
    return {
        "data": [image.pixels, *image.coarser] if is_pyramid else _layer_pixels(image, order),
        "multiscale": is_pyramid,
        "name": record.name,
        "metadata": {} if record.inside else {FILE: str(record.path)},
        "rgb": rgb,
        "scale": scale,
        "units": units,
        "axis_labels": tuple(layer_axes(record)),
    }


def _layer_pixels(image: Image, order: list[int]) -> Any:
    pixels = LayerPixels(image.pixels, tuple(order))
    return pixels if pixels.nbytes > HELD_BYTES else np.asarray(pixels)


def shows(layer: Any, record: ImageRecord) -> bool:
    """Tell whether our layers can lie over this layer of an image: its axes are theirs, in the same order."""
    axes = _shown_axes(record)
    is_rgb = axes.endswith("c")
    return axes == record.axes and is_rgb == bool(layer.rgb) and len(axes) - int(is_rgb) == layer.ndim


def layer_axes(record: ImageRecord) -> str:
    """Return the axes of a layer on which our layers can lie over the image, colours left out."""
    return _shown_axes(record).removesuffix("c")


def _shown_axes(record: ImageRecord) -> str:
    """Return planes, y, x, as our layers have them; colours come after these, other channels before."""
    planes = "".join(axis for axis in record.axes if axis not in "yxc")
    if "c" not in record.axes:
        return f"{planes}yx"
    colours = record.axes.endswith("c") and record.shape[-1] in (3, 4)
    return f"{planes}yxc" if colours else f"c{planes}yx"
