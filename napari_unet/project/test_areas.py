"""Rectangles that the user sets apart for testing: what is painted in them is never trained on."""

import json
from collections.abc import Sequence

import msgspec

from napari_unet.errors import UserError
from napari_unet.images.tiles import Region
from napari_unet.project.area_checks import AreaChecks
from napari_unet.project.block_sides import hold_out
from napari_unet.project.damage import damage_told
from napari_unet.project.database import Database
from napari_unet.project.image_record import read_image_record
from napari_unet.project.split import learnable
from napari_unet.project.stored_planes import StoredPlanes
from napari_unet.project.stored_tiles import TileKey

MOST_AREAS = 1000  # of a plane; every tile that is cut out of it looks at each


class TestAreas:
    """Read and replace the test areas of a project.

    Parameters
    ----------
    database : of the project
    planes : its stored strokes

    Attributes
    ----------
    checks : what is known of those that were proposed
    """

    __test__ = False  # pytest takes every class that is called Test... for tests

    def __init__(self, database: Database, planes: StoredPlanes) -> None:
        self.checks = AreaChecks(database)
        self._database = database
        self._planes = planes

    @damage_told
    def of(self, image_id: int) -> dict[int, tuple[Region, ...]]:
        """Return the test areas of an image by plane, in pixels."""
        rows = self._database.execute(
            "SELECT plane, areas FROM test_areas WHERE image_id = ? AND areas != '[]' ORDER BY plane", (image_id,)
        )
        return {plane: _regions(plane, areas) for plane, areas in rows}

    def replace(self, image_id: int, plane: int, areas: Sequence[Region]) -> bool:
        """Replace the test areas of a plane by these, cut at its rim, in one transaction.

        What is painted in them, before or after, is not trained on until the area is gone.

        Raises
        ------
        UserError
            NU-A17 for more than ``MOST_AREAS``.

        Returns
        -------
        Whether they are others now.
        """
        stored = self._planes.get(image_id, plane)
        wanted = sorted({area.clipped(*stored.shape) for area in areas})
        wanted = [area for area in wanted if 0 not in area.shape]
        if len(wanted) > MOST_AREAS:
            what = f"{len(wanted)} test areas in plane {plane}, and a plane holds {MOST_AREAS} at most"
            raise UserError("NU-A17", what, str(self._database.folder), "draw fewer and larger ones")
        if wanted == sorted(self.of(image_id).get(plane, ())):
            return False
        fingerprint = read_image_record(self._database, image_id).fingerprint
        packed = json.dumps([[area.y0, area.x0, area.y1, area.x1] for area in wanted])
        with self._database.transaction() as connection:
            # A plane without areas keeps its row: its revision tells a reader that they are gone.
            row = (image_id, plane, self._database.newest_revision() + 1, packed)
            connection.execute("INSERT OR REPLACE INTO test_areas VALUES (?, ?, ?, ?)", row)
            # Strokes that were in an area until now have no side of the split yet.
            for place, tile in sorted(stored.tiles.items()):
                key = TileKey(image_id, plane, *place)
                hold_out(connection, key, learnable(stored.area(place), tile, wanted), fingerprint)
        return True


def _regions(plane: int, stored: str) -> tuple[Region, ...]:
    """Return stored areas, or raise a ValueError or ValidationError where they are no rectangles in whole pixels."""
    areas = msgspec.json.decode(stored, type=list[tuple[int, int, int, int]])
    if len(areas) > MOST_AREAS:
        raise ValueError(f"{len(areas)} test areas in plane {plane}")
    return tuple(Region(*area) for area in areas)
