"""Image files that come with labels, as the project that they are for has them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from napari_unet.images.image import Image
from napari_unet.images.reading import open_image
from napari_unet.project.correction import corrected_axes
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.joining import as_joining, unlike_channels, with_axes
from napari_unet.project.known_images import recognised
from napari_unet.project.project import Project
from napari_unet.project.recorded_image import open_recorded


class ImageFile(NamedTuple):
    """Hold an image file that was opened.

    Attributes
    ----------
    opened : as the file says
    shown : with the axes and channels that were asked for, or else those that the project has of it, or of images like
        it where it is new: the user may have corrected them, and labels are of these planes
    record : of the project; None where the image is new
    """

    opened: Image
    shown: Image
    record: ImageRecord | None


def open_image_file(path: Path, project: Project | None, axes: str | None = None) -> ImageFile:
    """Open an image file, and look it up in the project, if there is one yet.

    Parameters
    ----------
    axes : of the image where its file names them wrongly, with or without those of length 1

    Raises
    ------
    UserError
        as ``open_image`` does; NU-I01 and NU-I32 for axes that do not fit, NU-I33 where the image is painted on under
        others
    """
    opened = open_image(path)
    letters = None if axes is None else open_image(path, axes).axes
    if project is None:
        return ImageFile(opened, opened if letters is None else with_axes(opened, letters), None)
    known = recognised(project.database, opened, path.absolute()).record
    if known is None:
        return ImageFile(opened, as_joining(project.database, opened, letters), None)
    if letters is not None and letters != known.axes:
        project.images.refuse_painted(known)
        known = replace(known, axes=corrected_axes(known, letters), chosen=())
    return ImageFile(opened, open_recorded(replace(known, path=path)), known)


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
