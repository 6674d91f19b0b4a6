"""Laws of the random share of labelled pixels that a step learns from."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.training.pixel_mask import random_mask


@given(st.integers(0, 400), st.floats(0.01, 1), st.integers(0, 2**32 - 1))
def test_the_random_mask_keeps_its_share(weighted: int, share: float, seed: int) -> None:
    """The share is kept to the pixel, at least one where any is; those kept are unchanged, the others exactly 0."""
    random = np.random.default_rng(seed)
    drawn = np.zeros(800, np.float32)
    drawn[random.choice(800, weighted, replace=False)] = random.uniform(0.5, 9, weighted)
    weights = torch.from_numpy(drawn.reshape(2, 20, 20))
    before = weights.clone()
    masked = random_mask(weights, share, random)
    kept = masked > 0
    assert abs(int(kept.sum()) - min(weighted, max(1, share * weighted))) <= 0.501  # float32 decides the half
    assert torch.equal(masked, torch.where(kept, weights, 0))
    assert torch.equal(weights, before)


def test_every_labelled_pixel_has_its_turn() -> None:
    """Masks differ from step to step, and each pixel is in about its share of them."""
    random, weights = np.random.default_rng(3), torch.ones(10, 10)
    counts = sum((random_mask(weights, 0.2, random) > 0).int() for _ in range(1000))
    assert isinstance(counts, torch.Tensor)
    assert counts.sum() == 20_000
    assert 140 < counts.min() <= counts.max() < 260  # 200 +- 4.7 standard deviations of 12.6


def test_the_whole_share_draws_nothing() -> None:
    """Without a mask weights and random numbers stay as they are."""
    random, untouched = np.random.default_rng(3), np.random.default_rng(3)
    weights = torch.ones(10, 10)
    assert torch.equal(random_mask(weights, 1.0, random), weights)
    assert random.bit_generator.state == untouched.bit_generator.state
