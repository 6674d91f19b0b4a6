"""A whole plane at once, for files."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, UInt8

from napari_unet.images.tiles import grid
from napari_unet.network.inference import Predictor


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
        classes[region.slices] = predictor.classes(pixels, region)
        tile_done()
    return classes


def predict_probabilities(
    predictor: Predictor, pixels: Float32[np.ndarray, "y x c"], tile: int
) -> Float32[np.ndarray, "k y x"]:
    """Probability of every class at every pixel; the same for every ``tile``."""
    height, width = pixels.shape[:2]
    probabilities = np.zeros((len(predictor.class_ids), height, width), np.float32)
    for region in grid(height, width, tile):
        probabilities[:, region.slices[0], region.slices[1]] = predictor.probabilities(pixels, region)
    return probabilities
