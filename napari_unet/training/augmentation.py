"""Variants of a training tile that a microscope could also have given."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from napari_unet.images.normalisation import CLIP


class TrainingTile(NamedTuple):
    """What a step sees of one place: normalised pixels, class ids (0 unlabelled) and their weights."""

    pixels: Float32[np.ndarray, "y x c"]
    labels: UInt8[np.ndarray, "y x"]
    weights: Float32[np.ndarray, "y x"]


@dataclass(frozen=True, slots=True)
class Intensities:
    """How far contrast, brightness and noise are varied, in units of the normalised range of 2."""

    contrast: float = 0.1  # factor within 1 +- this
    brightness: float = 0.05
    noise: float = 0.03  # largest standard deviation


def augment(tile: TrainingTile, random: np.random.Generator, strength: Intensities = Intensities()) -> TrainingTile:
    """Flip, turn and vary the intensities; labels and weights move with their pixels and keep their values."""
    flipped = flip_and_turn(tile, int(random.integers(4)), bool(random.integers(2)))
    return flipped._replace(pixels=vary_intensities(flipped.pixels, random, strength))


def flip_and_turn(tile: TrainingTile, quarter_turns: int, mirror: bool) -> TrainingTile:
    """One of the eight symmetries of the square, exact to the pixel."""

    def move(plane: np.ndarray) -> np.ndarray:
        turned = np.rot90(plane, quarter_turns)
        return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)

    return TrainingTile(*(move(part) for part in tile))


def vary_intensities(
    pixels: Float32[np.ndarray, "y x c"], random: np.random.Generator, strength: Intensities
) -> Float32[np.ndarray, "y x c"]:
    """Change contrast and brightness of every channel and add noise."""
    channels = pixels.shape[2]
    factor = np.float32(random.uniform(1 - strength.contrast, 1 + strength.contrast, channels))
    offset = np.float32(random.uniform(-strength.brightness, strength.brightness, channels))
    deviation = np.float32(random.uniform(0, strength.noise))
    noise = random.standard_normal(pixels.shape, dtype=np.float32) * deviation
    return np.clip(pixels * factor + offset + noise, -CLIP, CLIP)
