"""Image files that come with labels, as the project that they are for has them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from napari_unet.images.image import Image
from napari_unet.images.reading import open_image
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.images import unlike_channels
from napari_unet.project.joining import as_joining
from napari_unet.project.known_images import recognised
from napari_unet.project.project import Project
from napari_unet.project.recorded_image import open_recorded


class ImageFile(NamedTuple):
    """Hold an image file that was opened.

    Attributes
    ----------
    opened : as the file says
    shown : with the axes and channels that the project has of it, or of images like it where it is new: the user may
        have corrected them, and labels are of these planes
    record : of the project; None where the image is new
    """

    opened: Image
    shown: Image
    record: ImageRecord | None


def open_image_file(path: Path, project: Project | None) -> ImageFile:
    """Open an image file, and look it up in the project, if there is one yet.

    Raises
    ------
    UserError
        as ``open_image`` does
    """
    opened = open_image(path)
    if project is None:
        return ImageFile(opened, opened, None)
    known = recognised(project.database, opened, path.absolute()).record
    shown = as_joining(project.database, opened) if known is None else open_recorded(replace(known, path=path))
    return ImageFile(opened, shown, known)


def refuse_unlike(files: Sequence[ImageFile], project: Project | None) -> None:
    """Refuse images that could not be painted in one project, because their channels are not as many.

    Raises
    ------
    UserError
        NU-I09
    """
    first: int | None = None
    for file in files:
        channels = file.shown.channels
        if project is not None:
            own_id = None if file.record is None else file.record.id
            project.images.refuse_other_channels(file.opened.name, channels, own_id)
        first = channels if first is None else first
        if channels != first:
            raise unlike_channels(file.opened.name, channels, first)
