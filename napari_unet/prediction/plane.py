"""A whole plane at once, for files."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, UInt8

from napari_unet.images.lazy_plane import LazyPlane
from napari_unet.images.tiles import Region, grid
from napari_unet.network.inference import Predictor
from napari_unet.network.memory import free_memory
from napari_unet.network.unet import Architecture

_TILES = (256, 512, 1024, 2048)  # px
_SHARE = 4  # one in so many bytes of free memory may go into a tile
_NUMBER = 4  # bytes
_MAPS = 5  # full-size maps of the first level's width that are held at once
_FILTERS = 38  # full-size filter responses per channel, what they are joined and computed from included


def predict_plane(
    predictor: Predictor,
    pixels: Float32[np.ndarray, "y x c"],
    tile: int | None = None,
    tile_done: Callable[[], object] = lambda: None,
) -> UInt8[np.ndarray, "y x"]:
    """Class id of every pixel; the same for every ``tile`` (``whole_plane_tile`` where None)."""
    return predict_region(predictor, pixels, Region(0, 0, *pixels.shape[:2]), tile, tile_done)


def predict_region(
    predictor: Predictor,
    plane: Float32[np.ndarray, "y x c"] | LazyPlane,
    region: Region,
    tile: int | None = None,
    tile_done: Callable[[], object] = lambda: None,
) -> UInt8[np.ndarray, "h w"]:
    """Class id of every pixel of a region inside a plane, the same as in the whole plane."""
    height, width = region.shape
    classes = np.zeros((height, width), np.uint8)
    for part in grid(height, width, tile or whole_plane_tile(predictor)):
        classes[part.slices] = predictor.classes(plane, part.moved(region.y0, region.x0))
        tile_done()
    return classes


def predict_probabilities(
    predictor: Predictor, pixels: Float32[np.ndarray, "y x c"], tile: int | None = None
) -> Float32[np.ndarray, "k y x"]:
    """Probability of every class at every pixel; the same for every ``tile`` (``whole_plane_tile`` where None)."""
    height, width = pixels.shape[:2]
    probabilities = np.zeros((len(predictor.class_ids), height, width), np.float32)
    for region in grid(height, width, tile or whole_plane_tile(predictor)):
        probabilities[:, region.slices[0], region.slices[1]] = predictor.probabilities(pixels, region)
    return probabilities


def whole_plane_tile(predictor: Predictor) -> int:
    """Side of the tiles for files: the larger, the less is computed twice in halos, and the more memory is taken."""
    return largest_tile(predictor.network.architecture, free_memory(predictor.device.kind) // _SHARE)


def largest_tile(architecture: Architecture, memory: int) -> int:
    """The largest of ``_TILES`` that a network needs at most so many bytes for; the smallest where none is."""
    fitting = [tile for tile in _TILES if tile_memory(architecture, tile) <= memory]
    return max(fitting, default=_TILES[0])


def tile_memory(architecture: Architecture, tile: int) -> int:
    """Bytes for predicting a tile with its halo, about: measured with 1 and 3 channels, freed memory kept."""
    side = tile + 2 * (architecture.halo + architecture.margin)
    return _NUMBER * side**2 * (_MAPS * architecture.width + _FILTERS * architecture.channels)
