"""Prediction of whole planes and of regions, for files."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float32, UInt8

from napari_unet.images.plane_pixels import PlanePixels
from napari_unet.images.tiles import Region, grid
from napari_unet.network.device import give_back_memory, is_out_of_memory
from napari_unet.network.inference import Predictor
from napari_unet.network.memory import free_memory
from napari_unet.network.unet import Architecture
from napari_unet.prediction.resumable import Resumable, run_to_end

_TILES = (256, 512, 1024, 2048)  # px
_SHARE = 4  # one in so many bytes of free memory may go into a tile
_NUMBER = 4  # bytes
_MAPS = 5  # full-size maps of the first level's width that are held at once
_FILTERS = 38  # full-size filter responses per channel, what they are joined and computed from included

_SMALLEST_TILE = 64  # px
T = TypeVar("T")


def predict_plane(predictor: Predictor, pixels: PlanePixels, tile: int | None = None) -> UInt8[np.ndarray, "y x"]:
    """Predict the class id of every pixel; the same for every ``tile`` (``whole_plane_tile`` where None)."""
    return run_to_end(resumable_plane(predictor, pixels, tile))


def resumable_plane(
    predictor: Predictor, pixels: PlanePixels, tile: int | None = None
) -> Resumable[UInt8[np.ndarray, "y x"]]:
    """Do the work of ``predict_plane`` a tile at a time."""
    return resumable_region(predictor, pixels, Region(0, 0, *pixels.shape[:2]), tile)


def predict_region(
    predictor: Predictor,
    plane: PlanePixels,
    region: Region,
    tile: int | None = None,
) -> UInt8[np.ndarray, "h w"]:
    """Predict the class id of every pixel of a region inside a plane, the same as in the whole plane."""
    return run_to_end(resumable_region(predictor, plane, region, tile))


def resumable_region(
    predictor: Predictor, plane: PlanePixels, region: Region, tile: int | None = None
) -> Resumable[UInt8[np.ndarray, "h w"]]:
    """Do the work of ``predict_region`` a tile at a time."""
    height, width = region.shape
    classes = np.zeros((height, width), np.uint8)
    tiles = list(grid(height, width, tile or whole_plane_tile(predictor)))
    for done, tile_region in enumerate(tiles, 1):
        for part, found in _in_parts(
            tile_region, lambda part: predictor.classes(plane, part.moved(region.y0, region.x0))
        ):
            classes[part.slices] = found
        yield done / len(tiles)
    return classes


def predict_probabilities(
    predictor: Predictor, pixels: PlanePixels, tile: int | None = None
) -> Float32[np.ndarray, "k y x"]:
    """Predict the probability of every class at every pixel; the same for every ``tile``, as ``predict_plane``."""
    height, width = pixels.shape[:2]
    probabilities = np.zeros((len(predictor.class_ids), height, width), np.float32)
    for region in grid(height, width, tile or whole_plane_tile(predictor)):
        for part, found in _in_parts(region, lambda part: predictor.probabilities(pixels, part)):
            probabilities[:, part.slices[0], part.slices[1]] = found
    return probabilities


def _in_parts(region: Region, predict: Callable[[Region], T]) -> Iterator[tuple[Region, T]]:
    """Predict the region at once, or its halves where the memory is not enough; how it is cut changes no pixel."""
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


def whole_plane_tile(predictor: Predictor) -> int:
    """Return the side of the tiles for files.

    The larger the tiles, the less is computed twice in halos, and the more memory is taken.
    """
    return largest_tile(predictor.network.architecture, free_memory(predictor.device.kind) // _SHARE)


def largest_tile(architecture: Architecture, memory: int) -> int:
    """Return the largest of ``_TILES`` that a network needs at most so many bytes for; the smallest where none is."""
    fitting = [tile for tile in _TILES if tile_memory(architecture, tile) <= memory]
    return max(fitting, default=_TILES[0])


def tile_memory(architecture: Architecture, tile: int) -> int:
    """Estimate the bytes for predicting a tile with its halo; measured with 1 and 3 channels, freed memory kept."""
    side = tile + 2 * (architecture.halo + architecture.margin)
    return _NUMBER * side**2 * (_MAPS * architecture.width + _FILTERS * architecture.channels)
