"""Open an image from what a project remembers of it."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.reading import open_image
from napari_unet.project.image_record import ImageRecord


def _open(path: Path, axes: str) -> Image:
    return open_image(path, axes, keep_named=True)


def open_recorded(record: ImageRecord, open_file: Callable[[Path, str], Image] = _open) -> Image:
    """Open the image itself, read lazily. This needs no open project, so any thread may call it.

    Parameters
    ----------
    record : what the project remembers
    open_file : opens an image file of these axes, those of length 1 included where they name all

    Raises
    ------
    UserError
        NU-P04 when the file is gone, NU-P06 when it is another image now, NU-I10 to NU-I14 when it cannot be read.
    """
    if not os.path.exists(record.path):  # whatever the system says of it
        raise UserError(
            "NU-P04",
            "the image file is not there",
            str(record.path),
            "put it back or point to where it is now; its strokes are kept",
        )
    opened = open_file(record.path, record.found_axes)
    size = _with_slice_distance(record.pixel_size, opened.pixel_size.as_known())
    image = Image(record.name, opened.pixels, record.found_axes, size, record.alpha, opened.coarser)
    if image.fingerprint() != record.sampled_fingerprint:
        raise UserError(
            "NU-P06",
            "the image file has changed since it was annotated",
            str(record.path),
            "put the old file back or add the new one as another image",
        )
    file_name = "" if record.inside else opened.file_name
    return as_corrected(replace(image, channel_names=opened.channel_names, file_name=file_name), record)


def as_corrected(image: Image, record: ImageRecord) -> Image:
    """Return an image, opened under the axes of its file, with the axes and channels that the record has of it."""
    in_place = all(record.axes.index(axis) == record.found_axes.index(axis) for axis in "yx")
    is_named = record.axes.find("c") == record.found_axes.find("c")
    return replace(
        image,
        axes=record.axes,
        alpha=record.hides_alpha,
        coarser=image.coarser if in_place else (),
        chosen=record.chosen,
        channel_names=image.channel_names if is_named else (),
    )


def _with_slice_distance(known: PixelSize, found: PixelSize) -> PixelSize:
    """Return what the file says where the project agrees and knows no distance: projects before format 5 kept none."""
    return found if known == replace(found, z=None) else known
