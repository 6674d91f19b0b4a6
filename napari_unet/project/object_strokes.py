"""Numbered objects, such as other programs find them, as strokes over a whole plane."""

import msgspec
import numpy as np
from jaxtyping import Shaped, UInt8

from napari_unet.images.object_labels import RIDGE, object_labels, without_rim
from napari_unet.project.classes import BACKGROUND
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.label_values import as_numbers
from napari_unet.project.stored_settings import StoredSettings


def labels_of_objects(
    objects: Shaped[np.ndarray, "h w"], record: ImageRecord, class_id: int, rim: int = 0
) -> UInt8[np.ndarray, "h w"]:
    """Return the strokes that say of every pixel whether it is in an object, with a ridge between those that touch.

    Parameters
    ----------
    objects : 0 where no object is, another whole number on each object, of any type
    record : of the image, for its name
    class_id : of the objects; all else is background, class 1
    rim : px along the frame that stay unlabelled

    Raises
    ------
    UserError
        NU-A02 for fractions, NU-A03 for negative numbers, NU-A15 for a rim that leaves nothing.
    """
    labels = object_labels(as_numbers(objects, record.name).astype(np.int64), class_id, BACKGROUND)
    return without_rim(labels, rim, record.name)


def give_ridge_back(stored: StoredSettings) -> None:
    """Let the objects that are predicted have the ridge that was taken from those that were learned."""
    settings = stored.read()
    if settings.object_ridge < RIDGE:
        stored.write(msgspec.structs.replace(settings, object_ridge=RIDGE))
