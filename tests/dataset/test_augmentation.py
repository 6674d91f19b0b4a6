"""Laws of augmentation, as numbers: which motions and intensities are drawn."""

import numpy as np
import pytest
from drawing import Drawing
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.augmentation import (
    DEFAULT,
    MILD,
    NONE,
    STRONG,
    Augmentation,
    Motions,
    cubic_basis,
    draw_intensities,
    draw_motions,
    linear_maps,
    reaches,
)
from napari_unet.dataset.sampler import Sampler
from napari_unet.images.image import Image

SIDE = 48
NO_ANGLE, NO_SCALE = np.zeros(1), np.ones(1)


def positions(motions: Motions, side: int) -> np.ndarray:
    """Rows and columns (b, 2, side, side) of the sources, pixel by pixel as the docstring of Motions says."""
    basis = cubic_basis(side)
    surfaces = np.einsum("yk,bckl,xl->bcyx", basis, motions.displacements, basis)
    found = np.zeros((len(motions.fixed), 2, side, side))
    for tile, (row, column) in enumerate(motions.fixed):
        y, x = np.mgrid[:side, :side] - np.array([row, column])[:, None, None]
        straight = np.tensordot(motions.matrices[tile], np.stack([y, x]), 1)
        found[tile] = straight + surfaces[tile] - surfaces[tile][:, row, column][:, None, None]
    return found


def test_the_eight_symmetries_are_eight() -> None:
    """Quarter turns and a mirror give eight matrices of whole numbers, one of them the identity."""
    turns, mirrored = np.repeat(np.arange(4), 2), np.tile([False, True], 4)
    found = linear_maps(turns, mirrored, np.zeros(8), np.ones(8))
    assert len(np.unique(found, axis=0)) == 8
    assert set(np.unique(found)) <= {-1, 0, 1}
    np.testing.assert_array_equal(found[0], np.eye(2))


def test_all_symmetries_are_drawn_as_often() -> None:
    """Of 4000 draws each of the eight comes up about 500 times."""
    motions = draw_motions(np.zeros((4000, 2), np.int64), SIDE, np.random.default_rng(0), MILD)
    _, counts = np.unique(motions.matrices, axis=0, return_counts=True)
    assert len(counts) == 8
    assert 400 < counts.min() <= counts.max() < 600  # 500 +- 4.8 standard deviations of 21
    assert not motions.displacements.any()


@pytest.mark.parametrize("turns", range(4))
def test_four_right_angles_are_quarter_turns(turns: int) -> None:
    """Angles count the same way as quarter turns."""
    by_angle = linear_maps(np.array([0]), np.array([False]), np.array([90.0 * turns]), NO_SCALE)
    by_turns = linear_maps(np.array([turns]), np.array([False]), NO_ANGLE, NO_SCALE)
    np.testing.assert_allclose(by_angle, by_turns, atol=1e-6)


@pytest.mark.parametrize("magnification", [0.5, 2.0])
def test_magnification_shows_less_of_the_source(magnification: float) -> None:
    """At twice the size a tile shows half the length, at half the size twice."""
    found = linear_maps(np.array([0]), np.array([False]), NO_ANGLE, np.array([magnification]))
    np.testing.assert_array_equal(found[0], np.eye(2) / magnification)


def test_the_share_of_bent_tiles_is_the_one_asked_for() -> None:
    """Half of the tiles are rotated, scaled and deformed, the others are one of the eight symmetries."""
    motions = draw_motions(np.zeros((2000, 2), np.int64), 128, np.random.default_rng(0), DEFAULT)
    is_bent = motions.displacements.any(axis=(1, 2, 3))
    is_straight = np.isin(motions.matrices, [-1, 0, 1]).all(axis=(1, 2))
    assert 900 < is_bent.sum() < 1100  # 1000 +- 4.5 standard deviations of 22
    np.testing.assert_array_equal(is_bent, ~is_straight)


