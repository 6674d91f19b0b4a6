"""Laws of augmentation: what moves, moves together."""

from dataclasses import replace

import numpy as np
import pytest
from drawing import Drawing
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.augmentation import (
    DEFAULT,
    MILD,
    NONE,
    STRONG,
    Augmentation,
    InverseMap,
    Motion,
    TrainingTile,
    augment,
    draw_map,
    flip_and_turn,
    inverse_map,
    vary_intensities,
    warp,
)
from napari_unet.dataset.sampler import Sampler
from napari_unet.images.image import Image
from napari_unet.images.normalisation import CLIP
from napari_unet.images.tiled_plane import TiledPlane

STILL = Augmentation(flips_and_turns=True)
MOVING = replace(
    STRONG, warp_probability=1.0, blur_probability=0.0, gamma_probability=0.0, contrast=0.0, brightness=0.0, noise=0.0
)
SIDE = 48
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
    np.testing.assert_array_equal(moved.weight_map, weights_of(moved.labels))
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
        np.testing.assert_array_equal(np.sort(drawn.weight_map, axis=None), np.sort(tile.weight_map, axis=None))
        np.testing.assert_array_equal(
            np.bincount(drawn.labels.ravel(), minlength=6), np.bincount(tile.labels.ravel(), minlength=6)
        )
        assert (drawn.labels.dtype, drawn.weight_map.dtype) == (np.uint8, np.float32)
        seen.add(drawn.labels.tobytes())
    assert len(seen) == 8


def test_varied_intensities_stay_in_range(tile: TrainingTile) -> None:
    """Intensities change, stay within the clip, and labels and weights do not feel it."""
    drawn = augment(tile, np.random.default_rng(2), Augmentation(contrast=0.9, brightness=3.0, noise=1.0))
    assert drawn.pixels.dtype == np.float32
    assert np.abs(drawn.pixels).max() <= CLIP
    assert not np.array_equal(drawn.pixels, image_of(drawn.labels))
    np.testing.assert_array_equal(drawn.weight_map, weights_of(drawn.labels))


def test_the_tile_itself_is_not_written(tile: TrainingTile) -> None:
    """Augmenting leaves its input as it was."""
    before = [part.copy() for part in tile]
    for seed in range(8):
        augment(tile, np.random.default_rng(seed))
    for part, old in zip(tile, before, strict=True):
        np.testing.assert_array_equal(part, old)


# The warp


def blobs(seed: int, side: int, classes: int = 4) -> np.ndarray:
    """Labels 0 (unlabelled) to ``classes`` in smooth patches of some ten pixels."""
    noise = np.random.default_rng(seed).normal(size=(classes + 1, side, side))
    return ndimage.gaussian_filter(noise, 4, axes=(1, 2)).argmax(axis=0).astype(np.uint8)


def inner(labels: np.ndarray) -> np.ndarray:
    """Pixels whose eight neighbours have the same label: what is interpolated nearest to them sees nothing else."""
    return ndimage.minimum_filter(labels, 3) == ndimage.maximum_filter(labels, 3)


def source_around(places: InverseMap, seed: int = 0) -> tuple[TrainingTile, InverseMap]:
    """A source just as large as the map reads, and the map into it."""
    region = places.region
    labels = blobs(seed, max(region.shape))[: region.shape[0], : region.shape[1]]
    source = TrainingTile(image_of(labels), labels, weights_of(labels))
    return source, places.seen_from(region.y0, region.x0)


maps = st.builds(
    lambda seed, fixed: draw_map(SIDE, fixed, np.random.default_rng(seed), MOVING),
    st.integers(0, 2**32),
    st.tuples(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1)),
)


@given(maps, st.integers(0, 9))
def test_a_warp_commutes_with_the_labels(drawn: InverseMap, seed: int) -> None:
    """Away from edges an image of the labels is, after the warp, the image of the warped labels; weights everywhere."""
    source, places = source_around(drawn, seed)
    warped = warp(source, places)
    np.testing.assert_array_equal(warped.weight_map, weights_of(warped.labels))
    away = warp(source._replace(labels=inner(source.labels).astype(np.uint8)), places).labels > 0
    assert away.any()
    np.testing.assert_allclose(warped.pixels[away], image_of(warped.labels)[away], rtol=0, atol=1e-6)
    assert (warped.pixels.dtype, warped.labels.dtype, warped.weight_map.dtype) == (np.float32, np.uint8, np.float32)


