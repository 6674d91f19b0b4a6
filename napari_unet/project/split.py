"""Split labelled pixels into those that are trained on and those that are held out to score the network."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from napari_unet.images.tiles import Region

BLOCK = 64  # px; small enough that a few strokes reach some, large enough to carry a score on screen
BUFFER_ZONE = 6  # px around held-out strokes that is not trained on: neighbours share pixels through the camera's blur
_HELD_OUT_ONE_IN = 5


class Block(NamedTuple):
    """Name a square of BLOCK pixels; ``row`` and ``column`` count blocks, not pixels."""

    plane: int
    row: int
    column: int


class BlockSide(NamedTuple):
    """Tell on which side of the split the strokes of one class in one block lie."""

    block: Block
    class_id: int
    held_out: bool


def is_candidate(fingerprint: str, block: Block) -> bool:
    """Tell whether the fixed hash of image and position would hold this block out (about 1 in 5)."""
    key = f"{fingerprint}/{block.plane}/{block.row}/{block.column}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") % _HELD_OUT_ONE_IN == 0


def classes_by_block(labels: UInt8[np.ndarray, "y x"], plane: int, row0: int, column0: int) -> list[tuple[Block, int]]:
    """Return blocks and the classes painted in them, most pixels first; ``labels`` begin at block (row0, column0)."""
    ys, xs = np.nonzero(labels)
    packed = ((ys // BLOCK) * (labels.shape[1] // BLOCK + 1) + xs // BLOCK) * 256 + labels[ys, xs]
    values, counts = np.unique(packed, return_counts=True)
    found = []
    for value in values[np.argsort(-counts, kind="stable")]:
        position, class_id = divmod(int(value), 256)
        row, column = divmod(position, labels.shape[1] // BLOCK + 1)
        found.append((Block(plane, row0 + row, column0 + column), class_id))
    return found


def outside(labels: UInt8[np.ndarray, "y x"], areas: Sequence[Region]) -> UInt8[np.ndarray, "y x"]:
    """Return labels without those in test areas and the buffer zone around them."""
    kept = labels.copy() if areas else labels
    for area in areas:
        kept[area.grown(BUFFER_ZONE).clipped(*labels.shape).slices] = 0
    return kept


def learnable(region: Region, labels: UInt8[np.ndarray, "h w"], areas: Sequence[Region]) -> UInt8[np.ndarray, "h w"]:
    """Return the labels of a region without those in test areas of the plane and the buffer zone around them."""
    return outside(labels, [area.seen_from(region) for area in areas])


def held_out_blocks(
    plane: int, sides: Iterable[BlockSide], origin: tuple[int, int] = (0, 0)
) -> Iterator[tuple[int, Region]]:
    """Yield each class that is held out in a block of the plane, with the pixels of the block, counted from origin."""
    for side in sides:
        if side.held_out and side.block.plane == plane:
            y, x = side.block.row * BLOCK - origin[0], side.block.column * BLOCK - origin[1]
            yield side.class_id, Region(y, x, y + BLOCK, x + BLOCK)


def held_out_pixels(
    labels: UInt8[np.ndarray, "y x"],
    plane: int,
    sides: Iterable[BlockSide],
    areas: Sequence[Region] = (),
    origin: tuple[int, int] = (0, 0),
) -> Bool[np.ndarray, "y x"]:
    """Mark the labelled pixels that only score. Those in test areas are left out: they have scores of their own.

    Parameters
    ----------
    labels : of a whole plane, or of a part of it
    origin : row and column at which they begin
    areas : test areas in pixels of ``labels``
    """
    held = np.zeros(labels.shape, bool)
    for class_id, block in held_out_blocks(plane, sides, origin):
        area = block.clipped(*labels.shape).slices
        held[area] |= labels[area] == class_id
    for test_area in areas:
        held[test_area.clipped(*labels.shape).slices] = False
    return held


def training_pixels(
    labels: UInt8[np.ndarray, "y x"], held_out: Bool[np.ndarray, "y x"], areas: Sequence[Region] = ()
) -> Bool[np.ndarray, "y x"]:
    """Mark the labelled pixels that are trained on, outside the buffer zone of held-out pixels and test areas."""
    trained = outside(labels, areas) > 0
    trained &= ~held_out
    box = Region.around(held_out)
    if box is not None:
        near = box.grown(BUFFER_ZONE).clipped(*labels.shape).slices
        trained[near] &= ndimage.distance_transform_edt(~held_out[near]) > BUFFER_ZONE
    return trained
