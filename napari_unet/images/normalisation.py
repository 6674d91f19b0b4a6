"""Mapping of pixels of any type and range to numbers that a network takes, the same for the whole image."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Num
from numpy.typing import DTypeLike

from napari_unet.images.image import Image

PERCENTILES = (0.2, 99.8)
CLIP = 3.0
_SAMPLED_PLANES = 16
_SAMPLED_VALUES = 250_000  # of each plane
SQUARES, SQUARE = 8, 64  # a large plane is sampled in 8 x 8 squares of 64 px
_MORE_SQUARES = 64 * 64  # looked at, of all sampled planes together, where those all have one value


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Hold the raw values of each channel that become -1 and +1.

    Attributes
    ----------
    low, high : of each channel
    middle : median of each channel, which stands for pixels without a value; () where there are none
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    middle: tuple[float, ...] = ()

    @property
    def scale(self) -> Float32[np.ndarray, " c"]:
        """Return the factor of each channel, after ``low`` was taken off; 0 for a constant channel."""
        spread = np.subtract(self.high, self.low)
        with np.errstate(over="ignore"):  # of the smallest numbers of float64
            steep = np.minimum(2.0 / np.where(spread > 0, spread, 1), np.finfo(np.float32).max)
        return np.where(spread > 0, steep, 0).astype(np.float32)

    @property
    def missing(self) -> Float32[np.ndarray, " c"]:
        """Return what a pixel without a value (NaN) becomes in each channel.

        It is the median, for most of most images is background: any other grey might look like an object.
        """
        if not self.middle:
            return np.zeros(len(self.low), np.float32)
        with np.errstate(over="ignore"):
            above = np.subtract(self.middle, self.low).astype(np.float32)
            return np.clip(np.where(self.scale > 0, above * self.scale - 1, 0), -CLIP, CLIP).astype(np.float32)

    def repeated(self, times: int) -> "Normalisation":
        """Return the same for the channels of several planes, one after the other."""
        return Normalisation(self.low * times, self.high * times, self.middle * times)

    def apply(self, pixels: Num[np.ndarray, "y x c"]) -> Float32[np.ndarray, "y x c"]:
        """Map to float32 in [-3, 3]; NaN becomes ``missing``, and infinities the ends of the range."""
        scale, first = self.scale, np.float64 if is_wide(pixels.dtype) else np.float32
        with np.errstate(invalid="ignore", over="ignore"):  # infinities are dealt with below
            above = np.subtract(pixels, np.asarray(self.low, np.float64), dtype=first).astype(np.float32)
            normal = above * scale - np.float32(1)
        normal[:, :, scale == 0] = 0
        np.clip(normal, -CLIP, CLIP, out=normal)
        if np.issubdtype(pixels.dtype, np.floating):
            np.copyto(normal, self.missing, where=np.isnan(normal))
        return normal


def is_wide(dtype: DTypeLike) -> bool:
    """Tell whether a type can hold a large offset under a small range, which float32 would swallow."""
    return np.dtype(dtype).itemsize > 2


def measure_normalisation(image: Image) -> Normalisation:
    """Measure percentiles over a regular sample of all planes; a constant channel has no range."""
    planes = _sampled_planes(image.planes)
    columns = [_sample(image, plane) for plane in planes]
    if image.is_large and not any(map(_varies, columns)):
        columns += _content_between(image, planes)
    # Channel by channel: all of a stack of many channels would be gigabytes as float64.
    bounds = [
        _bounds(np.concatenate([values[:, channel] for values in columns]).astype(np.float64))
        for channel in range(image.channels)
    ]
    low, high, middle = zip(*bounds, strict=True)
    return Normalisation(low, high, middle)


def _sampled_planes(planes: int) -> list[int]:
    return sorted({int(p) for p in np.linspace(0, planes - 1, min(planes, _SAMPLED_PLANES))})


def _sample(image: Image, plane: int) -> Num[np.ndarray, "n c"]:
    if image.is_large:  # single pixels from everywhere would need every chunk of the file
        return np.concatenate(list(_squares(image, plane, SQUARES)))
    step = max(1, int(np.sqrt(image.height * image.width / _SAMPLED_VALUES)))
    return image.read(plane, slice(0, None, step), slice(0, None, step)).reshape(-1, image.channels)


def _squares(image: Image, plane: int, along: int) -> Iterator[Num[np.ndarray, "n c"]]:
    """Yield the pixels of squares at equal distances, as many along rows as along columns, the rim left out."""
    starts = [[int((number + 0.5) * side / along) for number in range(along)] for side in (image.height, image.width)]
    for y, x in itertools.product(*starts):
        yield image.read(plane, slice(y, y + SQUARE), slice(x, x + SQUARE)).reshape(-1, image.channels)


def _content_between(image: Image, planes: list[int]) -> list[Num[np.ndarray, "n c"]]:
    """Return those of closer squares that vary: a small section on an empty slide may lie between the first ones."""
    along = int(np.sqrt(_MORE_SQUARES / len(planes)))
    return [values for plane in planes for values in _squares(image, plane, along) if _varies(values)]


def _varies(values: Num[np.ndarray, "n c"]) -> bool:
    """Tell whether a channel has several finite values."""
    finite = (column[np.isfinite(column)] for column in values.T)
    return any(bool(column.size) and column.min() < column.max() for column in finite)


def _bounds(values: Num[np.ndarray, " n"]) -> tuple[float, float, float]:
    """Return low, high and median of the finite values of a channel; zeros where there are none."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 0.0, 0.0
    limit = float(np.finfo(np.float32).max) / 4  # 1e38 must not overflow in float32 arithmetic
    low, high, middle = np.clip(np.percentile(finite, (*PERCENTILES, 50)), -limit, limit)
    if low == high:  # where most pixels have one value, a few spots still need their contrast
        low, high = np.clip([finite.min(), finite.max()], -limit, limit)
    return float(low), float(high), float(middle)
