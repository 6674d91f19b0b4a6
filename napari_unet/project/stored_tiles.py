"""Painted pixels in tiles: find what changed, pack it, store it and read it back."""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from napari_unet.errors import UserError
from napari_unet.images.tiled_plane import TILE, TiledPlane, TilePlace
from napari_unet.images.tiles import Region


class TileKey(NamedTuple):
    """Name the place of a tile of painted pixels; ``row`` and ``column`` count tiles."""

    image_id: int
    plane: int
    row: int
    column: int


def changed_tiles(
    stored: TiledPlane, labels: UInt8[np.ndarray, "h w"], region: Region
) -> dict[TilePlace, UInt8[np.ndarray, "_ _"]]:
    """Return the tiles that labels of a region change, with the pixels that they are to have."""
    changed = {}
    for place in _perhaps_changed(stored, labels, region):
        area = stored.area(place)
        inside = area.within(region)
        new = labels[inside.seen_from(region).slices]
        part = inside.seen_from(area).slices
        old = stored.tiles.get(place)
        if new.any() if old is None else not np.array_equal(old[part], new):
            changed[place] = stored.tile(place).copy()
            changed[place][part] = new
    return changed


def _perhaps_changed(stored: TiledPlane, labels: UInt8[np.ndarray, "h w"], region: Region) -> Iterator[TilePlace]:
    """Yield the tiles of a region but for the rows of tiles in which nothing is stored and nothing is painted.

    The whole of a large plane, or of a long stack, is compared again and again while little of it is painted. The
    maximum of a strip is found several times faster than whether there is anything in each of its tiles.
    """
    held = {place.row for place in stored.tiles}
    for row, places in groupby(stored.places(region), lambda place: place.row):
        first = max(row * TILE, region.y0) - region.y0
        if row in held or labels[first : (row + 1) * TILE - region.y0].max(initial=0):
            yield from places


def write_tile(connection: sqlite3.Connection, key: TileKey, labels: UInt8[np.ndarray, "h w"], revision: int) -> None:
    """Write one tile in the place of the one before it. The caller holds the transaction."""
    raw = np.ascontiguousarray(labels).tobytes()
    connection.execute(
        "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*key, revision, *labels.shape, zlib.crc32(raw), zlib.compress(raw, 1)),
    )


class DamagedTile(NamedTuple):
    """Hold a stored tile whose bytes are not those that were written."""

    key: TileKey
    packed: bytes

    def __str__(self) -> str:
        fix = "open the project, which sets it aside, and paint there again; or restore it from a copy"
        return str(UserError("NU-P03", f"annotation tile {tuple(self.key)} is damaged", "project.sqlite", fix))


def unpack_tile(height: int, width: int, crc: int, packed: bytes) -> UInt8[np.ndarray, "h w"] | None:
    """Return the pixels of a stored tile, or None when its bytes are not those that were written."""
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed, TILE * TILE)
    except zlib.error:
        return None
    if min(height, width) < 1 or len(raw) != height * width or zlib.crc32(raw) != crc:
        return None
    return np.frombuffer(raw, np.uint8).reshape(height, width)


def read_tiles(
    connection: sqlite3.Connection, image_id: int, plane: int, shape: tuple[int, ...], since: int = -1
) -> Iterable[tuple[TileKey, UInt8[np.ndarray, "h w"]] | DamagedTile]:
    """Yield every stored tile of a plane of that shape that is newer than a revision: its pixels, or its damage."""
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
    """Yield the image id and the pixels of every stored tile that is not damaged."""
    for image_id, *stored in connection.execute("SELECT image_id, height, width, crc, labels FROM tiles"):
        labels = unpack_tile(*stored)
        if labels is not None:
            yield image_id, labels