@given(maps, st.integers(0, 9))
def test_a_warp_invents_nothing(drawn: InverseMap, seed: int) -> None:
    """No label or weight that the source lacks, no pixel value outside its range, no weight without a label."""
    source, places = source_around(drawn, seed)
    # Weights that differ from pixel to pixel, some labelled pixels without any.
    random = np.random.default_rng(seed)
    weights = (random.random(source.labels.shape) * (random.random(source.labels.shape) < 0.7)).astype(np.float32)
    source = source._replace(weight_map=np.where(source.labels > 0, weights, np.float32(0)))
    warped = warp(source, places)
    pairs = set(zip(source.labels.ravel().tolist(), source.weight_map.ravel().tolist(), strict=True))
    assert set(zip(warped.labels.ravel().tolist(), warped.weight_map.ravel().tolist(), strict=True)) <= pairs
    assert not warped.weight_map[warped.labels == 0].any()
    assert warped.pixels.min() >= source.pixels.min() - 1e-6
    assert warped.pixels.max() <= source.pixels.max() + 1e-6


@given(st.integers(0, 2**32), st.integers(0, SIDE - 1), st.integers(0, SIDE - 1))
def test_the_fixed_pixel_is_hit_exactly(seed: int, row: int, column: int) -> None:
    """A stroke of a single pixel survives every map that is drawn around it."""
    drawn = draw_map(SIDE, (row, column), np.random.default_rng(seed), MOVING)
    assert (drawn.rows[row, column], drawn.columns[row, column]) == (0, 0)
    region = drawn.region
    pixels = np.random.default_rng(seed).normal(size=(*region.shape, 1)).astype(np.float32)
    labels = np.zeros(region.shape, np.uint8)
    labels[-region.y0, -region.x0] = 3
    warped = warp(TrainingTile(pixels, labels, weights_of(labels)), drawn.seen_from(region.y0, region.x0))
    assert warped.labels[row, column] == 3
    assert warped.weight_map[row, column] == weights_of(labels).max()
    assert warped.pixels[row, column] == pixels[-region.y0, -region.x0]


def test_labels_are_those_of_the_nearest_pixel() -> None:
    """Just before the middle between two pixels it is the first, just after it the second; in rows and columns."""
    labels = np.arange(9, dtype=np.uint8).reshape(3, 3)
    source = TrainingTile(image_of(labels), labels, weights_of(labels))
    for row, column, expected in [(0.4, 0.4, 0), (0.6, 0.4, 3), (0.4, 0.6, 1), (1.4, 0.9, 4), (0.9, 1.4, 4)]:
        warped = warp(source, InverseMap(*(np.full((1, 1), part, np.float32) for part in (row, column))))
        assert warped.labels.item() == expected
        assert warped.weight_map.item() == weights_of(labels)[labels == expected]
        between = image_of(np.float32(3 * row + column))  # the labels are a plane, which interpolation meets exactly
        np.testing.assert_allclose(warped.pixels[0, 0], between, atol=1e-6)


@given(maps)
def test_a_map_reads_within_its_region(drawn: InverseMap) -> None:
    """Every pixel that an interpolation reads lies in the region, which is no larger than that."""
    region = drawn.region
    places = drawn.seen_from(region.y0, region.x0)
    for positions, size in zip(places, region.shape, strict=True):
        assert positions.min() >= 0
        assert size - 3 <= positions.max() < size - 1


def test_without_parameters_nothing_moves(tile: TrainingTile) -> None:
    """The identity gives the identical tile."""
    padded = TrainingTile(*(np.pad(part, [(0, 2), (0, 2), (0, 0)][: part.ndim]) for part in tile))
    for fixed in ((0, 0), (16, 5)):
        still = warp(padded, inverse_map(32, fixed).seen_from(-fixed[0], -fixed[1]))
        for part, old in zip(still, tile, strict=True):
            np.testing.assert_array_equal(part, old)


@pytest.mark.parametrize(("turns", "mirror"), SYMMETRIES)
def test_symmetries_of_a_map_are_those_of_the_tile(turns: int, mirror: bool) -> None:
    """A map that only flips and turns gives, to the pixel, what moving the pixels gives."""
    labels = np.random.default_rng(1).integers(0, 6, (33, 33)).astype(np.uint8)
    tile = TrainingTile(image_of(labels), labels, weights_of(labels))
    padded = TrainingTile(*(np.pad(part, [(0, 2), (0, 2), (0, 0)][: part.ndim]) for part in tile))
    places = inverse_map(33, (16, 16), Motion(turns, mirror)).seen_from(-16, -16)
    for part, expected in zip(warp(padded, places), flip_and_turn(tile, turns, mirror), strict=True):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("turns", range(4))
def test_four_right_angles_are_quarter_turns(turns: int) -> None:
    """Angles count the same way as quarter turns."""
    by_angle, by_turns = inverse_map(32, (7, 9), Motion(degrees=90.0 * turns)), inverse_map(32, (7, 9), Motion(turns))
    np.testing.assert_allclose(by_angle, by_turns, atol=1e-4)


