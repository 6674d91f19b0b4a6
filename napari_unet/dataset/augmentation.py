"""Augmentation: variants of a training tile that a microscope could also have given.

Geometry moves pixels, labels and weights by one and the same map: pixels are interpolated, labels and weights are those
of the nearest pixel, so that class ids are never mixed and nothing unlabelled gets a weight. Intensities change the
pixels alone. All randomness comes from the generator that is passed in.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8
from scipy import ndimage

from napari_unet.images.normalisation import CLIP
from napari_unet.images.tiles import Region

_KNOTS = 3  # a side, of the grid of displacements
_FARTHEST = 2.0  # standard deviations; beyond, the map would fold where two neighbouring knots move towards each other
_SMALLEST_SPACING = 6.0  # standard deviations between two knots, for the same reason
_QUARTER_TURN = np.array([[0, 1], [-1, 0]])


class TrainingTile(NamedTuple):
    """A tile to train on: normalised pixels, class ids (0 unlabelled) and weight map."""

    pixels: Float32[np.ndarray, "y x c"]
    labels: UInt8[np.ndarray, "y x"]
    weight_map: Float32[np.ndarray, "y x"]

    def with_pixels(self, pixels: Float32[np.ndarray, "y x c"]) -> "TrainingTile":
        """Return the tile with other pixels; labels and weight map stay."""
        return self._replace(pixels=pixels)


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


def augment(tile: TrainingTile, random: np.random.Generator, augmentation: Augmentation = MILD) -> TrainingTile:
    """Flip, turn and vary the intensities: all augmentation that needs no surroundings."""
    moved = flip_and_turn(tile, *_draw_symmetry(random, augmentation))
    return moved.with_pixels(vary_intensities(moved.pixels, random, augmentation))


# Geometry


class InverseMap(NamedTuple):
    """The row and column in the source, in px, of each pixel of a tile."""

    rows: Float32[np.ndarray, "y x"]
    columns: Float32[np.ndarray, "y x"]

    @property
    def region(self) -> Region:
        """Return the region of all source pixels that an interpolation reads."""
        y0, x0 = int(np.floor(self.rows.min())), int(np.floor(self.columns.min()))
        # One more than the neighbour: seen from elsewhere, rounding may lift a position to the next whole pixel.
        return Region(y0, x0, int(np.floor(self.rows.max())) + 3, int(np.floor(self.columns.max())) + 3)

    def seen_from(self, y: int, x: int) -> "InverseMap":
        """Return the same map into a source whose first pixel is this one."""
        return InverseMap(self.rows - np.float32(y), self.columns - np.float32(x))


@dataclass(frozen=True, slots=True)
class Motion:
    """A symmetry of the square, rotation, magnification and deformation, applied at once.

    Attributes
    ----------
    quarter_turns, mirror : the symmetry, as ``flip_and_turn`` takes it
    degrees : rotation, counter-clockwise
    magnification : factor
    displacements : px in the source; row and column offsets at the knots of a 3 x 3 grid over the tile
    """

    quarter_turns: int = 0
    mirror: bool = False
    degrees: float = 0.0
    magnification: float = 1.0
    displacements: Float[np.ndarray, "2 3 3"] | None = None


_STILL = Motion()


def flip_and_turn(tile: TrainingTile, quarter_turns: int, mirror: bool) -> TrainingTile:
    """Apply one of the eight symmetries of the square, exact to the pixel."""

    def move(plane: np.ndarray) -> np.ndarray:
        turned = np.rot90(plane, quarter_turns)
        return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)

    return TrainingTile(*(move(part) for part in tile))


def draw_map(side: int, fixed: tuple[int, int], random: np.random.Generator, augmentation: Augmentation) -> InverseMap:
    """Draw a random symmetry, rotation, scale and deformation at once; see ``inverse_map``."""
    quarter_turns, mirror = _draw_symmetry(random, augmentation)
    degrees = random.uniform(-augmentation.rotation, augmentation.rotation)
    magnification = augmentation.scale ** random.uniform(-1, 1)
    deviation = min(augmentation.elastic, side / (_KNOTS - 1) / _SMALLEST_SPACING)
    displacements = deviation * np.clip(random.standard_normal((2, _KNOTS, _KNOTS)), -_FARTHEST, _FARTHEST)
    return inverse_map(side, fixed, Motion(quarter_turns, mirror, degrees, magnification, displacements))


def inverse_map(side: int, fixed: tuple[int, int], motion: Motion = _STILL) -> InverseMap:
    """Map a square tile into a source, counted from the source pixel that lies at ``fixed`` in the tile.

    That pixel is hit exactly, whatever the motion: so a labelled pixel stays in the tile, and keeps its weight.

    Parameters
    ----------
    side : of the tile, px
    fixed : row and column in the tile
    """
    matrix = _linear(motion)
    down, right = (np.arange(side, dtype=np.float32) - np.float32(centre) for centre in fixed)
    sources = [np.add.outer(row[0] * down, row[1] * right) for row in matrix]
    if motion.displacements is not None and motion.displacements.any():
        for source, knots in zip(sources, motion.displacements, strict=True):
            offsets = _bicubic(knots, side)
            source += offsets - offsets[fixed]
    return InverseMap(*sources)


def warp(source: TrainingTile, places: InverseMap) -> TrainingTile:
    """Resample: pixels bilinear, labels and weights of the nearest pixel.

    ``places.region`` must lie in the source. At whole rows and columns the values are those of the source, exactly.
    """
    width = source.labels.shape[1]
    # Rows and columns are not negative: truncation is the floor.
    nearest = _flat(places.rows + np.float32(0.5), places.columns + np.float32(0.5), width)
    return TrainingTile(_bilinear(source.pixels, places), source.labels.take(nearest), source.weight_map.take(nearest))


def _draw_symmetry(random: np.random.Generator, augmentation: Augmentation) -> tuple[int, bool]:
    if not augmentation.flips_and_turns:
        return 0, False
    return int(random.integers(4)), bool(random.integers(2))


def _linear(motion: Motion) -> Float32[np.ndarray, "2 2"]:
    angle = np.deg2rad(motion.degrees)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    symmetry = np.linalg.matrix_power(_QUARTER_TURN, motion.quarter_turns % 4) @ np.diag(
        [1, -1 if motion.mirror else 1]
    )
    return (rotation @ symmetry / motion.magnification).astype(np.float32)


def _bicubic(knots: Float[np.ndarray, "k k"], side: int) -> Float32[np.ndarray, "y x"]:
    basis = _cubic_basis(side)
    return basis @ knots.astype(np.float32) @ basis.T


@lru_cache(maxsize=8)
def _cubic_basis(side: int) -> Float32[np.ndarray, "y k"]:
    """Return the share of each knot in each pixel: cubic convolution (Keys 1981), the outermost knots repeated."""
    position = np.linspace(0, _KNOTS - 1, side)
    basis = np.zeros((side, _KNOTS))
    for knot in range(-1, _KNOTS + 1):
        t = np.abs(position - knot)
        near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
        basis[:, min(max(knot, 0), _KNOTS - 1)] += np.where(t < 1, near, np.where(t < 2, far, 0))
    return basis.astype(np.float32)


def _bilinear(pixels: Float32[np.ndarray, "h w c"], places: InverseMap) -> Float32[np.ndarray, "y x c"]:
    # Faster than ndimage.map_coordinates, and exact at whole pixels, which torch's grid_sample is not.
    width, channels = pixels.shape[1:]
    values = pixels.reshape(-1, channels)
    corner = _flat(places.rows, places.columns, width).ravel()
    below, beside = (_fraction(part, channels) for part in places)
    upper = _between(values.take(corner, axis=0), values.take(corner + 1, axis=0), beside)
    lower = _between(values.take(corner + width, axis=0), values.take(corner + (width + 1), axis=0), beside)
    return _between(upper, lower, below).reshape(*places.rows.shape, channels)


def _flat(
    rows: Float32[np.ndarray, "y x"], columns: Float32[np.ndarray, "y x"], width: int
) -> Int32[np.ndarray, "y x"]:
    return rows.astype(np.int32) * np.int32(width) + columns.astype(np.int32)


def _fraction(position: Float32[np.ndarray, "y x"], channels: int) -> Float32[np.ndarray, "n c"]:
    fraction = (position - np.floor(position)).reshape(-1, 1)
    return np.repeat(fraction, channels, axis=1)  # broadcasting over a last axis of three is several times slower


def _between(
    first: Float32[np.ndarray, "n c"], second: Float32[np.ndarray, "n c"], share: Float32[np.ndarray, "n c"]
) -> Float32[np.ndarray, "n c"]:
    """Interpolate: ``first`` where the share is 0, ``second`` where it is 1; both arrays are overwritten."""
    second -= first
    second *= share
    first += second
    return first


# Intensities


def vary_intensities(
    pixels: Float32[np.ndarray, "y x c"], random: np.random.Generator, augmentation: Augmentation
) -> Float32[np.ndarray, "y x c"]:
    """Blur, change gamma, contrast and brightness, add noise, in the order of a microscope; float32 in [-3, 3]."""
    channels: int = pixels.shape[2]
    varied = pixels
    if random.random() < augmentation.blur_probability:
        varied = _blurred(varied, random.uniform(0, augmentation.blur))
    if random.random() < augmentation.gamma_probability:
        varied = _with_gamma(varied, np.power(augmentation.gamma, random.uniform(-1, 1, channels)))
    if augmentation.contrast or augmentation.brightness:
        factor = random.uniform(1 - augmentation.contrast, 1 + augmentation.contrast, channels)
        offset = random.uniform(-augmentation.brightness, augmentation.brightness, channels)
        varied = varied * _along_rows(factor, varied) + _along_rows(offset, varied)
    if augmentation.noise:
        noise = random.standard_normal(pixels.shape, dtype=np.float32)
        noise *= np.float32(random.uniform(0, augmentation.noise))
        noise += varied
        varied = noise
    return np.clip(varied, -CLIP, CLIP)


def _blurred(pixels: Float32[np.ndarray, "y x c"], deviation: float) -> Float32[np.ndarray, "y x c"]:
    return ndimage.gaussian_filter(pixels, deviation, axes=(0, 1), truncate=3)


def _with_gamma(
    pixels: Float32[np.ndarray, "y x c"], exponents: Float[np.ndarray, " c"]
) -> Float32[np.ndarray, "y x c"]:
    """Map pixels p between -1 and 1 to ((p + 1) / 2) ** exponent on the same range; all others stay."""
    share = np.clip((pixels + np.float32(1)) / 2, 0, 1)
    return pixels + 2 * (share ** _along_rows(exponents, pixels) - share)


def _along_rows(values: Float[np.ndarray, " c"], pixels: Float32[np.ndarray, "y x c"]) -> Float32[np.ndarray, "x c"]:
    """Repeat a value per channel for a row: broadcasting over a last axis of three is several times slower."""
    return np.broadcast_to(values.astype(np.float32), pixels.shape[1:]).copy()
