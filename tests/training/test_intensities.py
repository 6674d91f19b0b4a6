"""Laws of changed intensities."""

import numpy as np
import torch
from scipy import ndimage

from napari_unet.dataset.augmentation import NONE, STRONG, Augmentation, Intensities, draw_intensities
from napari_unet.images.normalisation import CLIP
from napari_unet.training.intensities import with_intensities


def varied(pixels: np.ndarray, augmentation: Augmentation, seed: int = 0) -> np.ndarray:
    """Vary tiles (b, c, y, x) by what an augmentation draws."""
    random = np.random.default_rng(seed)
    drawn = draw_intensities(*pixels.shape[:2], random, augmentation)
    return with_intensities(torch.from_numpy(pixels), drawn, random).numpy()


def noise(*shape: int) -> np.ndarray:
    """Normal noise within the clip."""
    return np.random.default_rng(1).normal(size=shape).astype(np.float32).clip(-CLIP, CLIP)


def test_none_leaves_tiles_as_they_are() -> None:
    """Nothing is on unless it is asked for."""
    pixels = noise(3, 2, 16, 16)
    np.testing.assert_array_equal(varied(pixels, NONE), pixels)


def test_values_change_and_stay_in_range_and_the_input_is_not_written() -> None:
    """However strong the change is."""
    pixels = noise(4, 2, 16, 16)
    before = pixels.copy()
    for augmentation in (STRONG, Augmentation(contrast=0.9, brightness=3.0, noise=1.0)):
        found = varied(pixels, augmentation)
        assert found.dtype == np.float32
        assert np.abs(found).max() <= CLIP
        assert (found != pixels).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(pixels, before)


def test_gamma_keeps_ends_order_and_what_lies_outside() -> None:
    """-1, 1 and everything beyond stay as they are; between them the order of values stays, and values change."""
    values = np.linspace(-CLIP, CLIP, 601, dtype=np.float32)
    found = varied(values.reshape(1, 1, 1, -1), Augmentation(gamma_probability=1.0, gamma=2.0), 3).ravel()
    outside = np.abs(values) >= 1
    np.testing.assert_array_equal(found[outside], values[outside])
    assert (np.diff(found) >= -1e-6).all()
    assert np.abs(found - values).max() > 0.05


def test_blur_is_scipys_away_from_the_rim() -> None:
    """Each tile by its own standard deviation, in order, channels not mixed; those without one stay as they are."""
    pixels = noise(4, 2, 40, 40)
    deviations = np.array([0.0, 0.6, 2.0, 0.0], np.float32)
    still = np.ones((4, 2), np.float32)
    changes = Intensities(deviations, still, still, 0 * still, np.zeros(4, np.float32))
    found = with_intensities(torch.from_numpy(pixels), changes, np.random.default_rng(0)).numpy()
    np.testing.assert_array_equal(found[[0, 3]], pixels[[0, 3]])
    inner = np.s_[:, 7:-7, 7:-7]
    for tile in (1, 2):
        expected = ndimage.gaussian_filter(pixels[tile], deviations[tile], axes=(1, 2), truncate=3, mode="nearest")
        np.testing.assert_allclose(found[tile][inner], expected[inner], atol=1e-5)
        np.testing.assert_allclose(found[tile], expected, atol=1e-5)


def test_every_tile_and_channel_has_its_own_contrast() -> None:
    """Contrast and brightness are a straight line per channel of each tile."""
    line = np.linspace(-1, 1, 64, dtype=np.float32)
    pixels = np.broadcast_to(line.reshape(1, 1, 8, 8), (2, 3, 8, 8)).copy()
    found = varied(pixels, Augmentation(contrast=0.5, brightness=0.2)).reshape(6, 64)
    fits = [np.polyfit(line, seen, 1) for seen in found]
    for seen, (factor, offset) in zip(found, fits, strict=True):
        np.testing.assert_allclose(seen, factor * line + offset, atol=1e-5)
        assert 0.5 <= factor <= 1.5
        assert -0.2 <= offset <= 0.2
    assert len({round(float(factor), 4) for factor, _ in fits}) == 6


def test_noise_has_the_deviation_that_was_drawn() -> None:
    """And another pattern in every tile."""
    random = np.random.default_rng(5)
    drawn = draw_intensities(3, 1, random, Augmentation(noise=0.5))
    found = with_intensities(torch.zeros(3, 1, 100, 100), drawn, random).numpy()
    np.testing.assert_allclose(found.std(axis=(1, 2, 3)), drawn.noise, rtol=0.05)
    assert not np.allclose(found[0] / drawn.noise[0], found[1] / drawn.noise[1])
