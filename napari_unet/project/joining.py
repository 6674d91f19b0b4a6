"""Tell how an image joins a project: with the axes and channels that were corrected of images like it."""

from dataclasses import replace
from pathlib import Path

from napari_unet.counted import counted
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.project.correction import corrected_axes
from napari_unet.project.damage import damage_told
from napari_unet.project.database import Database
from napari_unet.project.image_record import SELECT_IMAGES, ImageRecord, image_record
from napari_unet.project.recorded_image import as_corrected


def as_found(image: Image) -> ImageRecord:
    """Return what a project would remember of an image as its file says it is, as far as axes and channels go."""
    shape, size = tuple(image.pixels.shape), image.pixel_size
    return ImageRecord(0, image.name, Path(), False, shape, "", image.axes, image.alpha, size, "", image.axes)


def with_axes(image: Image, axes: str) -> Image:
    """Return an image, opened as its file says, with other axes, one letter each.

    Raises
    ------
    UserError
        NU-I32 when they do not fit.
    """
    found = as_found(image)
    return as_corrected(image, replace(found, axes=corrected_axes(found, axes)))


@damage_told
def as_joining(database: Database, image: Image, axes: str | None = None) -> Image:
    """Return an image, opened as its file says, with the axes and channels that the project gives it when it joins.

    Parameters
    ----------
    axes : of the image; None for those of the image like it that was corrected and joined last, or else as found

    Raises
    ------
    UserError
        NU-I32 for axes that do not fit.
    """
    axes = _axes_like(database, image) if axes is None else axes
    named = image if axes == image.axes else with_axes(image, axes)
    return replace(named, chosen=_chosen_last(database, named.all_channels))


def unlike_channels(name: str, channels: int, others: int) -> UserError:
    """Return the refusal of an image whose channels are not as many as those of ``others``."""
    what = f"it would have {counted(channels, 'channel')} and those that are painted on have {others}"
    return UserError("NU-I09", what, name, "keep images of one kind in a project")


def _axes_like(database: Database, image: Image) -> str:
    """Return the axes of the image like it that was corrected and joined last, or else its own."""
    found = as_found(image)
    query = f"{SELECT_IMAGES} WHERE axes = ? AND corrected_axes != '' ORDER BY id DESC"
    corrected = (image_record(row, database.folder) for row in database.execute(query, (image.axes,)))
    return next((other for other in corrected if is_like(found, other)), found).axes


def is_like(image: ImageRecord, corrected: ImageRecord) -> bool:
    """Tell whether the axes that were corrected of one image are those of another, too.

    Their files name the same axes, and they have as many channels, both as found and as corrected: a stack of 20 slices
    does not become an image of 20 channels because one of 3 slices was an image of 3 channels. Where rows or columns
    lie elsewhere than the file says, they have the same shape: another may lie as its file says.
    """
    if image.found_axes != corrected.found_axes:
        return False
    is_turned = any(corrected.axes.index(axis) != corrected.found_axes.index(axis) for axis in "yx")
    if is_turned and image.shape != corrected.shape:
        return False
    return all(_channels(image, axes) == _channels(corrected, axes) for axes in (corrected.found_axes, corrected.axes))


def _channels(image: ImageRecord, axes: str) -> int:
    """Return how many channels an image has under these axes."""
    return replace(image, axes=axes, chosen=()).all_channels


def _chosen_last(database: Database, channels: int) -> tuple[int, ...]:
    """Return the choice of channels that was made last, if it was made of so many; else () for all."""
    query = f"{SELECT_IMAGES} WHERE chosen_channels != '[]' ORDER BY id DESC LIMIT 1"
    row = database.execute(query).fetchone()
    last = None if row is None else image_record(row, database.folder)
    return last.chosen if last is not None and last.all_channels == channels else ()
