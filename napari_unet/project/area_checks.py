"""Test areas that the program proposed and filled with its prediction, for the user to correct."""

import math
import zlib
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import UInt8

from napari_unet.images.tiles import Region
from napari_unet.project.damage import damage_told
from napari_unet.project.database import Database

Origin = Literal["random", "unsure"]
MOST_PIXELS = 2**22  # of an area that is proposed; far more than anybody corrects by hand


class AreaCheck(NamedTuple):
    """Tell what is known of a test area that was proposed.

    Attributes
    ----------
    origin : "random" for a place drawn at random, "unsure" for the one where the network was least sure
    filled : class ids that the network predicted there when the area was made
    is_done : the user has said that every pixel in it is right
    """

    plane: int
    region: Region
    origin: Origin
    filled: UInt8[np.ndarray, "h w"]
    is_done: bool

    @property
    def counts(self) -> bool:
        """Tell whether the area counts for the Dice to publish: places chosen for their errors would lower it."""
        return self.is_done and self.origin == "random"

    def changed(self, labels: UInt8[np.ndarray, "h w"]) -> int:
        """Count the pixels of the area that are labelled otherwise than they were filled."""
        return int((labels != self.filled).sum())


class AreaChecks:
    """Read and write which test areas were proposed, with what they were filled, and which of them are done.

    A check belongs to the test area of exactly its pixels; where that is gone or was moved, the check counts nowhere.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @damage_told
    def of(self, image_id: int) -> tuple[AreaCheck, ...]:
        """Return the checks of an image, in the order of their planes and places."""
        query = (
            "SELECT plane, y0, x0, y1, x1, origin, filled, done FROM area_checks WHERE image_id = ? ORDER BY 1, 2, 3"
        )
        return tuple(_check(row) for row in self._database.execute(query, (image_id,)))

    @damage_told
    def image_ids(self) -> list[int]:
        """Return the images that have any."""
        return [row[0] for row in self._database.execute("SELECT DISTINCT image_id FROM area_checks ORDER BY 1")]

    def add(self, image_id: int, check: AreaCheck) -> None:
        """Remember a check, in the place of an older one of the same pixels."""
        region = check.region
        packed = zlib.compress(np.ascontiguousarray(check.filled).tobytes())
        row = (image_id, check.plane, region.y0, region.x0, region.y1, region.x1, check.origin, packed, check.is_done)
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO area_checks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def finish(self, image_id: int, plane: int, region: Region) -> None:
        """Remember that every pixel of an area is right; who reads the plane by its revision sees that."""
        with self._database.transaction() as connection:
            where = (image_id, plane, region.y0, region.x0, region.y1, region.x1)
            connection.execute(f"UPDATE area_checks SET done = 1 {_SAME}", where)  # noqa: S608 - our text
            newest = self._database.newest_revision() + 1
            query = "UPDATE test_areas SET revision = ? WHERE image_id = ? AND plane = ?"
            connection.execute(query, (newest, image_id, plane))

    def remove(self, image_id: int, plane: int, region: Region) -> None:
        """Forget a check."""
        where = (image_id, plane, region.y0, region.x0, region.y1, region.x1)
        with self._database.transaction() as connection:
            connection.execute(f"DELETE FROM area_checks {_SAME}", where)  # noqa: S608 - our text


_SAME = "WHERE image_id = ? AND plane = ? AND y0 = ? AND x0 = ? AND y1 = ? AND x1 = ?"


def _check(row: Sequence[object]) -> AreaCheck:
    """Make a check of a row, or raise a ValueError or TypeError where no version has written it."""
    plane, y0, x0, y1, x1, origin, packed, done = row
    region = Region(y0, x0, y1, x1)  # type: ignore[arg-type]  # integers, by the table
    size = math.prod(region.shape)
    if origin not in get_args(Origin) or min(region.shape) < 1 or size > MOST_PIXELS:
        raise ValueError(f"a check of {region.shape} pixels from {origin!r}")
    raw = zlib.decompressobj().decompress(packed, size + 1)  # type: ignore[arg-type]  # bytes, by the table
    if len(raw) != size:
        raise ValueError(f"a check of {region.shape} pixels in {len(raw)} bytes")
    filled = np.frombuffer(raw, np.uint8).reshape(region.shape)
    return AreaCheck(plane, region, origin, filled, bool(done))  # type: ignore[arg-type]  # an integer, by the table
