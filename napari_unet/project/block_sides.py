"""Store on which side of the split each block and class of an image lies."""

import json
import sqlite3

import numpy as np
from jaxtyping import UInt8

from napari_unet.config import DEFAULT_SETTINGS
from napari_unet.images.tiled_plane import TILE
from napari_unet.project.split import BLOCK, Block, BlockSide, classes_by_block, is_candidate
from napari_unet.project.stored_tiles import TileKey

_BLOCKS_A_TILE = TILE // BLOCK
_WAITING = 2  # in the place of 0 and 1: imported labels in a test area, which have no side before the area is gone
_DECIDE = """INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (image_id, plane, block_row, block_column, class_id)
    DO UPDATE SET held_out = excluded.held_out WHERE held_out = 2"""


def sides_of(connection: sqlite3.Connection, image_id: int) -> list[BlockSide]:
    """Read the split of one image."""
    rows = connection.execute(
        "SELECT plane, block_row, block_column, class_id, held_out FROM blocks WHERE image_id = ? AND held_out != ?",
        (image_id, _WAITING),
    )
    return [BlockSide(Block(p, r, c), k, bool(h)) for p, r, c, k, h in rows]


def hold_out(
    connection: sqlite3.Connection,
    key: TileKey,
    labels: UInt8[np.ndarray, "h w"],
    fingerprint: str,
    *,
    imported: bool = False,
) -> None:
    """Decide, once and for ever, the side of every block and class that this tile paints for the first time.

    Strokes of the hand are trained on unless the setting ``hold_out`` asks for a part of them, for each was painted to
    be learned; of ``imported`` labels there are enough, and a part is always held out. Which, the hash of the position
    decides; only a class that nothing is trained on yet takes the block that holds most of it for training, so that a
    first short stroke always teaches something, even where a buffer zone takes a part of it. So it is with labels that
    were imported into a test area, once they are out of it. The caller holds the transaction.
    """
    is_wanted = imported or _is_wanted(connection)
    for block, class_id in classes_by_block(labels, key.plane, key.row * _BLOCKS_A_TILE, key.column * _BLOCKS_A_TILE):
        held = is_candidate(fingerprint, block) and _is_trained(connection, class_id)
        held = held and (is_wanted or _is_waiting(connection, key.image_id, block, class_id))
        connection.execute(_DECIDE, (key.image_id, *block, class_id, int(held)))


def wait(connection: sqlite3.Connection, key: TileKey, labels: UInt8[np.ndarray, "h w"]) -> None:
    """Note that these labels of a tile, which lie in test areas, were imported; ``hold_out`` decides on them later."""
    for block, class_id in classes_by_block(labels, key.plane, key.row * _BLOCKS_A_TILE, key.column * _BLOCKS_A_TILE):
        row = (key.image_id, *block, class_id, _WAITING)
        connection.execute("INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?, ?, ?)", row)


def keep_for_training(
    connection: sqlite3.Connection, image_id: int, plane: int, labels: UInt8[np.ndarray, "h w"], origin: tuple[int, int]
) -> None:
    """Decide that every block and class of these labels that has no side yet is trained on, whatever its hash says.

    ``labels`` begin at row and column ``origin``. The caller holds the transaction.
    """
    rows, columns = (start % BLOCK for start in origin)
    aligned = np.pad(labels, ((rows, 0), (columns, 0)))
    first = (origin[0] // BLOCK, origin[1] // BLOCK)
    connection.executemany(
        _DECIDE,
        [(image_id, *block, class_id, 0) for block, class_id in classes_by_block(aligned, plane, *first)],
    )


def _is_wanted(connection: sqlite3.Connection) -> bool:
    stored = connection.execute("SELECT value FROM settings WHERE name = 'hold_out'").fetchone()
    # Compared as text: a damaged setting, which reading the settings tells, must lose no stroke.
    return DEFAULT_SETTINGS.hold_out if stored is None else stored[0] == json.dumps(True)


def _is_waiting(connection: sqlite3.Connection, image_id: int, block: Block, class_id: int) -> bool:
    query = """SELECT 1 FROM blocks WHERE held_out = ? AND image_id = ? AND plane = ? AND block_row = ?
        AND block_column = ? AND class_id = ?"""
    return connection.execute(query, (_WAITING, image_id, *block, class_id)).fetchone() is not None


def _is_trained(connection: sqlite3.Connection, class_id: int) -> bool:
    query = "SELECT 1 FROM blocks WHERE class_id = ? AND held_out = 0 LIMIT 1"
    return connection.execute(query, (class_id,)).fetchone() is not None
