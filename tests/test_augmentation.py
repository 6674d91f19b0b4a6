"""Laws of augmentation: what moves, moves together."""

import numpy as np
import pytest

from napari_unet.images.normalisation import CLIP
from napari_unet.training.augmentation import Intensities, TrainingTile, augment, flip_and_turn

STILL = Intensities(contrast=0.0, brightness=0.0, noise=0.0)
SYMMETRIES = [(turns, mirror) for turns in range(4) for mirror in (False, True)]


def image_of(labels: np.ndarray) -> np.ndarray:
    """A picture that shows nothing but the labels, in two channels."""
    return np.stack([labels * 0.1 - 1, 1 - labels * 0.2], axis=-1).astype(np.float32)


def weights_of(labels: np.ndarray) -> np.ndarray:
    """Weights that depend on the label alone, 0 where unlabelled."""
    return (labels * 0.5).astype(np.float32)


@pytest.fixture
def tile() -> TrainingTile:
    """Labels without any symmetry of their own, and the picture of them."""
    labels = np.random.default_rng(1).integers(0, 6, (32, 32)).astype(np.uint8)
    return TrainingTile(image_of(labels), labels, weights_of(labels))


@pytest.mark.parametrize(("turns", "mirror"), SYMMETRIES)
def test_pixels_labels_and_weights_move_together(tile: TrainingTile, turns: int, mirror: bool) -> None:
    """If the image is a function of the labels before a symmetry, it is the same function after it."""
    moved = flip_and_turn(tile, turns, mirror)
    np.testing.assert_array_equal(moved.pixels, image_of(moved.labels))
    np.testing.assert_array_equal(moved.weights, weights_of(moved.labels))
    assert all(part.flags.c_contiguous for part in moved)


def test_the_eight_symmetries_are_eight(tile: TrainingTile) -> None:
    """Each gives another tile, and one of them is the tile itself."""
    moved = {flip_and_turn(tile, *symmetry).labels.tobytes() for symmetry in SYMMETRIES}
    assert len(moved) == 8
    assert tile.labels.tobytes() in moved


def test_augment_draws_all_symmetries_and_keeps_values(tile: TrainingTile) -> None:
    """Labels and weights keep their values and counts; over many draws every symmetry comes up."""
    random = np.random.default_rng(0)
    seen = set()
    for _ in range(100):
        drawn = augment(tile, random, STILL)
        np.testing.assert_array_equal(drawn.pixels, image_of(drawn.labels))
        np.testing.assert_array_equal(np.sort(drawn.weights, axis=None), np.sort(tile.weights, axis=None))
        np.testing.assert_array_equal(
            np.bincount(drawn.labels.ravel(), minlength=6), np.bincount(tile.labels.ravel(), minlength=6)
        )
        assert (drawn.labels.dtype, drawn.weights.dtype) == (np.uint8, np.float32)
        seen.add(drawn.labels.tobytes())
    assert len(seen) == 8


def test_varied_intensities_stay_in_range(tile: TrainingTile) -> None:
    """Intensities change, stay within the clip, and labels and weights do not feel it."""
    drawn = augment(tile, np.random.default_rng(2), Intensities(contrast=0.9, brightness=3.0, noise=1.0))
    assert drawn.pixels.dtype == np.float32
    assert np.abs(drawn.pixels).max() <= CLIP
    assert not np.array_equal(drawn.pixels, image_of(drawn.labels))
    np.testing.assert_array_equal(drawn.weights, weights_of(drawn.labels))


def test_the_tile_itself_is_not_written(tile: TrainingTile) -> None:
    """Augmenting leaves its input as it was."""
    before = [part.copy() for part in tile]
    for seed in range(8):
        augment(tile, np.random.default_rng(seed))
    for part, old in zip(tile, before, strict=True):
        np.testing.assert_array_equal(part, old)