def test_displacements_are_met_at_the_knots() -> None:
    """The cubic surface goes through its nine knots, and its shares add up to one."""
    basis = cubic_basis(65)
    np.testing.assert_allclose(basis[::32], np.eye(3), atol=1e-6)
    np.testing.assert_allclose(basis.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("side", [64, 128, 256])
@pytest.mark.parametrize("scale", [1.0, 1.25, 2.0])
def test_deformations_do_not_fold(side: int, scale: float) -> None:
    """A pixel left of another one stays left of it: the Jacobian determinant stays above zero."""
    fixed = np.full((200, 2), side // 2)
    deformed = Augmentation(warp_probability=1.0, elastic=10.0, scale=scale)
    motions = draw_motions(fixed, side, np.random.default_rng(0), deformed)
    for rows, columns in positions(motions, side):
        (ry, rx), (cy, cx) = np.gradient(rows), np.gradient(columns)
        assert (ry * cx - rx * cy).min() > 0


@given(st.integers(0, 2**32), st.integers(16, 200))
def test_a_map_stays_within_its_reach(seed: int, side: int) -> None:
    """Every pixel that an interpolation reads lies in the reach, which is only a few pixels wider."""
    random = np.random.default_rng(seed)
    motions = draw_motions(random.integers(0, side, (4, 2)), side, random, STRONG)
    read = positions(motions, side)
    for (y0, x0, y1, x1), (rows, columns) in zip(reaches(motions, side).tolist(), read, strict=True):
        for low, high, found in ((y0, y1, rows), (x0, x1, columns)):
            assert low <= np.floor(found.min())
            assert np.floor(found.max()) + 1 <= high
            assert high - low <= np.ptp(found) + 12


@pytest.mark.parametrize("augmentation", [NONE, MILD, DEFAULT, STRONG])
def test_intensities_are_drawn_within_their_limits(augmentation: Augmentation) -> None:
    """Every number lies in the range that the preset gives; without any, nothing changes."""
    drawn = draw_intensities(500, 3, np.random.default_rng(0), augmentation)
    assert 0 <= drawn.blur.min() <= drawn.blur.max() <= augmentation.blur
    assert 1 / augmentation.gamma - 1e-6 <= drawn.exponents.min() <= drawn.exponents.max() <= augmentation.gamma + 1e-6
    assert abs(drawn.factors - 1).max() <= augmentation.contrast + 1e-6
    assert abs(drawn.offsets).max() <= augmentation.brightness
    assert 0 <= drawn.noise.min() <= drawn.noise.max() <= augmentation.noise
    assert (drawn.blur > 0).mean() == pytest.approx(augmentation.blur_probability, abs=0.06)
    assert (drawn.exponents != 1).any(axis=1).mean() == pytest.approx(augmentation.gamma_probability, abs=0.1)


# The sampler


@pytest.fixture
def drawing() -> Drawing:
    """Draw two planes: a class of 57 pixels and one of 5760 in the first, more of the second in the other."""
    pixels = np.random.default_rng(0).random((2, 64, 320))
    labels = np.zeros(pixels.shape, np.uint8)
    labels[0, :57, 250], labels[0, :, :90], labels[1, :, 100:190] = 2, 1, 1
    return Drawing(Image("noise", pixels, "zyx"), labels, settings=Settings(border_weight=0))


def test_every_class_is_drawn_as_often(annotations: Annotations) -> None:
    """A rare class comes up as often as a frequent one, and every pixel of a class as often as the others."""
    counts = annotations.counts()
    assert counts[1] / counts[2] > 50
    plans = Sampler(annotations, 64, np.random.default_rng(1)).draw(2000)
    classes = [annotations.planes[key].labels[:][y, x] for key, (y, x) in zip(plans.keys, plans.pixels, strict=True)]
    assert 890 < classes.count(2) < 1110  # 1000 +- 4.9 standard deviations of 22
    share = np.mean([key == (1, 0) for key, class_id in zip(plans.keys, classes, strict=True) if class_id == 1])
    expected = len(annotations.planes[1, 0].positions[1]) / counts[1]
    assert share == pytest.approx(expected, abs=0.08)
    trained = [annotations.planes[key].trained[:][y, x] for key, (y, x) in zip(plans.keys, plans.pixels, strict=True)]
    assert all(trained)
    assert len({tuple(pixel) for pixel, class_id in zip(plans.pixels, classes, strict=True) if class_id == 2}) > 30


@pytest.mark.parametrize("rim", [0, 10])
def test_the_labelled_pixel_lies_in_the_middle_half(annotations: Annotations, rim: int) -> None:
    """Of what the network answers for: the rim for which it gives no answer is left out."""
    plans = Sampler(annotations, 64, np.random.default_rng(1), rim=rim).draw(500)
    quarter = (64 - 2 * rim) // 4
    assert plans.motions.fixed.min() == rim + quarter
    assert plans.motions.fixed.max() == 64 - rim - quarter


def test_the_generator_is_the_only_chance(annotations: Annotations) -> None:
    """From the same state of the generator come the same plans: training goes on as if never stopped."""
    random = np.random.default_rng(4)
    sampler = Sampler(annotations, 64, random, STRONG)
    sampler.draw(3)
    state = random.bit_generator.state
    first = sampler.draw(20)
    other = np.random.default_rng(99)
    again = Sampler(annotations, 64, other, STRONG)
    other.bit_generator.state = state
    repeated = again.draw(20)
    assert first.keys == repeated.keys
    for one, two in zip((*first.motions, *first.intensities), (*repeated.motions, *repeated.intensities), strict=True):
        np.testing.assert_array_equal(one, two)
