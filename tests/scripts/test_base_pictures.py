"""Laws of the images that base weights learn from: drawn ones, tiles of real ones, filter responses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

if not (Path(__file__).parents[2] / "scripts").is_dir():
    pytest.skip("not a checkout", allow_module_level=True)

from scripts.base.drawn import draw, drawn_picture
from scripts.base.filters import INTENSITIES, TARGETS, intensities, responses, targets
from scripts.base.look import Look
from scripts.base.picture import Picture
from scripts.base.sets import SOURCES, object_classes
from scripts.base.warp import warped

SIDE = 64


def ramp(*, down: bool) -> Picture:
    """Every pixel and its label say which column (or row) it lies in; 255 of them, so that halving leaves one over.

    Tiles are laid around the middle, from where they do not reach the rim.
    """
    labels = np.broadcast_to(np.arange(255, dtype=np.uint8), (180, 255))
    labels = np.ascontiguousarray(labels.T if down else labels)
    pixels = np.repeat(labels[np.newaxis].astype(np.float32), 3, 0)
    middle = np.flatnonzero(np.abs(labels.ravel().astype(int) - 127) < 15)
    return Picture(pixels, labels, True, (middle,))


def test_drawn_images_are_finite_and_mostly_have_classes_to_tell_apart() -> None:
    """Class indices without gaps, two classes or more in nine of ten images, pixels that are numbers and vary."""
    several = 0
    for seed in range(40):
        pixels, labels = draw(np.random.default_rng(seed), 64)
        present = np.unique(labels)
        assert pixels.shape in {(64, 64, 1), (64, 64, 3)}
        assert pixels.dtype == np.float32
        assert np.isfinite(pixels).all()
        assert np.ptp(pixels) > 0
        assert present.tolist() == list(range(len(present)))
        several += len(present) > 1
    assert several >= 36


def test_drawn_images_depend_on_the_seed_alone() -> None:
    """The same seed draws the same image, another seed another one; some are grey and some are not."""
    one, again, other = (drawn_picture(np.random.default_rng(seed), SIDE) for seed in (3, 3, 4))
    assert np.array_equal(one.pixels, again.pixels)
    assert np.array_equal(one.labels, again.labels)
    assert not np.array_equal(one.pixels, other.pixels)
    pictures = [drawn_picture(np.random.default_rng(seed), SIDE) for seed in range(8)]
    assert {picture.grey for picture in pictures} == {True, False}
    assert all(picture.grey == bool((picture.pixels == picture.pixels[:1]).all()) for picture in pictures)


def test_objects_have_a_rim_where_they_end() -> None:
    """Two px of an object are rim, towards another object as towards the background."""
    row = np.repeat([0, 1, 2, 0], 8)
    expected = np.repeat([0, 2, 1, 2, 2, 1, 2, 0], [8, 2, 4, 2, 2, 4, 2, 8])
    assert np.array_equal(object_classes(np.tile(row, (9, 1))), np.tile(expected, (9, 1)))


@pytest.mark.parametrize("scale", [0.5, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("down", [False, True])
def test_labels_and_pixels_of_a_warp_move_together(scale: float, down: bool) -> None:
    """Pixels that are the labels agree with them in the tile to what rounding and pooling allow."""
    picture = ramp(down=down)
    for seed in range(10):
        pixels, labels = warped(picture, 32, scale, np.random.default_rng(seed))
        assert pixels.shape == (3, 32, 32)
        assert labels.shape == (32, 32)
        assert len(labels.unique()) > 10 / scale
        assert (pixels - labels.float()).abs().max() < 0.51


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_beyond_the_rim_a_tile_shows_the_picture_mirrored(scale: float) -> None:
    """In a picture that is smaller than the tile, pixels that are the labels agree with them everywhere."""
    labels = np.ascontiguousarray(np.broadcast_to(np.arange(30, dtype=np.uint8), (24, 30)))
    picture = Picture(np.repeat(labels[np.newaxis].astype(np.float32), 3, 0), labels, True, (np.arange(labels.size),))
    for seed in range(10):
        pixels, found = warped(picture, 64, scale, np.random.default_rng(seed))
        assert len(found.unique()) > 15
        assert (pixels - found.float()).abs().max() < 0.51


def test_a_warp_scales() -> None:
    """A tile at twice the scale shows half as many columns."""
    spans = [
        [np.ptp(warped(ramp(down=False), 32, scale, np.random.default_rng(seed))[1].numpy()) for seed in range(20)]
        for scale in (0.7, 1.4)
    ]
    assert np.median(spans[0]) / np.median(spans[1]) == pytest.approx(2, rel=0.25)


def test_both_tiles_of_an_episode_look_alike() -> None:
    """Gain and offset of a look differ between two tiles by its jitter only, while two looks differ by more."""
    tile = torch.linspace(-0.8, 0.8, SIDE * SIDE).view(1, SIDE, SIDE).repeat(3, 1, 1)
    random = np.random.default_rng(0)
    within, between = [], []
    for _ in range(20):
        one, other = (replace(Look.draw(random, grey=True), noise=0.0) for _ in range(2))
        first, second, third = one.apply(tile, random), one.apply(tile, random), other.apply(tile, random)
        within.append(float((first - second).abs().mean()))
        between.append(float((first - third).abs().mean()))
    assert max(within) < 0.4 < np.mean(between)


def test_filter_responses_of_a_slope() -> None:
    """Nothing but the slope: gradients are its steepness over two pixels, scales do not differ, away from the rim."""
    slope = (0.01 * torch.arange(96.0)).expand(1, 1, 96, 96)
    scales = intensities(slope)
    assert scales.shape == (1, INTENSITIES, 96, 96)
    found = targets(scales)[0, :, 30:-30, 30:-30]
    assert len(found) == TARGETS == 11
    assert torch.allclose(found[:5], slope[0, :, 30:-30, 30:-30].expand(5, -1, -1), atol=1e-4)
    assert torch.allclose(found[5:7], torch.tensor([0.04, 0.08])[:, None, None].expand(2, 36, 36), atol=1e-3)
    assert torch.allclose(found[7:], torch.zeros(4, 36, 36), atol=1e-3)
    both = responses(torch.cat([slope - 0.1, slope, slope + 0.1], 1))
    assert torch.allclose(both.scales.permute(0, 3, 1, 2), scales, atol=1e-6)
    assert torch.allclose(both.targets.permute(0, 3, 1, 2), targets(scales), atol=1e-4)


def test_partitions_cover_the_fine_classes_of_their_set() -> None:
    """Each way of asking maps every fine class, and has two classes or more, numbered without gaps."""
    for source in SOURCES.values():
        assert len({len(partition) for partition in source.partitions}) == 1
        assert all(sorted(set(each)) == list(range(max(each) + 1)) and max(each) > 0 for each in source.partitions)
