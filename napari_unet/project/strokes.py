"""The strokes of a project: what the user painted, committed plane by plane."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from napari_unet.errors import UserError
from napari_unet.images.tiled_plane import TilePlace
from napari_unet.images.tiles import Region
from napari_unet.project import kept_strokes, unsaved_strokes
from napari_unet.project.block_sides import hold_out, keep_for_training, sides_of
from napari_unet.project.classes import Classes
from napari_unet.project.damage import damage_told
from napari_unet.project.database import Database
from napari_unet.project.image_record import ImageRecord, read_image_record
from napari_unet.project.split import BlockSide, held_out_pixels, learnable
from napari_unet.project.stored_planes import StoredPlanes
from napari_unet.project.stored_tiles import DamagedTile, TileKey, all_tiles, changed_tiles, read_tiles, write_tile
from napari_unet.project.test_areas import TestAreas


class Strokes:
    """Commit strokes and read them back.

    Parameters
    ----------
    database : of the project
    planes : stored strokes that are held in memory
    classes, test_areas : of the same project
    """

    def __init__(self, database: Database, planes: StoredPlanes, classes: Classes, test_areas: TestAreas) -> None:
        self._database = database
        self._planes = planes
        self._classes = classes
        self._test_areas = test_areas
        self._counts: dict[int, Int64[np.ndarray, 256]] | None = None  # by image

    @property
    @damage_told
    def revision(self) -> int:
        """Return a number that grows with every committed change of strokes or test areas; 0 before the first."""
        return self._database.newest_revision()

    @damage_told
    def plane(self, image_id: int, plane: int, region: Region | None = None) -> UInt8[np.ndarray, "h w"]:
        """Return a copy of the stored strokes of a plane, or of a region inside it: 0 unlabelled, else the class id."""
        stored = self._planes.get(image_id, plane)
        return stored[:] if region is None else stored[region.slices]

    @damage_told
    def newer_tiles(self, image_id: int, plane: int, since: int) -> dict[TilePlace, UInt8[np.ndarray, "_ _"]]:
        """Return the stored tiles of a plane that changed after a revision; damaged ones are left out."""
        shape = read_image_record(self._database, image_id).annotation_shape[-2:]
        tiles = read_tiles(self._database.connection, image_id, plane, shape, since)
        whole = (tile for tile in tiles if not isinstance(tile, DamagedTile))
        return {TilePlace(key.row, key.column): labels for key, labels in whole}

    def commit(
        self, image_id: int, plane: int, labels: UInt8[np.ndarray, "h w"], region: Region | None = None
    ) -> list[tuple[int, int]]:
        """Make the stored strokes of a plane equal to ``labels`` in one transaction.

        With a ``region`` inside the plane, ``labels`` are those of the region, and strokes elsewhere stay. When this
        returns, a kill of the process loses nothing of it.

        Returns
        -------
        Rows and columns of the tiles that changed.

        Raises
        ------
        UserError
            NU-A07 shape other than the plane's or the region's, NU-P07 the disk does not take it.
        """
        stored = self._planes.get(image_id, plane)
        region = Region(0, 0, *stored.shape) if region is None else region
        record = read_image_record(self._database, image_id)
        if labels.shape != region.shape:
            what = f"strokes of shape {labels.shape} do not fit the plane's {region.shape}"
            raise UserError("NU-A07", what, record.name, "paint on a layer of the image's size")
        changed = changed_tiles(stored, labels, region)
        if not changed:
            return []
        # Before the write, or the change would count twice.
        counts = self._counted().setdefault(image_id, np.zeros(256, np.int64))
        areas = self._test_areas.of(image_id).get(plane, ())
        with self._database.transaction() as connection:
            revision = self._database.newest_revision() + 1
            for place, tile in changed.items():
                key = TileKey(image_id, plane, *place)
                write_tile(connection, key, tile, revision)
                hold_out(connection, key, learnable(stored.area(place), tile, areas), record.fingerprint)
        for place, tile in changed.items():
            before = stored.tile(place)
            counts += np.bincount(tile.ravel(), minlength=256) - np.bincount(before.ravel(), minlength=256)
            stored.tiles[place] = tile
        self._planes.put(image_id, plane, stored)
        return [*changed]

    def keep_elsewhere(
        self, image: ImageRecord, planes: Mapping[int, UInt8[np.ndarray, "h w"]], region: Region | None = None
    ) -> Path:
        """Write what of these labels is not saved outside of the project, which takes it back when it is opened.

        They are those of a region, or of whole planes.

        Raises
        ------
        UserError
            NU-P22 when no place takes it.
        """
        region = Region(0, 0, *image.annotation_shape[-2:]) if region is None else region
        unsaved = [
            unsaved_strokes.unsaved_plane(image.fingerprint, plane, region, self.plane(image.id, plane, region), labels)
            for plane, labels in planes.items()
        ]
        return unsaved_strokes.keep(unsaved_strokes.UnsavedStrokes(str(self._database.folder), tuple(unsaved)))

    def acceptable(
        self,
        image_id: int,
        plane: int,
        predicted: UInt8[np.ndarray, "h w"],
        region: Region | None = None,
        *,
        repaint: bool = False,
    ) -> UInt8[np.ndarray, "h w"]:
        """Return those of the predicted labels that may be painted as the user's own.

        A network that is scored on what it predicted itself agrees with itself. So test areas and blocks that are held
        out take no predicted label, and the others that this touches are trained on for ever. What is painted already
        stays, unless it is to be repainted. ``predicted`` is that of a ``region`` inside the plane, or of all of it.
        """
        stored = self._planes.get(image_id, plane)
        region = Region(0, 0, *stored.shape) if region is None else region
        kept = np.isin(predicted, [label.id for label in self._classes.all()])
        if not repaint:
            kept &= stored[region.slices] == 0
        labels = np.where(kept, predicted, 0).astype(np.uint8)
        origin = (region.y0, region.x0)
        labels[held_out_pixels(labels, plane, self.sides(image_id), origin=origin)] = 0
        labels = learnable(region, labels, self._test_areas.of(image_id).get(plane, ()))
        with self._database.transaction() as connection:
            keep_for_training(connection, image_id, plane, labels, origin)
        return labels

    @damage_told
    def labelled_pixels(self) -> dict[int, int]:
        """Return the number of painted pixels per class over all images."""
        counts = sum(self._counted().values(), np.zeros(256, np.int64))
        return {label.id: int(counts[label.id]) for label in self._classes.all()}

    @damage_told
    def labelled_pixels_by_image(self) -> dict[int, int]:
        """Return the number of painted pixels per image id over all classes; images without any are left out."""
        ids = [label.id for label in self._classes.all()]
        return {image_id: int(total) for image_id, c in self._counted().items() if (total := c[ids].sum())}

    @damage_told
    def painted_planes(self, image_id: int) -> list[int]:
        """Return the planes of an image that were ever painted on."""
        query = "SELECT DISTINCT plane FROM tiles WHERE image_id = ? ORDER BY 1"
        return [row[0] for row in self._database.execute(query, (image_id,))]

    @damage_told
    def changed_planes(self, since: int) -> list[tuple[int, int]]:
        """Return (image id, plane) of every painted plane with newer strokes or test areas, which are read anew."""
        rows = self._database.execute(
            "SELECT image_id, plane FROM tiles WHERE revision > :since UNION SELECT image_id, plane FROM test_areas "
            "JOIN tiles USING (image_id, plane) WHERE test_areas.revision > :since ORDER BY 1, 2",
            {"since": since},
        ).fetchall()
        for image_id, plane in rows:
            self._planes.drop(image_id, plane)
        return rows

    @damage_told
    def sides(self, image_id: int) -> list[BlockSide]:
        """Return which blocks of an image are held out."""
        return sides_of(self._database.connection, image_id)

    def keep_stroke(
        self,
        image_id: int,
        plane: int,
        class_id: int,
        pixels: Bool[np.ndarray, "h w"],
        origin: tuple[int, int] = (0, 0),
    ) -> None:
        """Remember that these pixels, which begin at row and column ``origin``, are right, whatever a network says."""
        with self._database.transaction() as connection:
            kept_strokes.keep_stroke(connection, image_id, plane, class_id, pixels, origin)

    @damage_told
    def kept_labels(self, image_id: int, plane: int, region: Region | None = None) -> UInt8[np.ndarray, "h w"]:
        """Return the class id of each pixel of a plane, or of a region inside it, that was kept; 0 elsewhere."""
        whole = Region(0, 0, *read_image_record(self._database, image_id).annotation_shape[-2:])
        return kept_strokes.kept_labels(self._database.connection, image_id, plane, region or whole)

    @damage_told
    def kept_planes(self, image_id: int) -> list[int]:
        """Return the planes of an image on which strokes were kept."""
        query = "SELECT DISTINCT plane FROM kept_strokes WHERE image_id = ? ORDER BY 1"
        return [row[0] for row in self._database.execute(query, (image_id,))]

    @damage_told
    def damaged_tiles(self) -> list[DamagedTile]:
        """Return every stored tile whose bytes are not those that were written."""
        found = []
        for image_id, plane in self._database.execute("SELECT DISTINCT image_id, plane FROM tiles").fetchall():
            shape = read_image_record(self._database, image_id).annotation_shape[-2:]
            tiles = read_tiles(self._database.connection, image_id, plane, shape)
            found += [tile for tile in tiles if isinstance(tile, DamagedTile)]
        return found

    def _counted(self) -> dict[int, Int64[np.ndarray, "256"]]:
        if self._counts is None:
            self._counts = {}
            for image_id, part in all_tiles(self._database.connection):
                counts = self._counts.setdefault(image_id, np.zeros(256, np.int64))
                counts += np.bincount(part.ravel(), minlength=256)
        return self._counts
