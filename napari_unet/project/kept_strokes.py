"""Keep strokes that the user says are right, although the network contradicts them."""

import math
import sqlite3
import zlib

import numpy as np
from jaxtyping import Bool, UInt8

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
    packed = zlib.compress(np.packbits(pixels[inside.slices]).tobytes())
    box = inside.moved(*origin)
    connection.execute(
        "INSERT INTO kept_strokes (image_id, plane, class_id, y0, x0, y1, x1, pixels) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (image_id, plane, class_id, box.y0, box.x0, box.y1, box.x1, packed),
    )


def kept_labels(connection: sqlite3.Connection, image_id: int, plane: int, region: Region) -> UInt8[np.ndarray, "h w"]:
    """Return the class id of each pixel of a region that was kept, 0 elsewhere. The newer of two strokes counts."""
    labels = np.zeros(region.shape, np.uint8)
    rows = connection.execute(
        "SELECT class_id, y0, x0, y1, x1, pixels FROM kept_strokes WHERE image_id = ? AND plane = ? ORDER BY id",
        (image_id, plane),
    )
    for class_id, y0, x0, y1, x1, packed in rows:
        box = Region(y0, x0, y1, x1)
        size = -(-math.prod(box.shape) // 8)
        bits = np.frombuffer(zlib.decompressobj().decompress(packed, max(1, size)), np.uint8)
        if len(bits) != size or min(box.shape) < 1:
            raise ValueError(f"a kept stroke of {box.shape} pixels in {len(bits)} bytes")
        inside = np.unpackbits(bits, count=box.shape[0] * box.shape[1]).reshape(box.shape).astype(bool)
        part = box.within(region)
        labels[part.seen_from(region).slices][inside[part.seen_from(box).slices]] = class_id
    return labels