def test_magnification_shows_less_of_the_source() -> None:
    """At twice the size a tile shows half the length, at half the size twice."""
    for magnification in (0.5, 2.0):
        drawn = inverse_map(32, (16, 16), Motion(magnification=magnification))
        assert np.ptp(drawn.rows) == np.ptp(drawn.columns) == 31 / magnification


def test_displacements_are_met_at_the_knots() -> None:
    """The cubic surface goes through its nine knots, and a constant displacement moves nothing against the rest."""
    displacements = np.random.default_rng(0).normal(0, 10, (2, 3, 3))
    straight, bent = inverse_map(65, (0, 0)), inverse_map(65, (0, 0), Motion(displacements=displacements))
    knots = np.s_[::32, ::32]
    expected = displacements - displacements[:, :1, :1]
    np.testing.assert_allclose(bent.rows[knots] - straight.rows[knots], expected[0], atol=1e-4)
    np.testing.assert_allclose(bent.columns[knots] - straight.columns[knots], expected[1], atol=1e-4)
    moved = inverse_map(65, (3, 4), Motion(displacements=np.full((2, 3, 3), 7.0)))
    np.testing.assert_allclose(moved, inverse_map(65, (3, 4)))


@pytest.mark.parametrize("side", [64, 128, 256])
def test_deformations_do_not_fold(side: int) -> None:
    """A pixel left of another one stays left of it: the Jacobian determinant stays above zero."""
    random = np.random.default_rng(0)
    for _ in range(50):
        drawn = draw_map(side, (side // 2, side // 2), random, Augmentation(elastic=10.0))
        (ry, rx), (cy, cx) = np.gradient(drawn.rows), np.gradient(drawn.columns)
        assert (ry * cx - rx * cy).min() > 0


# Intensities


def test_none_leaves_the_tile_as_it_is(tile: TrainingTile) -> None:
    """Nothing is on unless it is asked for."""
    for part, old in zip(augment(tile, np.random.default_rng(0), NONE), tile, strict=True):
        np.testing.assert_array_equal(part, old)


@pytest.mark.parametrize("augmentation", [MILD, DEFAULT, STRONG])
def test_intensities_never_touch_labels(tile: TrainingTile, augmentation: Augmentation) -> None:
    """Without geometry labels and weights stay where they are; pixels stay float32 and in range, and do change."""
    still = replace(augmentation, flips_and_turns=False)
    for seed in range(10):
        drawn = augment(tile, np.random.default_rng(seed), still)
        np.testing.assert_array_equal(drawn.labels, tile.labels)
        np.testing.assert_array_equal(drawn.weight_map, tile.weight_map)
        assert drawn.pixels.dtype == np.float32
        assert np.abs(drawn.pixels).max() <= CLIP
        assert not np.array_equal(drawn.pixels, tile.pixels)


def test_gamma_keeps_ends_order_and_what_lies_outside() -> None:
    """-1, 1 and everything beyond stay as they are; between them the order of values stays, and values change."""
    values = np.linspace(-CLIP, CLIP, 601, dtype=np.float32)
    changed = vary_intensities(
        values.reshape(1, -1, 1), np.random.default_rng(3), Augmentation(gamma_probability=1.0, gamma=2.0)
    ).ravel()
    outside = np.abs(values) >= 1
    np.testing.assert_array_equal(changed[outside], values[outside])
    assert (np.diff(changed) >= 0).all()
    assert np.abs(changed - values).max() > 0.05


def test_blur_keeps_the_mean_of_each_channel() -> None:
    """Blurring smooths, mixes no channels and shifts no brightness."""
    pixels = np.zeros((32, 32, 2), np.float32)
    pixels[16, 16, 0] = 1
    pixels[:, :, 1] = 0.5
    seen = vary_intensities(pixels, np.random.default_rng(0), Augmentation(blur_probability=1.0, blur=2.0))
    assert 0 < seen[:, :, 0].max() < 0.9
    np.testing.assert_allclose(seen.mean(axis=(0, 1)), pixels.mean(axis=(0, 1)), rtol=1e-4)
    np.testing.assert_allclose(seen[:, :, 1], 0.5, rtol=1e-5)


def test_every_channel_has_its_own_contrast() -> None:
    """Contrast and brightness are a straight line per channel."""
    line = np.linspace(-1, 1, 64, dtype=np.float32)
    pixels = np.repeat(line.reshape(8, 8, 1), 3, axis=2)
    seen = vary_intensities(pixels, np.random.default_rng(0), Augmentation(contrast=0.5, brightness=0.2))
    fits = [np.polyfit(line, seen[:, :, channel].ravel(), 1) for channel in range(3)]
    for channel, (factor, offset) in enumerate(fits):
        np.testing.assert_allclose(seen[:, :, channel].ravel(), factor * line + offset, atol=1e-5)
        assert 0.5 <= factor <= 1.5
        assert -0.2 <= offset <= 0.2
    assert len({round(float(factor), 4) for factor, _ in fits}) == 3


# The sampler


TILE = 64


@pytest.fixture
def drawing() -> Drawing:
    """Draw three planes whose pixels tell the class, with strokes of one pixel's width, also along the rim."""
    truth = np.stack([blobs(seed, 160, classes=2) for seed in range(3)])
    truth[truth == 0] = 1
    strokes = np.zeros_like(truth)
    strokes[:, ::40] = truth[:, ::40]
    strokes[:, :, -1] = truth[:, :, -1]
    return Drawing(Image("patches", truth.astype(np.float32), "zyx"), strokes, settings=Settings(border_weight=0))


@pytest.mark.parametrize("augmentation", [NONE, MILD, DEFAULT, STRONG, MOVING])
def test_every_tile_teaches_and_only_where_labelled(annotations: Annotations, augmentation: Augmentation) -> None:
    """Thin strokes survive every augmentation, and no weight lies on anything unlabelled."""
    sampler = Sampler(annotations, TILE, np.random.default_rng(0), augmentation)
    for _ in range(100):
        tile = sampler.draw()
        assert (tile.pixels.shape, tile.labels.shape, tile.weight_map.shape) == (
            (TILE, TILE, 1),
            (TILE, TILE),
            (TILE, TILE),
        )
        assert tile.weight_map.any()
        assert tile.weight_map.min() == 0
        assert not tile.weight_map[tile.labels == 0].any()
        assert set(np.unique(tile.labels)) <= {0, 1, 2}


def test_drawn_pixels_show_what_their_label_says(annotations: Annotations) -> None:
    """From plane to tile: where the whole neighbourhood is of one class, the pixel has that class's intensity."""
    sampler = Sampler(annotations, TILE, np.random.default_rng(1), MOVING)
    intensity = np.array([np.nan, -1, 1])  # 1 and 2 are the percentiles of the image
    compared = 0
    for _ in range(100):
        tile = sampler.draw()
        pure = (np.abs(np.abs(tile.pixels[:, :, 0]) - 1) < 1e-5) & (tile.weight_map > 0)
        wrong = tile.pixels[:, :, 0][pure] * intensity[tile.labels[pure]] < 0
        assert not wrong.any()
        compared += pure.sum()
    assert compared > 1000


def test_beyond_the_rim_pixels_are_mirrored_and_weigh_nothing(annotations: Annotations) -> None:
    """No black corners: an image of one value stays one value however far a warp reaches; labels end at the rim."""
    plane = annotations.planes[1, 0]
    annotations.pixels(1)[0][:] = 0.25
    annotations.planes = {(1, 0): plane}
    everywhere = np.ones(plane.labels.shape, np.uint8)
    plane.labels, plane.trained = TiledPlane.of(everywhere), TiledPlane.of(everywhere > 0)
    plane.positions = {1: np.arange(everywhere.size)}
    sampler = Sampler(annotations, TILE, np.random.default_rng(2), replace(MOVING, scale=4.0))
    unlabelled = 0
    for _ in range(50):
        tile = sampler.draw()
        np.testing.assert_allclose(tile.pixels, 0.25, rtol=1e-6)
        np.testing.assert_array_equal(tile.weight_map > 0, tile.labels > 0)
        unlabelled += np.count_nonzero(tile.labels == 0)
    assert unlabelled > 1000


def test_unlabelled_pixels_get_no_gradient(annotations: Annotations) -> None:
    """After the strongest augmentation too, the loss does not feel what the network says about them."""
    import torch

    from napari_unet.training.losses import weighted_cross_entropy

    sampler = Sampler(annotations, TILE, np.random.default_rng(3), STRONG)
    for _ in range(20):
        tile = sampler.draw()
        logits = torch.zeros(1, 3, TILE, TILE, requires_grad=True)
        target, weights = torch.from_numpy(tile.labels.astype(np.int64))[None], torch.from_numpy(tile.weight_map)[None]
        weighted_cross_entropy(logits, target, weights).backward()
        assert logits.grad is not None
        moved = logits.grad.abs().sum(dim=(0, 1)).numpy() > 0
        np.testing.assert_array_equal(moved, tile.weight_map > 0)
        assert not moved[tile.labels == 0].any()


def test_the_generator_is_the_only_chance(annotations: Annotations) -> None:
    """From the same state of the generator come the same tiles, bit for bit: training goes on as if never stopped."""
    random = np.random.default_rng(4)
    sampler = Sampler(annotations, TILE, random, STRONG)
    sampler.draw()
    state = random.bit_generator.state
    first = [sampler.draw() for _ in range(20)]
    other = np.random.default_rng(99)
    again = Sampler(annotations, TILE, other, STRONG)
    other.bit_generator.state = state
    for tile in first:
        for part, repeated in zip(tile, again.draw(), strict=True):
            np.testing.assert_array_equal(part, repeated)
