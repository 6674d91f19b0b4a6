"""Strokes that the project's disk did not take: keep them outside of the project, and take them back later."""

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from napari_unet.errors import UserError
from napari_unet.images.tiles import Region
from napari_unet.project import unsaved_strokes
from napari_unet.project.database import Database
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.images import Images
from napari_unet.project.strokes import Strokes
from napari_unet.storage import disk


def keep_elsewhere(
    folder: Path,
    strokes: Strokes,
    image: ImageRecord,
    planes: Mapping[int, UInt8[np.ndarray, "h w"]],
    region: Region | None = None,
) -> Path:
    """Write the labels that the project does not have yet into a file outside of it, and return its path.

    The project takes them back when it is opened for writing the next time.

    Parameters
    ----------
    folder : of the project
    strokes : that are saved in the project
    planes : labels of each plane, of the ``region`` alone or whole

    Raises
    ------
    UserError
        NU-P22 when no place takes the file.
    """
    region = Region(0, 0, *image.annotation_shape[-2:]) if region is None else region
    unsaved = [
        unsaved_strokes.unsaved_plane(image.fingerprint, plane, region, strokes.plane(image.id, plane, region), labels)
        for plane, labels in planes.items()
    ]
    return unsaved_strokes.keep(unsaved_strokes.UnsavedStrokes(str(folder), tuple(unsaved)))


def take_back(database: Database, images: Images, strokes: Strokes) -> None:
    """Commit strokes that an earlier session kept elsewhere, and add a notice for the user.

    A file that cannot be taken stays where it is.
    """
    for path in unsaved_strokes.files():
        try:
            unsaved = unsaved_strokes.read(path)
            ids = {record.fingerprint: record.id for record in images.all()}
            if not unsaved_strokes.belongs(unsaved, database.folder, ids):
                continue
            for part in unsaved.planes:
                image_id = ids[part.fingerprint]
                saved = strokes.plane(image_id, part.plane, part.region)
                strokes.commit(image_id, part.plane, part.over(saved), part.region)
            database.flush()
            disk.remove(path)
        except UserError as error:
            database.notices.append(str(error))
        except (OSError, ValueError, LookupError, zlib.error) as error:
            what = f"strokes that were kept elsewhere cannot be read ({' '.join(str(error).split())[:160]})"
            database.notices.append(str(UserError("NU-P23", what, str(path), "paint them again and remove the file")))
        else:
            what = "strokes that could not be saved last time are in the project now"
            database.notices.append(str(UserError("NU-P21", what, str(database.folder), "nothing is left to do")))
