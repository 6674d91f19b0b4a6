"""Rectangles that the user sets apart for testing: what is painted in them is never trained on."""

import json
import sqlite3
from collections.abc import Sequence

from napari_unet.images.tiles import Region


def areas_of(connection: sqlite3.Connection, image_id: int) -> dict[int, tuple[Region, ...]]:
    """Test areas of an image by plane, in pixels."""
    rows = connection.execute(
        "SELECT plane, areas FROM test_areas WHERE image_id = ? AND areas != '[]' ORDER BY plane", (image_id,)
    )
    return {plane: tuple(Region(*area) for area in json.loads(areas)) for plane, areas in rows}


def write_areas(
    connection: sqlite3.Connection, image_id: int, plane: int, areas: Sequence[Region], revision: int
) -> None:
    """Replace the areas of a plane; the caller holds the transaction."""
    packed = json.dumps([[area.y0, area.x0, area.y1, area.x1] for area in areas])
    # A plane without areas keeps its row: its revision tells a reader that they are gone.
    connection.execute("INSERT OR REPLACE INTO test_areas VALUES (?, ?, ?, ?)", (image_id, plane, revision, packed))
