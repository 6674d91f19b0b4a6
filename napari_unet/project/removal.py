"""Take all that was painted on an image out of a project."""

import sqlite3

# What belongs to the planes of an image: strokes, their sides of the split, strokes that were kept, rectangles.
_PAINTED = ("tiles", "blocks", "kept_strokes", "test_areas", "area_checks")


def forget_painted(connection: sqlite3.Connection, image_id: int) -> None:
    """Delete all that lies on the planes of an image. The caller holds the transaction, and renews the revision."""
    for table in _PAINTED:
        connection.execute(f"DELETE FROM {table} WHERE image_id = ?", (image_id,))  # noqa: S608 - our names


def renew_revision(connection: sqlite3.Connection, newest: int) -> None:
    """Give a revision after the one that was the newest before rows were deleted, to the test areas of some image.

    Who reads what came since the last time learns so that something went, and sees the next stroke, which would have an
    old revision. Without any image there is nothing to hold it, and nothing to read. The caller holds the transaction.
    """
    if newest:
        connection.execute(
            "INSERT INTO test_areas (image_id, plane, revision, areas) "
            "SELECT id, 0, ?, '[]' FROM images WHERE true ORDER BY id LIMIT 1 "
            "ON CONFLICT (image_id, plane) DO UPDATE SET revision = excluded.revision",
            (newest + 1,),
        )
