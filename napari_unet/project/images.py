"""The images of a project: records in the database, pixels in the user's own files."""

import json
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unet import storage
from napari_unet.errors import UserError
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.npy_file import fill_npy
from napari_unet.images.reading import refuse_unencodable
from napari_unet.project.correction import chosen_channels, corrected_axes, refuse_pixel_size, with_slice_distance
from napari_unet.project.damage import damage_told
from napari_unet.project.database import Database
from napari_unet.project.image_record import SELECT_IMAGES, ImageRecord, image_record, read_image_record
from napari_unet.project.joining import as_joining, is_like, unlike_channels
from napari_unet.project.known_images import OpenRecorded, recognised
from napari_unet.project.recorded_image import open_recorded
from napari_unet.project.removal import forget_painted, renew_revision
from napari_unet.project.stored_planes import StoredPlanes


class Images:
    """Read and change what the project remembers of its images.

    Parameters
    ----------
    database : of the project
    planes : stored strokes that are held in memory; those of an image that is removed or gets other axes are dropped
    """

    def __init__(self, database: Database, planes: StoredPlanes) -> None:
        self._database = database
        self._planes = planes

    def __call__(self) -> list[ImageRecord]:
        """Return ``all()``: scripts that were written for earlier versions call ``project.images()``."""
        return self.all()

    @damage_told
    def all(self) -> list[ImageRecord]:
        """Return the records of all images in the order in which they were added."""
        rows = self._database.execute(f"{SELECT_IMAGES} ORDER BY id")
        return [image_record(row, self._database.folder) for row in rows]

    @damage_told
    def count(self) -> int:
        """Return the number of images; no record is made for it, and no path looked up."""
        return int(self._database.execute("SELECT count(*) FROM images").fetchone()[0])

    @damage_told
    def get(self, image_id: int) -> ImageRecord:
        """Return the record of one image.

        Raises
        ------
        UserError
            NU-P05 when there is no such image.
        """
        return read_image_record(self._database, image_id)

    def add(
        self,
        image: Image,
        source: Path | str | None = None,
        open_known: OpenRecorded = open_recorded,
        axes: str | None = None,
    ) -> ImageRecord:
        """Remember an image by its file, or copy its pixels into the project when ``source`` is None.

        An image of which the project has every pixel is not added twice. Where its file is gone or holds another image
        now, ``source`` is remembered as the place where it lies. A new one gets the axes and channels that were
        corrected of images like it.

        Parameters
        ----------
        open_known : opens an image of the project, to compare it
        axes : of the image, where its file names them wrongly; of one that is known they are corrected

        Raises
        ------
        UserError
            NU-I09 when images that are painted on have another number of channels, NU-I10 for a path that is no text,
            NU-I32 and NU-I33 for other axes, as ``set_axes``.
        """
        file = None if source is None else Path(source).absolute()
        refuse_unencodable(self._database.folder if file is None else file)
        known, fingerprint, is_moved = recognised(self._database, image, file, open_known)
        if known is not None:
            if is_moved and file is not None:
                self.relocate(known.id, file)
            if axes not in {None, known.axes}:
                self.set_axes(known.id, axes)
            return self.get(known.id)
        joining = as_joining(self._database, image, axes)
        self.refuse_other_channels(image.name, joining.channels)
        self._database.refuse_when_gone()  # copying the pixels would make the folder anew
        path = self._copy_pixels(image, fingerprint) if file is None else file
        size, corrected = image.pixel_size.as_known(), joining.axes if joining.axes != image.axes else ""
        with self._database.transaction() as connection:
            row = connection.execute(
                "INSERT INTO images (name, reference, relative, inside, shape, dtype, axes, alpha, pixel_y, pixel_x, "
                "unit, fingerprint, corrected_axes, chosen_channels, pixel_z) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (image.name, str(path), self._relative(path), int(file is None), json.dumps(list(image.pixels.shape)),
                 np.dtype(image.pixels.dtype).str, image.axes, int(image.alpha), size.y, size.x,
                 size.unit, fingerprint, corrected, json.dumps(joining.chosen), size.z),
            ).fetchone()  # fmt: skip
        return self.get(row[0])

    def open(self, image_id: int) -> Image:
        """Open an image itself; its pixels are read lazily.

        Raises
        ------
        UserError
            NU-P04 when the file is gone, NU-P06 when it is another image now.
        """
        return open_recorded(self.get(image_id))

    def set_pixel_size(self, image_id: int, pixel_size: PixelSize) -> None:
        """Correct the pixel size of an image; its file stays as it is. Who has it open opens it anew.

        Without a distance between slices, the one that is known stays where the unit does.

        Raises
        ------
        UserError
            NU-I30 when it is no length above 0 in a unit of ``PIXEL_UNITS``.
        """
        record = self.get(image_id)
        refuse_pixel_size(pixel_size, record.name)
        size = with_slice_distance(pixel_size, record.pixel_size)
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE images SET pixel_y = ?, pixel_x = ?, unit = ?, pixel_z = ? WHERE id = ?",
                (size.y, size.x, size.unit, size.z, image_id),
            )

    def set_axes(self, image_id: int, axes: str) -> None:
        """Correct the names of the axes of an image on which nothing is painted, one letter each as in ``Image``.

        Those of all images like it on which nothing is painted become the same, and of those that join the project
        later. They stay the images that they were: added again as the file says, they are known. Who has them open
        opens them anew.

        Raises
        ------
        UserError
            NU-I32 when they do not fit, NU-I33 when strokes or test areas lie on its planes, NU-I09 when other images
            that are painted on have another number of channels.
        """
        record = self.get(image_id)
        corrected = replace(record, axes=corrected_axes(record, axes))
        self.refuse_painted(record)
        self.refuse_other_channels(record.name, replace(corrected, chosen=()).channels, image_id)
        alike = self._unpainted(lambda other: is_like(other, corrected))
        with self._database.transaction() as connection:
            newest = self._database.newest_revision()
            for other in alike:
                forget_painted(connection, other)  # blank tiles of strokes that were undone lie on the planes of before
            renew_revision(connection, newest)
            connection.executemany(
                "UPDATE images SET corrected_axes = ?, chosen_channels = '[]' WHERE id = ?",
                [(corrected.axes, other) for other in alike],
            )
        for other in alike:
            self._planes.drop_image(other)

    def set_channels(self, image_id: int, chosen: Sequence[int | np.integer]) -> None:
        """Choose the channels that a network sees of an image on which nothing is painted, counted from 0.

        The same are chosen of all other images with as many channels on which nothing is painted, and of those that
        join the project later. Who has them open opens them anew.

        Raises
        ------
        UserError
            NU-I34 when nothing is chosen or it is not there, NU-I33 when strokes or test areas lie on the image, NU-I09
            when other images that are painted on have another number of channels.
        """
        record = self.get(image_id)
        corrected = replace(record, chosen=chosen_channels(record, chosen))
        self.refuse_painted(record)
        self.refuse_other_channels(record.name, corrected.channels, image_id)
        alike = self._unpainted(lambda other: other.all_channels == record.all_channels)
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE images SET chosen_channels = ? WHERE id = ?",
                [(json.dumps(corrected.chosen), other) for other in alike],
            )

    def remove(self, image_id: int) -> None:
        """Take an image out of the project, with its strokes, test areas and all else that lies on it, for good.

        Its file stays as it is, a copy of its pixels in the project's folder too. Added again, it is a new image.

        Raises
        ------
        UserError
            NU-P05 when there is no such image, NU-P07 when the disk refuses, NU-P11 in a read-only project.
        """
        self.get(image_id)
        with self._database.transaction() as connection:
            newest = self._database.newest_revision()
            forget_painted(connection, image_id)
            connection.execute("DELETE FROM images WHERE id = ?", (image_id,))
            renew_revision(connection, newest)
        self._planes.drop_image(image_id)

    def relocate(self, image_id: int, path: Path | str) -> None:
        """Point to where an image file lies now.

        Raises
        ------
        UserError
            NU-P05 when there is no such image.
        """
        self.get(image_id)
        path = Path(path)
        inside = path.resolve().is_relative_to(self._database.folder.resolve())
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE images SET reference = ?, relative = ?, inside = ? WHERE id = ?",
                (str(path.absolute()), self._relative(path.absolute()), int(inside), image_id),
            )

    @damage_told
    def channels(self) -> int | None:
        """Return the number of channels of the first image, or None in an empty project."""
        row = self._database.execute(f"{SELECT_IMAGES} ORDER BY id LIMIT 1").fetchone()
        return None if row is None else image_record(row, self._database.folder).channels

    def _unpainted(self, is_alike: Callable[[ImageRecord], bool]) -> list[int]:
        """Return the ids of the images of some kind on which nothing is painted."""
        return [record.id for record in self.all() if is_alike(record) and not self.is_painted(record.id)]

    @damage_told
    def is_painted(self, image_id: int) -> bool:
        """Tell whether strokes or test areas lie on an image."""
        areas = "SELECT 1 FROM test_areas WHERE image_id = ? AND areas != '[]' LIMIT 1"
        return self._holds_strokes(image_id) or self._database.execute(areas, (image_id,)).fetchone() is not None

    def refuse_painted(self, image: ImageRecord) -> None:
        """Refuse to change the axes and channels of an image that is painted on.

        Raises
        ------
        UserError
            NU-I33
        """
        if self.is_painted(image.id):
            what = "its axes and channels cannot be others while something is painted on it"
            fix = "erase its strokes and rectangles first, or add it to a new project and correct it there"
            raise UserError("NU-I33", what, image.name, fix)

    @damage_told
    def refuse_other_channels(self, name: str, channels: int, own_id: int | None = None) -> None:
        """Refuse an image to paint on that has other channels than those that are painted on.

        Parameters
        ----------
        name : of the image
        channels : how many a network would see of it
        own_id : of the image, which may be painted on itself; None for a new one

        Raises
        ------
        UserError
            NU-I09
        """
        # A project may have thousands of images, but few kinds of them: one of each is looked at.
        kind = "shape, axes, alpha, corrected_axes, chosen_channels"
        painted = "id IS NOT :own AND EXISTS (SELECT 1 FROM tiles WHERE image_id = images.id)"
        kinds = f"{SELECT_IMAGES} WHERE {painted} GROUP BY {kind}"
        for row in self._database.execute(kinds, {"own": own_id}).fetchall():
            other = image_record(row, self._database.folder)
            if other.channels == channels:
                continue
            same = f"SELECT id FROM images WHERE {painted} AND ({kind}) = (SELECT {kind} FROM images WHERE id = :one)"  # noqa: S608
            ids = self._database.execute(same, {"own": own_id, "one": other.id}).fetchall()
            if any(self._holds_strokes(each) for (each,) in ids):
                raise unlike_channels(name, channels, other.channels)

    @damage_told
    def _holds_strokes(self, image_id: int) -> bool:
        """Tell whether something is painted, not painted and undone: then tiles are stored, but blank."""
        query = "SELECT DISTINCT height, width, crc FROM tiles WHERE image_id = ?"
        tiles = self._database.execute(query, (image_id,))
        return any(crc != zlib.crc32(bytes(height * width)) for height, width, crc in tiles)

    def _copy_pixels(self, image: Image, fingerprint: str) -> Path:
        path = self._database.folder / "images" / f"{fingerprint[:16]}.npy"
        storage.replace_file(path, lambda temporary: fill_npy(temporary, np.asarray(image.pixels)))
        return path

    def _relative(self, path: Path) -> str:
        try:
            return Path(os.path.relpath(path, self._database.folder)).as_posix()
        except ValueError:  # another drive on Windows
            return ""
