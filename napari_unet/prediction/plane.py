"""Prediction of whole planes and of regions, for files."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float32, UInt8

from napari_unet.images.plane_pixels import PlanePixels
from napari_unet.images.tiles import Region, grid
from napari_unet.network.device import give_back_memory, is_out_of_memory
from napari_unet.network.inference import BegunClasses, Predictor
from napari_unet.network.memory import free_memory
from napari_unet.network.unet import Architecture, intensity_channels
from napari_unet.prediction.resumable import Resumable, run_to_end

_TILES = (256, 512, 1024, 2048, 4096)  # px
# On a GPU halos are most of what tiles cost: those of 2048 px compute up to 23 % of pixels twice, of 4096 px 11 %.
_LARGEST_TILE = {"cuda": 4096}
LARGEST_ELSEWHERE = 2048  # px
# One in so many bytes of free memory may go into a tile. A GPU has nobody beside us who could ask for the rest.
_SHARE = {"cuda": 2}
_SHARE_ELSEWHERE = 4
_MOST_NUMBERS = 2**31 - 1  # of one tensor; beyond, many kernels are slower or missing
_NUMBER = 4  # bytes
_MAPS = 5  # full-size maps of the first level's width that are held at once
_FILTERS = 38  # full-size filter responses per channel, what they are joined and computed from included

_SMALLEST_TILE = 64  # px
T = TypeVar("T")


def resumable_plane(
    predictor: Predictor, pixels: PlanePixels, tile: int | None = None
) -> Resumable[UInt8[np.ndarray, "y x"]]:
    """Predict the class id of every pixel, a tile at a time; the same for every ``tile``.

    Parameters
    ----------
    tile : side of the tiles in px; None for ``whole_plane_tile``
    """
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

    def begin(part: Region) -> BegunClasses:
        return predictor.begin_classes(plane, part.moved(region.y0, region.x0))

    def take(part: Region, begun: BegunClasses) -> None:
        for each, found in _in_parts(part, lambda each: (begun if each == part else begin(each)).take()):
            classes[each.slices] = found

    in_flight: list[tuple[Region, BegunClasses]] = []
    for done, tile_region in enumerate(tiles, 1):
        for begun in _in_parts(tile_region, begin):
            in_flight.append(begun)  # the device has its next work before the host waits for the last
            if len(in_flight) > 1:
                take(*in_flight.pop(0))
        if done == len(tiles):
            take(*in_flight.pop())
        yield done / len(tiles)
    return classes


def predict_probabilities(
    predictor: Predictor, pixels: PlanePixels, tile: int | None = None
) -> Float32[np.ndarray, "k y x"]:
    """Predict the probability of every class at every pixel; the same for every ``tile``, as in ``resumable_plane``."""
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
    kind = predictor.device.kind
    memory = free_memory(kind) // _SHARE.get(kind, _SHARE_ELSEWHERE)
    return largest_tile(predictor.network.architecture, memory, _LARGEST_TILE.get(kind, LARGEST_ELSEWHERE))


def largest_tile(architecture: Architecture, memory: int, most: int = LARGEST_ELSEWHERE) -> int:
    """Return the largest side of a tile up to ``most`` for which a network needs at most so many bytes; at least 256.

    It is no larger than what tensors with 32-bit indices can hold.
    """
    widest = max(2 * architecture.width, intensity_channels(architecture))
    fitting = [
        tile
        for tile in _TILES
        if tile <= most
        and tile_memory(architecture, tile) <= memory
        and _side(architecture, tile) ** 2 * widest <= _MOST_NUMBERS
    ]
    return max(fitting, default=_TILES[0])


def tile_memory(architecture: Architecture, tile: int) -> int:
    """Estimate the bytes for predicting a tile with its halo; measured with 1 and 3 channels, freed memory kept."""
    maps = _MAPS * architecture.width + _FILTERS * architecture.channels
    return _NUMBER * _side(architecture, tile) ** 2 * maps


def _side(architecture: Architecture, tile: int) -> int:
    return tile + 2 * architecture.rim
