"""Strokes that the user says are right, although the network contradicts them."""

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
    pixels: Bool[np.ndarray, "y x"],
) -> None:
    """Remember pixels of one class of a whole plane; the caller holds the transaction."""
    box = Region.around(pixels)
    if box is None:
        return
    packed = zlib.compress(np.packbits(pixels[box.slices]).tobytes())
    connection.execute(
        "INSERT INTO kept_strokes (image_id, plane, class_id, y0, x0, y1, x1, pixels) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (image_id, plane, class_id, box.y0, box.x0, box.y1, box.x1, packed),
    )


def kept_labels(
    connection: sqlite3.Connection, image_id: int, plane: int, shape: tuple[int, int]
) -> UInt8[np.ndarray, "y x"]:
    """Class id of each pixel that was kept, 0 elsewhere; of two the newer."""
    labels = np.zeros(shape, np.uint8)
    rows = connection.execute(
        "SELECT class_id, y0, x0, y1, x1, pixels FROM kept_strokes WHERE image_id = ? AND plane = ? ORDER BY id",
        (image_id, plane),
    )
    for class_id, y0, x0, y1, x1, packed in rows:
        box = Region(y0, x0, y1, x1)
        bits = np.frombuffer(zlib.decompress(packed), np.uint8)
        inside = np.unpackbits(bits, count=box.shape[0] * box.shape[1]).reshape(box.shape).astype(bool)
        labels[box.slices][inside] = class_id
    return labels
