"""Augmentation: variants of training tiles that a microscope could also have given, drawn as numbers.

Nothing here touches a pixel. A motion says where each pixel of a tile comes from; intensities say how its values
change. ``training/tile_reader.py`` and ``training/intensities.py`` apply them on the device. All randomness comes from
the generator that is passed in.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int64

_KNOTS = 3  # a side, of the grid of displacements
_FARTHEST = 2.0  # standard deviations; beyond, the map would fold where two neighbouring knots move towards each other
_SMALLEST_SPACING = 6.0  # standard deviations between two knots, for the same reason
_QUARTER_TURN = np.array([[0, 1], [-1, 0]])
_MIRROR = np.diag([1, -1])
_SAMPLES = 17  # a side, at which the reach of a map is looked up
_BETWEEN = 4  # px that a map can lie beyond these samples; the surface between knots is smooth, so it is below 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """The largest variations of a tile. Everything is off unless it is asked for.

    Attributes
    ----------
    flips_and_turns : one of the eight symmetries of the square, all equally often
    warp_probability : share of tiles that are rotated, scaled and deformed, in one resampling
    rotation : largest angle, degrees, either way; 45 with ``flips_and_turns`` gives every orientation equally often
    scale : largest magnification, factor; its logarithm is uniform, so that the smallest is ``1 / scale``
    elastic : standard deviation, px, of the displacements on a grid of 3 x 3 knots over the tile, with bicubic
        interpolation between them (Ronneberger, Fischer and Brox 2015). Displacements end at two standard deviations,
        and a tile below 12 standard deviations is deformed proportionally less
    blur_probability, blur : share of tiles that are blurred; largest standard deviation, px
    gamma_probability, gamma : share of tiles; largest exponent on the range from -1 to 1, the smallest is ``1 / gamma``
    contrast : per channel, a factor within 1 +- this
    brightness : per channel, largest offset, in units of the normalised range of 2
    noise : largest standard deviation of Gaussian noise, in the same units
    """

    flips_and_turns: bool = False
    warp_probability: float = 0.0
    rotation: float = 0.0
    scale: float = 1.0
    elastic: float = 0.0
    blur_probability: float = 0.0
    blur: float = 0.0
    gamma_probability: float = 0.0
    gamma: float = 1.0
    contrast: float = 0.0
    brightness: float = 0.0
    noise: float = 0.0


NONE = Augmentation()
MILD = Augmentation(flips_and_turns=True, contrast=0.1, brightness=0.05, noise=0.03)
DEFAULT = Augmentation(
    flips_and_turns=True,
    warp_probability=0.5,
    rotation=45.0,
    scale=1.25,
    elastic=10.0,
    blur_probability=0.1,
    blur=0.7,
    gamma_probability=0.5,
    gamma=1.1,
    contrast=0.1,
    brightness=0.05,
    noise=0.03,
)
STRONG = Augmentation(
    flips_and_turns=True,
    warp_probability=0.8,
    rotation=45.0,
    scale=2.0,
    elastic=10.0,
    blur_probability=0.3,
    blur=1.5,
    gamma_probability=0.8,
    gamma=1.5,
    contrast=0.25,
    brightness=0.1,
    noise=0.06,
)


# Geometry


class Motions(NamedTuple):
    """Map square tiles into their sources, one motion per tile.

    The source of the pixel at (row, column) of a tile is M (row - fixed row, column - fixed column) + d(row, column) -
    d(fixed), counted from the source pixel that lies at ``fixed``. That pixel is hit exactly, whatever the motion: so a
    labelled pixel stays in the tile, and keeps its weight.

    Attributes
    ----------
    fixed : row and column in the tile of the pixel that is hit
    matrices : M
    displacements : px in the source, rows and columns: values of d at 3 x 3 knots over the tile
    """

    fixed: Int64[np.ndarray, "b 2"]
    matrices: Float32[np.ndarray, "b 2 2"]
    displacements: Float32[np.ndarray, "b 2 3 3"]


def linear_maps(
    quarter_turns: Int[np.ndarray, " b"],
    mirrored: Bool[np.ndarray, " b"],
    degrees: Float[np.ndarray, " b"],
    magnifications: Float[np.ndarray, " b"],
) -> Float32[np.ndarray, "b 2 2"]:
    """Return the matrices that mirror columns, turn counter-clockwise, rotate counter-clockwise and magnify."""
    turns = np.stack([np.linalg.matrix_power(_QUARTER_TURN, turn) for turn in range(4)])
    symmetries = np.stack([turns, turns @ _MIRROR], axis=1)[quarter_turns % 4, mirrored.astype(int)]
    angles = np.deg2rad(degrees)
    cosines, sines = np.cos(angles), np.sin(angles)
    rotations = np.stack([np.stack([cosines, sines], -1), np.stack([-sines, cosines], -1)], -2)
    return (rotations @ symmetries / magnifications[:, None, None]).astype(np.float32)


def draw_motions(
    fixed: Int64[np.ndarray, "b 2"], side: int, random: np.random.Generator, augmentation: Augmentation
) -> Motions:
    """Draw symmetry, rotation, scale and deformation for a tile around each fixed pixel."""
    count = len(fixed)
    warped = random.random(count) < augmentation.warp_probability
    turns, mirrored = np.zeros(count, np.int64), np.zeros(count, bool)
    if augmentation.flips_and_turns:
        turns, mirrored = random.integers(4, size=count), random.random(count) < 0.5
    degrees = warped * random.uniform(-augmentation.rotation, augmentation.rotation, count)
    magnifications = augmentation.scale ** (warped * random.uniform(-1, 1, count))
    deviation = min(augmentation.elastic, side / (_KNOTS - 1) / _SMALLEST_SPACING)
    drawn = np.clip(random.standard_normal((count, 2, _KNOTS, _KNOTS)), -_FARTHEST, _FARTHEST)
    # In px of the source: of a tile that is magnified fewer, or the deformation would fold it.
    displacements = (deviation * drawn * (warped / magnifications)[:, None, None, None]).astype(np.float32)
    return Motions(fixed, linear_maps(turns, mirrored, degrees, magnifications), displacements)


def reaches(motions: Motions, side: int) -> Int64[np.ndarray, "b 4"]:
    """Return first row, first column, last row and last column of the source pixels that each tile may read.

    They are counted from the source pixel that is hit, and a few pixels wider than need be.
    """
    samples = np.linspace(0, side - 1, _SAMPLES)
    basis = cubic_basis(side)[samples.round().astype(int)]
    surfaces = basis @ motions.displacements @ basis.T
    at_fixed = cubic_basis(side)[motions.fixed]  # b, row or column, knot
    surfaces -= np.einsum("bk,bcki,bi->bc", at_fixed[:, 0], motions.displacements, at_fixed[:, 1])[..., None, None]
    down, right = (samples[None] - motions.fixed[:, axis, None] for axis in (0, 1))
    grid = np.stack(np.broadcast_arrays(down[:, :, None], right[:, None, :]), axis=1)
    positions = np.einsum("bij,bjyx->biyx", motions.matrices, grid) + surfaces
    low, high = positions.min(axis=(2, 3)), positions.max(axis=(2, 3))
    return np.concatenate([np.floor(low) - _BETWEEN, np.ceil(high) + _BETWEEN], axis=1).astype(np.int64)


@lru_cache(maxsize=8)
def cubic_basis(side: int) -> Float32[np.ndarray, "y k"]:
    """Return the share of each knot in each pixel: cubic convolution (Keys 1981), the outermost knots repeated."""
    position = np.linspace(0, _KNOTS - 1, side)
    basis = np.zeros((side, _KNOTS))
    for knot in range(-1, _KNOTS + 1):
        t = np.abs(position - knot)
        near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
        basis[:, min(max(knot, 0), _KNOTS - 1)] += np.where(t < 1, near, np.where(t < 2, far, 0))
    return basis.astype(np.float32)


# Intensities


class Intensities(NamedTuple):
    """Changes of the values of tiles; channels of a tile differ.

    Attributes
    ----------
    blur : standard deviation, px; 0 for none
    exponents : p between -1 and 1 becomes ((p + 1) / 2) ** exponent on the same range
    factors, offsets : contrast and brightness
    noise : standard deviation
    """

    blur: Float32[np.ndarray, " b"]
    exponents: Float32[np.ndarray, "b c"]
    factors: Float32[np.ndarray, "b c"]
    offsets: Float32[np.ndarray, "b c"]
    noise: Float32[np.ndarray, " b"]


def draw_intensities(count: int, channels: int, random: np.random.Generator, augmentation: Augmentation) -> Intensities:
    """Draw the changes of so many tiles."""
    each = (count, channels)
    is_blurred = random.random(count) < augmentation.blur_probability
    has_gamma = random.random((count, 1)) < augmentation.gamma_probability
    drawn = (
        is_blurred * random.uniform(0, augmentation.blur, count),
        augmentation.gamma ** (has_gamma * random.uniform(-1, 1, each)),
        random.uniform(1 - augmentation.contrast, 1 + augmentation.contrast, each),
        random.uniform(-augmentation.brightness, augmentation.brightness, each),
        random.uniform(0, augmentation.noise, count),
    )
    return Intensities(*(values.astype(np.float32) for values in drawn))
