"""Strokes that the project's disk did not take: keep them outside of the project, and take them back later."""

import contextlib
import sqlite3
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from napari_unet.errors import UserError
from napari_unet.images.tiles import Region
from napari_unet.project import unsaved_strokes
from napari_unet.project.database import Database
from napari_unet.project.identity import Identity
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.images import Images
from napari_unet.project.strokes import Strokes
from napari_unet.project.unsaved_strokes import UnsavedStrokes
from napari_unet.storage import disk


class RescuedStrokes:
    """Keep strokes outside of a project, and take back those that an earlier session kept.

    Parameters
    ----------
    database : of the project
    images, strokes : of the same project

    Attributes
    ----------
    identity : of the project, by which it finds its strokes again
    """

    def __init__(self, database: Database, images: Images, strokes: Strokes) -> None:
        self.identity = Identity.of(database)
        self._database = database
        self._images = images
        self._strokes = strokes

    def keep(
        self, image: ImageRecord, planes: Mapping[int, UInt8[np.ndarray, "h w"]], region: Region | None = None
    ) -> Path:
        """Write the labels that the project does not have yet into a file outside of it, and return its path.

        The project takes them back when it is opened for writing the next time.

        Parameters
        ----------
        planes : labels of each plane, of the ``region`` alone or whole

        Raises
        ------
        UserError
            NU-P22 when no place takes the file.
        """
        region = Region(0, 0, *image.annotation_shape[-2:]) if region is None else region
        stored = {plane: self._strokes.plane(image.id, plane, region) for plane in planes}
        unsaved = [
            unsaved_strokes.unsaved_plane(image.fingerprint, plane, region, stored[plane], labels)
            for plane, labels in planes.items()
        ]
        project_id = next(iter(self.identity.ids), "")
        return unsaved_strokes.keep(UnsavedStrokes(str(self.identity.folder), tuple(unsaved), project_id))

    def take_back(self) -> None:
        """Commit strokes that an earlier session kept elsewhere, and add a notice for the user.

        A file that cannot be taken stays where it is. One that was taken and cannot be removed, because another
        program holds it open, is never taken again: it would be painted over newer strokes.
        """
        notices = self._database.notices
        for path in unsaved_strokes.files():
            try:
                if not _is_taken(self._database, path):
                    unsaved = unsaved_strokes.read(path)
                    if not unsaved_strokes.belongs(unsaved, self.identity):
                        continue
                    self._take(path, unsaved)
                    self._database.flush()
                    what = "strokes that could not be saved last time are in the project now"
                    notices.append(str(UserError("NU-P21", what, str(self._database.folder), "nothing is left to do")))
            except UserError as error:
                notices.append(str(error))
            except (OSError, ValueError, LookupError, zlib.error) as error:
                what = f"strokes that were kept elsewhere cannot be read ({' '.join(str(error).split())[:160]})"
                notices.append(str(UserError("NU-P23", what, str(path), "paint them again and remove the file")))
            else:
                with contextlib.suppress(OSError):  # the next opening removes it
                    disk.remove(path)

    def _take(self, path: Path, unsaved: UnsavedStrokes) -> None:
        """Commit the strokes of a file, and that it was taken, all or nothing."""
        ids = {record.fingerprint: record.id for record in self._images.all()}
        with self._strokes.together() as connection:
            for part in unsaved.planes:
                image_id = ids[part.fingerprint]
                saved = self._strokes.plane(image_id, part.plane, part.region)
                self._strokes.commit(image_id, part.plane, part.over(saved), part.region)
            connection.execute("INSERT INTO taken_strokes VALUES (?)", (path.name,))


def _is_taken(database: Database, path: Path) -> bool:
    try:
        return database.execute("SELECT 1 FROM taken_strokes WHERE file = ?", (path.name,)).fetchone() is not None
    except sqlite3.Error:
        return False  # a damaged database, which takes nothing
