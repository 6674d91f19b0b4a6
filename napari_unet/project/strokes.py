"""Painted pixels in tiles: what changed, packed, stored and read back."""

import sqlite3
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from napari_unet.errors import UserError
from napari_unet.images.tiled_plane import TILE, TiledPlane, TilePlace
from napari_unet.images.tiles import Region
from napari_unet.project.split import BLOCK, Block, BlockSide, classes_by_block, is_candidate

_BLOCKS_A_TILE = TILE // BLOCK


class TileKey(NamedTuple):
    """Where a tile of painted pixels lies; ``row`` and ``column`` count tiles."""

    image_id: int
    plane: int
    row: int
    column: int


def changed_tiles(
    stored: TiledPlane, labels: UInt8[np.ndarray, "h w"], region: Region
) -> dict[TilePlace, UInt8[np.ndarray, "_ _"]]:
    """The tiles that labels of a region change, as they are to be."""
    changed = {}
    for place in stored.places(region):
        area = stored.area(place)
        inside = area.within(region)
        new = labels[inside.seen_from(region).slices]
        part = inside.seen_from(area).slices
        old = stored.tiles.get(place)
        if new.any() if old is None else not np.array_equal(old[part], new):
            changed[place] = stored.tile(place).copy()
            changed[place][part] = new
    return changed


def write_tile(connection: sqlite3.Connection, key: TileKey, labels: UInt8[np.ndarray, "h w"], revision: int) -> None:
    """Replace one tile; the caller holds the transaction."""
    raw = np.ascontiguousarray(labels).tobytes()
    connection.execute(
        "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*key, revision, *labels.shape, zlib.crc32(raw), zlib.compress(raw, 1)),
    )


class DamagedTile(NamedTuple):
    """A stored tile whose bytes are not those that were written."""

    key: TileKey
    packed: bytes

    def __str__(self) -> str:
        fix = "open the project, which sets it aside, and paint there again; or restore it from a copy"
        return str(UserError("NU-P03", f"annotation tile {tuple(self.key)} is damaged", "project.sqlite", fix))


def unpack_tile(height: int, width: int, crc: int, packed: bytes) -> UInt8[np.ndarray, "h w"] | None:
    """Pixels of a stored tile; None when its bytes are not those that were written."""
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed, TILE * TILE)
    except zlib.error:
        return None
    if min(height, width) < 1 or len(raw) != height * width or zlib.crc32(raw) != crc:
        return None
    return np.frombuffer(raw, np.uint8).reshape(height, width)


def hold_out(connection: sqlite3.Connection, key: TileKey, labels: UInt8[np.ndarray, "h w"], fingerprint: str) -> None:
    """Decide, once and for ever, the side of every block and class that this tile paints for the first time.

    The hash of the position decides; only a class that nothing is trained on yet takes the block that holds most of it
    for training, so that a first short stroke always teaches something, even where a margin takes a part of it.
    """
    for block, class_id in classes_by_block(labels, key.plane, key.row * _BLOCKS_A_TILE, key.column * _BLOCKS_A_TILE):
        held = is_candidate(fingerprint, block) and _is_trained(connection, class_id)
        connection.execute(
            "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?, ?, ?)", (key.image_id, *block, class_id, int(held))
        )


def keep_for_training(
    connection: sqlite3.Connection, image_id: int, plane: int, labels: UInt8[np.ndarray, "h w"], origin: tuple[int, int]
) -> None:
    """Every block and class of these labels whose side is not decided yet is trained on, whatever its hash says.

    ``labels`` begin at row and column ``origin``.
    """
    rows, columns = (start % BLOCK for start in origin)
    aligned = np.pad(labels, ((rows, 0), (columns, 0)))
    first = (origin[0] // BLOCK, origin[1] // BLOCK)
    connection.executemany(
        "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?, ?, 0)",
        [(image_id, *block, class_id) for block, class_id in classes_by_block(aligned, plane, *first)],
    )


def sides_of(connection: sqlite3.Connection, image_id: int) -> list[BlockSide]:
    """The split of one image."""
    rows = connection.execute(
        "SELECT plane, block_row, block_column, class_id, held_out FROM blocks WHERE image_id = ?", (image_id,)
    )
    return [BlockSide(Block(p, r, c), k, bool(h)) for p, r, c, k, h in rows]


def read_tiles(
    connection: sqlite3.Connection, image_id: int, plane: int, shape: tuple[int, ...], since: int = -1
) -> Iterable[tuple[TileKey, UInt8[np.ndarray, "h w"]] | DamagedTile]:
    """Every stored tile of a plane of that shape that is newer: its pixels, or what cannot be read as such."""
    rows = connection.execute(
        "SELECT tile_row, tile_column, height, width, crc, labels FROM tiles "
        "WHERE image_id = ? AND plane = ? AND revision > ?",
        (image_id, plane, since),
    ).fetchall()
    for row, column, height, width, crc, packed in rows:
        key = TileKey(image_id, plane, row, column)
        labels = unpack_tile(height, width, crc, packed)
        place = Region(row * TILE, column * TILE, (row + 1) * TILE, (column + 1) * TILE).clipped(*shape)
        if labels is None or min(row, column) < 0 or labels.shape != place.shape:
            yield DamagedTile(key, packed)
        else:
            yield key, labels


def all_tiles(connection: sqlite3.Connection) -> Iterable[tuple[int, UInt8[np.ndarray, "h w"]]]:
    """Image id and pixels of every stored tile that is whole."""
    for image_id, *stored in connection.execute("SELECT image_id, height, width, crc, labels FROM tiles"):
        labels = unpack_tile(*stored)
        if labels is not None:
            yield image_id, labels


def _is_trained(connection: sqlite3.Connection, class_id: int) -> bool:
    return (
        connection.execute("SELECT 1 FROM blocks WHERE class_id = ? AND held_out = 0 LIMIT 1", (class_id,)).fetchone()
        is not None
    )
