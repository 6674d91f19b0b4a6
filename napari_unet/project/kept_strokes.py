"""Keep strokes that the user says are right, although the network contradicts them."""

import sqlite3
import zlib

import numpy as np
from jaxtyping import Bool, UInt8

from napari_unet.images.packed_pixels import pack, packed_size, unpack
from napari_unet.images.tiles import Region


def keep_stroke(
    connection: sqlite3.Connection,
    image_id: int,
    plane: int,
    class_id: int,
    pixels: Bool[np.ndarray, "h w"],
    origin: tuple[int, int],
) -> None:
    """Remember pixels of one class, which begin at row and column ``origin``. The caller holds the transaction."""
    inside = Region.around(pixels)
    if inside is None:
        return
    packed = zlib.compress(pack(pixels[inside.slices]))
    box = inside.moved(*origin)
    connection.execute(
        "INSERT INTO kept_strokes (image_id, plane, class_id, y0, x0, y1, x1, pixels) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (image_id, plane, class_id, box.y0, box.x0, box.y1, box.x1, packed),
    )


def kept_labels(connection: sqlite3.Connection, image_id: int, plane: int, region: Region) -> UInt8[np.ndarray, "h w"]:
    """Return the class id of each pixel of a region that was kept, 0 elsewhere. The newer of two strokes counts."""
    labels = np.zeros(region.shape, np.uint8)
    # Of those elsewhere nothing is unpacked: after each stroke, every doubted one asks.
    rows = connection.execute(
        "SELECT class_id, y0, x0, y1, x1, pixels FROM kept_strokes WHERE image_id = ? AND plane = ? "
        "AND y0 < ? AND y1 > ? AND x0 < ? AND x1 > ? ORDER BY id",
        (image_id, plane, region.y1, region.y0, region.x1, region.x0),
    )
    for class_id, y0, x0, y1, x1, packed in rows:
        box = Region(y0, x0, y1, x1)
        bits = zlib.decompressobj().decompress(packed, max(1, packed_size(box.shape)))
        inside = unpack(bits, box.shape)
        part = box.within(region)
        labels[part.seen_from(region).slices][inside[part.seen_from(box).slices]] = class_id
    return labels
