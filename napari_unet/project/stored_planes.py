"""Hold the stored strokes of whole planes in memory as long as there is room."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int64, UInt8

from napari_unet import storage
from napari_unet.errors import UserError
from napari_unet.images.recently_used import RecentlyUsed
from napari_unet.images.tiled_plane import TiledPlane, TilePlace
from napari_unet.project.database import Database
from napari_unet.project.image_record import read_image_record
from napari_unet.project.stored_tiles import DamagedTile, TileKey, read_tiles, write_tile

_HELD_BYTES = 128 * 2**20  # of planes kept unpacked


class StoredPlanes:
    """Read the strokes of planes from the database and hold those that were used last.

    Parameters
    ----------
    database : of the project
    held_bytes : most memory that unpacked planes may take

    Attributes
    ----------
    counts : painted pixels of each class, by image id; None until they were counted, and where they may be others
    """

    def __init__(self, database: Database, held_bytes: int = _HELD_BYTES) -> None:
        self._database = database
        self.counts: dict[int, Int64[np.ndarray, 256]] | None = None
        self._held: RecentlyUsed[tuple[int, int], TiledPlane] = RecentlyUsed(held_bytes, lambda stored: stored.nbytes)

    @property
    def held_bytes(self) -> int:
        """Return how much memory the held planes take."""
        return self._held.held_bytes

    def get(self, image_id: int, plane: int) -> TiledPlane:
        """Return the stored strokes of a plane.

        Raises
        ------
        UserError
            NU-P05 when there is no such image, NU-A08 when it has no such plane.
        """
        return self._held.get((image_id, plane), lambda: self._read(image_id, plane))

    def put(self, image_id: int, plane: int, stored: TiledPlane) -> None:
        """Hold a plane that was changed, counted with its new size."""
        self.drop(image_id, plane)
        self._held.get((image_id, plane), lambda: stored)

    def drop(self, image_id: int, plane: int) -> None:
        """Read a plane anew when it is asked for next."""
        self._held.drop((image_id, plane))

    def drop_image(self, image_id: int) -> None:
        """Read every plane of an image anew when it is asked for next; what is counted on it is gone with it."""
        # The other images keep their counts: reading every stroke of a large project again takes seconds.
        if self.counts is not None:
            self.counts.pop(image_id, None)
        for key in self._held:
            if key[0] == image_id:
                self._held.drop(key)

    def set_aside(self, damaged: Sequence[DamagedTile]) -> None:
        """Put blank tiles in the place of damaged ones; their bytes stay in a folder ``damaged-TIME``.

        Blank ones have a new revision. Without them the newest revision might be given a second time, and who reads by
        revision would not see the stroke that gets it.

        Raises
        ------
        UserError
            NU-E01 or NU-P07 when the disk does not take them; they are where they were then.
        """
        project = self._database.folder
        try:
            folder = storage.new_folder_aside(project)
        except OSError as error:
            raise storage.refusal(error, project / "damaged") from error
        for tile in damaged:
            name = "tile-" + "-".join(str(number) for number in tile.key)
            storage.replace_bytes(folder / name, tile.packed)
        with self._database.transaction() as connection:
            revision = self._database.newest_revision() + 1
            connection.executemany(
                "DELETE FROM tiles WHERE image_id = ? AND plane = ? AND tile_row = ? AND tile_column = ?",
                [tile.key for tile in damaged],
            )
            for key, blank in self._blank(damaged):
                write_tile(connection, key, blank, revision)
        what = f"{len(damaged)} annotation tiles were damaged and are shown unlabelled"
        fix = "paint there again, or restore the project from a copy"
        self._database.notices.append(str(UserError("NU-P03", what, f"their bytes are in {folder}", fix)))

    def _blank(self, damaged: Sequence[DamagedTile]) -> Iterator[tuple[TileKey, UInt8[np.ndarray, "h w"]]]:
        """Yield key and pixels of blank tiles for those that lie on their plane."""
        for tile in damaged:
            image_id, plane, row, column = tile.key
            record = read_image_record(self._database, image_id)
            area = TiledPlane(record.annotation_shape[-2:], np.uint8).area(TilePlace(row, column))
            if 0 <= plane < record.planes and min(row, column) >= 0 and min(area.shape) > 0:
                yield tile.key, np.zeros(area.shape, np.uint8)

    def _read(self, image_id: int, plane: int) -> TiledPlane:
        record = read_image_record(self._database, image_id)
        if plane not in range(record.planes):  # scripts may give anything
            what = f"plane {plane!r} is none of 0..{record.planes - 1}"
            raise UserError("NU-A08", what, record.name, "choose a plane of the image")
        stored = TiledPlane(record.annotation_shape[-2:], np.uint8)
        damaged = []
        for tile in read_tiles(self._database.connection, image_id, plane, stored.shape):
            if isinstance(tile, DamagedTile):
                damaged.append(tile)
            else:
                key, labels = tile
                stored.tiles[TilePlace(key.row, key.column)] = labels
        if damaged and not self._database.read_only:
            self.set_aside(damaged)  # before anything can be painted over them
        return stored
