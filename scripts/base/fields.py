"""Random fields on a square: zero mean, unit variance."""

import numpy as np
from scipy import ndimage


def smooth(random: np.random.Generator, side: int, sigma: float) -> np.ndarray:
    """Draw a blurred field (side, side); large sigmas are drawn small and enlarged."""
    factor = max(1, int(sigma // 2))
    small = ndimage.gaussian_filter(random.standard_normal((side // factor + 8,) * 2), sigma / factor)
    return _standard(ndimage.zoom(small, factor, order=1)[:side, :side])


def texture(random: np.random.Generator, side: int) -> np.ndarray:
    """Draw filtered noise, stripes or spots (side, side)."""
    kind = random.integers(4)
    if kind == 0:
        return smooth(random, side, random.uniform(0.7, 5))
    if kind == 1:
        return _grain(random, side)
    return _spots(random, side) if kind == 2 else _waves(random, side)


def _grain(random: np.random.Generator, side: int) -> np.ndarray:
    """Draw short streaks in one direction."""
    noise = random.standard_normal((side, side))
    streaks = ndimage.gaussian_filter(noise, (random.uniform(0.5, 2), random.uniform(2, 9)))
    return _standard(ndimage.rotate(streaks, random.uniform(0, 180), reshape=False, order=1, mode="wrap"))


def _spots(random: np.random.Generator, side: int) -> np.ndarray:
    """Draw bright or dark dots."""
    dots = (random.random((side, side)) < 10 ** random.uniform(-3, -1.5)).astype(float)
    return _standard(ndimage.gaussian_filter(dots, random.uniform(0.8, 3)) * random.choice((-1, 1)))


def _waves(random: np.random.Generator, side: int) -> np.ndarray:
    """Draw parallel stripes that are a little bent."""
    y, x = np.mgrid[:side, :side]
    angle, wavelength = random.uniform(0, np.pi), random.uniform(4, 16)
    bent = y * np.sin(angle) + x * np.cos(angle) + 3 * smooth(random, side, 12)
    return _standard(np.sin(bent * 2 * np.pi / wavelength))


def _standard(field: np.ndarray) -> np.ndarray:
    return np.asarray((field - field.mean()) / (field.std() + 1e-6))
