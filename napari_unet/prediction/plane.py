"""A whole plane at once, for files."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float32, UInt8

from napari_unet.images.tiles import Region, grid
from napari_unet.network.device import give_back_memory, is_out_of_memory
from napari_unet.network.inference import Predictor

_SMALLEST_TILE = 64  # px
T = TypeVar("T")


def predict_plane(
    predictor: Predictor,
    pixels: Float32[np.ndarray, "y x c"],
    tile: int,
    tile_done: Callable[[], object] = lambda: None,
) -> UInt8[np.ndarray, "y x"]:
    """Class id of every pixel; the same for every ``tile``."""
    height, width = pixels.shape[:2]
    classes = np.zeros((height, width), np.uint8)
    for region in grid(height, width, tile):
        for part, found in _in_parts(region, lambda part: predictor.classes(pixels, part)):
            classes[part.slices] = found
        tile_done()
    return classes


def predict_probabilities(
    predictor: Predictor, pixels: Float32[np.ndarray, "y x c"], tile: int
) -> Float32[np.ndarray, "k y x"]:
    """Probability of every class at every pixel; the same for every ``tile``."""
    height, width = pixels.shape[:2]
    probabilities = np.zeros((len(predictor.class_ids), height, width), np.float32)
    for region in grid(height, width, tile):
        for part, found in _in_parts(region, lambda part: predictor.probabilities(pixels, part)):
            probabilities[:, part.slices[0], part.slices[1]] = found
    return probabilities


def _in_parts(region: Region, predict: Callable[[Region], T]) -> Iterator[tuple[Region, T]]:
    """The region at once, or its halves where the memory is not enough; how it is cut changes no pixel."""
    try:
        found = predict(region)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or max(region.shape) <= _SMALLEST_TILE:
            raise
    else:
        yield region, found
        return
    give_back_memory()  # here, where the error no longer holds what was computed
    for half in _halves(region):
        yield from _in_parts(half, predict)


def _halves(region: Region) -> tuple[Region, Region]:
    height, width = region.shape
    if height >= width:
        middle = region.y0 + height // 2
        return replace(region, y1=middle), replace(region, y0=middle)
    middle = region.x0 + width // 2
    return replace(region, x1=middle), replace(region, x0=middle)
