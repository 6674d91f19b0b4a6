"""Commit the strokes of a project plane by plane, and read them back."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, Shaped, UInt8

from napari_unet.errors import UserError
from napari_unet.images.tiled_plane import TilePlace
from napari_unet.images.tiles import Region
from napari_unet.project import kept_strokes
from napari_unet.project.block_sides import hold_out, keep_for_training, sides_of, wait
from napari_unet.project.classes import Classes
from napari_unet.project.damage import damage_told
from napari_unet.project.database import Database
from napari_unet.project.image_record import ImageRecord, read_image_record
from napari_unet.project.label_values import as_labels, refuse_unknown
from napari_unet.project.split import BlockSide, held_out_blocks, learnable
from napari_unet.project.stored_planes import StoredPlanes
from napari_unet.project.stored_tiles import DamagedTile, TileKey, all_tiles, changed_tiles, read_tiles, write_tile
from napari_unet.project.test_areas import TestAreas

_FEW = 8  # numbers that are counted sooner one after the other than all at once

Source = Literal["hand", "import", "prediction"]


class Committed(NamedTuple):
    """Tell what a commit did.

    Attributes
    ----------
    tiles : rows and columns of the tiles that changed
    labels : those that were taken of the ones handed over, 0 elsewhere
    """

    tiles: list[TilePlace]
    labels: UInt8[np.ndarray, "h w"]


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
        self,
        image_id: int,
        plane: int,
        labels: Shaped[np.ndarray, "h w"],
        region: Region | None = None,
        *,
        source: Source = "hand",
        repaint: bool = False,
    ) -> Committed:
        """Store strokes of a plane, or of a ``region`` inside it, in one transaction; strokes elsewhere stay.

        When this returns, a kill of the process loses nothing of it.

        What the user painted or imported is stored as it is: the strokes equal ``labels`` afterwards. A prediction is
        taken over only in part, because a network that is scored on what it predicted itself agrees with itself. Test
        areas and blocks that are held out take no predicted label, and the other blocks that it touches are trained on
        for ever.

        Parameters
        ----------
        labels : 0 unlabelled, else the class id; of a prediction 0 where nothing is to be taken over
        source : says whose labels they are, the user's ("hand"), those of a file or another program ("import"), of
            which a part is held out, or the network's ("prediction")
        repaint : let a prediction replace what is painted; what it may not replace is erased

        Raises
        ------
        UserError
            NU-A02 to NU-A04 for numbers that are no class ids, NU-A12 for those without a class, NU-A07 for a shape
            other than the plane's or the region's, NU-P07 when the disk does not take it.
        """
        labels = np.asarray(labels)  # scripts may give a list of lists
        stored = self._planes.get(image_id, plane)
        region = Region(0, 0, *stored.shape) if region is None else region
        record = read_image_record(self._database, image_id)
        if labels.shape != region.shape:
            what = f"strokes of shape {labels.shape} do not fit the plane's {region.shape}"
            raise UserError("NU-A07", what, record.name, "paint on a layer of the image's size")
        taken = wanted = as_labels(labels, record.name)
        predicted = source == "prediction"
        if predicted:
            before = stored[region.slices]
            taken = self._may_be_taken(record, plane, taken, region, before if not repaint else None)
            wanted = np.where(taken > 0, taken, np.where((wanted > 0) & repaint, 0, before)).astype(np.uint8)
        changed = changed_tiles(stored, wanted, region)
        if changed:
            prediction = (taken, region) if predicted else None
            self._write(record, plane, changed, prediction, imported=source == "import")
        return Committed([*changed], taken)

    @contextmanager
    def together(self) -> Iterator[sqlite3.Connection]:
        """Store all commits of the block, and what else it writes through the connection, or nothing of it."""
        try:
            with self._database.transaction() as connection:
                yield connection
        except BaseException:
            self._planes.counts = None
            for (image_id,) in self._database.execute("SELECT id FROM images").fetchall():
                self._planes.drop_image(image_id)
            raise

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

    def _may_be_taken(
        self,
        record: ImageRecord,
        plane: int,
        predicted: UInt8[np.ndarray, "h w"],
        region: Region,
        painted: UInt8[np.ndarray, "h w"] | None,
    ) -> UInt8[np.ndarray, "h w"]:
        """Return the predicted labels that may become strokes: none on what is ``painted`` or only scores."""
        taken = np.isin(predicted, [label.id for label in self._classes.all()])
        if painted is not None:
            taken &= painted == 0
        labels = np.where(taken, predicted, 0).astype(np.uint8)
        # All of a block, for labels of other classes would have it trained on around what is held out there.
        for _, block in held_out_blocks(plane, self.sides(record.id), (region.y0, region.x0)):
            labels[block.clipped(*labels.shape).slices] = 0
        return learnable(region, labels, self._test_areas.of(record.id).get(plane, ()))

    def _write(
        self,
        record: ImageRecord,
        plane: int,
        changed: dict[TilePlace, UInt8[np.ndarray, "_ _"]],
        prediction: tuple[UInt8[np.ndarray, "h w"], Region] | None,
        *,
        imported: bool,
    ) -> None:
        """Write changed tiles; blocks of a ``prediction``, given as labels of a region, are trained on for ever."""
        stored = self._planes.get(record.id, plane)
        # Counted before the write, or the change would count twice.
        counts = self._counted().setdefault(record.id, np.zeros(256, np.int64))
        more = sum((_counts(tile) - _counts(stored.tile(place)) for place, tile in changed.items()), 0 * counts)
        refuse_unknown(more, self._classes.ids_ever(), record.name)
        areas = self._test_areas.of(record.id).get(plane, ())
        with self._database.transaction() as connection:
            if prediction is not None:
                taken, region = prediction
                keep_for_training(connection, record.id, plane, taken, (region.y0, region.x0))
            revision = self._database.newest_revision() + 1
            for place, tile in changed.items():
                key = TileKey(record.id, plane, *place)
                write_tile(connection, key, tile, revision)
                labels = learnable(stored.area(place), tile, areas)
                hold_out(connection, key, labels, record.fingerprint, imported=imported)
                if imported:
                    wait(connection, key, np.where(labels > 0, 0, tile).astype(np.uint8))
        counts += more
        stored.tiles.update(changed)
        self._planes.put(record.id, plane, stored)

    def _counted(self) -> dict[int, Int64[np.ndarray, "256"]]:
        if self._planes.counts is None:
            self._planes.counts = {}
            for image_id, part in all_tiles(self._database.connection):
                counts = self._planes.counts.setdefault(image_id, np.zeros(256, np.int64))
                counts += _counts(part)
        return self._planes.counts


def _counts(labels: UInt8[np.ndarray, "_ _"]) -> Int64[np.ndarray, "256"]:
    highest = int(labels.max(initial=0))
    if highest > _FEW:
        return np.bincount(labels.ravel(), minlength=256)
    counts = np.zeros(256, np.int64)
    counts[1 : highest + 1] = [np.count_nonzero(labels == number) for number in range(1, highest + 1)]
    counts[0] = labels.size - counts.sum()
    return counts
