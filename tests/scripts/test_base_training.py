"""Laws of base training: drawn images, episodes, the ridge head, the file in the end."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_unet.network.base import from_base
from napari_unet.network.checkpoint import save_checkpoint
from napari_unet.network.reading import open_network

if not (Path(__file__).parents[2] / "scripts").is_dir():
    pytest.skip("not a checkout", allow_module_level=True)
Ridge = pytest.importorskip("sklearn.linear_model").Ridge

from scripts.base.drawn import draw, drawn_picture
from scripts.base.episodes import Episode, Episodes
from scripts.base.filters import INTENSITIES, TARGETS, intensities, targets
from scripts.base.look import Look
from scripts.base.losses import Losses, Terms, balance, weighted_cross_entropy
from scripts.base.picture import Picture
from scripts.base.ridge import fit_ridge
from scripts.base.sets import SOURCES, BaseSet, object_classes
from scripts.base.strokes import strokes_on
from scripts.base.warp import warped
from scripts.train_base import Log, Recipe, checkpoint, train

SIDE = 64
RECIPE = Recipe(minutes=0.01, width=4, side=32, episodes=2, drawn=0.0)


@pytest.fixture(scope="module")
def base_set() -> BaseSet:
    """Three pictures of discs with rims."""
    return BaseSet("discs", 1.0, tuple(discs(seed) for seed in range(3)), ((0, 1, 1), (0, 1, 2)))


def discs(seed: int) -> Picture:
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:160, :150]
    objects = np.zeros((160, 150), np.uint8)
    for number, (y, x) in enumerate(random.integers(0, 150, (8, 2)), 1):
        objects[np.hypot(rows - y, columns - x) < 18] = number
    pixels = 100.0 * (objects > 0) + random.normal(0, 10, objects.shape)
    return Picture.of(pixels[..., np.newaxis], object_classes(objects))


def ramp(*, down: bool) -> Picture:
    """Every pixel and its label say which column (or row) it lies in; 255 of them, so that halving leaves one over.

    Tiles are laid around the middle, from where they do not reach the rim.
    """
    labels = np.broadcast_to(np.arange(255, dtype=np.uint8), (180, 255))
    labels = np.ascontiguousarray(labels.T if down else labels)
    pixels = np.repeat(labels[np.newaxis].astype(np.float32), 3, 0)
    middle = np.flatnonzero(np.abs(labels.ravel().astype(int) - 127) < 15)
    return Picture(pixels, labels, True, (middle,))


def first_episodes(base_set: BaseSet, seed: int) -> list[Episode]:
    episodes = Episodes([base_set], 0.3, 32, seed)
    return [episodes.draw() for _ in range(6)]


def equal(one: Episode, other: Episode) -> bool:
    """Tell whether two episodes are the same in every pixel."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("pixels", "labels", "strokes", "fine")]
    return one.set_name == other.set_name and all(torch.equal(a, b) for a, b in pairs)


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


def test_strokes_lie_on_one_class_each() -> None:
    """Across stripes that every stroke leaves, no pixel is painted for two classes, nor too many for one."""
    labels = np.tile(np.repeat([0, 1, 2], 4), (60, 5))
    labels[:3, :4] = 3  # 12 px: too small to paint
    for seed in range(20):
        strokes = strokes_on(labels, np.random.default_rng(seed))
        assert strokes is not None
        assert len(strokes.unique()) == len(strokes)
        counts = np.bincount(labels.ravel()[strokes.numpy()], minlength=4)
        assert (counts[:3] > 0).all()
        assert counts.max() <= 160
        assert counts[3] == 0


def test_one_class_alone_cannot_be_asked_for() -> None:
    """Strokes need two classes that are large enough."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[:2, :5] = 1
    assert strokes_on(labels, np.random.default_rng(0)) is None


def test_episodes_ask_for_the_classes_of_their_partition(base_set: BaseSet) -> None:
    """Task classes follow from fine classes, two classes are painted on the first tile, both kinds of images come."""
    episodes = Episodes([base_set], 0.3, 32, seed=0)
    found = [episodes.draw() for _ in range(30)]
    assert {episode.set_name for episode in found} == {None, "discs"}
    assert {episode.classes for episode in found if episode.set_name} == {2, 3}
    for episode in found:
        assert episode.pixels.shape == (2, 3, 32, 32)
        assert torch.isfinite(episode.pixels).all()
        assert episode.pixels.abs().max() <= 3
        assert len(episode.labels[0].flatten()[episode.strokes].unique()) >= 2
        ways = {max(partition) + 1: partition for partition in base_set.partitions}
        way = ways[episode.classes] if episode.set_name else range(8)
        assert torch.equal(torch.tensor(way)[episode.fine.long()], episode.labels)
        assert episode.classes > int(episode.labels.max())


def test_the_seed_decides_the_episodes(base_set: BaseSet) -> None:
    """The same seed gives the same episodes in the same order, another seed others."""
    one, again, other = (first_episodes(base_set, seed) for seed in (0, 0, 1))
    assert all(equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(equal(a, b) for a, b in zip(one, other, strict=True))


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


@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_the_ridge_head_is_that_of_scikit_learn(penalty: float) -> None:
    """Same weights and intercepts as ``Ridge`` with samples weighted so that classes weigh the same."""
    random = torch.Generator().manual_seed(0)
    target = torch.repeat_interleave(torch.arange(3), torch.tensor([40, 20, 5]))
    features = torch.randn(65, 6, generator=random) + target[:, None] * torch.tensor([1.0, 0, 2, 0, -1, 0])
    weight, bias = fit_ridge(features, target, 3, torch.tensor(penalty))
    share = (1 / torch.bincount(target))[target] / 3
    peer = Ridge(alpha=penalty).fit(features.numpy(), np.eye(3)[target], sample_weight=share.numpy())
    assert np.allclose(weight, peer.coef_, atol=1e-4)
    assert np.allclose(bias, peer.intercept_, atol=1e-4)


def test_the_network_learns_through_the_ridge_head() -> None:
    """A class without pixels gets no opinion; features and penalty get gradients."""
    features = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    log_penalty = torch.tensor(-1.0, requires_grad=True)
    weight, bias = fit_ridge(features, torch.arange(30) % 2, 3, log_penalty.exp())
    assert torch.allclose(weight[2], torch.zeros(4))
    assert float(bias[2].detach()) == 0
    weight.square().sum().backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert features.grad.abs().min() > 0
    assert log_penalty.grad is not None
    assert log_penalty.grad < 0


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


def test_rare_classes_weigh_more_per_pixel() -> None:
    """With exponent -1 all classes weigh the same, and the loss is the mean of their losses."""
    target = torch.tensor([[[0, 0, 0, 1]]])
    assert torch.allclose(balance(target.flatten(), 3, -1.0), torch.tensor([1 / 3, 1, 1]))
    logits = torch.zeros(1, 3, 1, 4)
    logits[0, 0] = 2
    importance = balance(target.flatten(), 3, -1.0)[target]
    each = torch.nn.functional.cross_entropy(logits[0, :, 0, 2:].T, target[0, 0, 2:], reduction="none")
    assert torch.allclose(weighted_cross_entropy(logits, target, importance), each.mean())


def test_features_that_know_the_answer_have_a_small_loss(base_set: BaseSet) -> None:
    """The episodic loss tells features that are the classes from features that are noise."""
    episodes = Episodes([base_set], 0.0, SIDE, seed=0)
    losses, random = Losses(4, {"discs": 3}), torch.Generator().manual_seed(0)
    for _ in range(5):
        episode = episodes.draw()
        known = torch.nn.functional.one_hot(episode.labels, episode.classes).permute(0, 3, 1, 2).float()
        noise = torch.randn(known.shape, generator=random)
        small, large = (float(losses.of_episode(episode, x).detach()) for x in (10 * known, noise))
        assert small < 0.1 < 0.4 < large


def test_the_learning_rate_rises_and_then_falls_to_almost_nothing() -> None:
    """It warms up over steps and cools down over time."""
    recipe = Recipe()
    assert recipe.rate(0, 0.0) < 0.02 * recipe.rate(99, 0.0)
    assert recipe.rate(99, 0.0) == pytest.approx(recipe.learning_rate, rel=1e-3)
    assert recipe.rate(5000, 0.5) == pytest.approx(recipe.learning_rate / 2, rel=1e-3)
    assert recipe.rate(5000, 1.0) < 1e-5


def test_sets_that_are_left_out_are_not_named() -> None:
    """Leave one set out."""
    assert Recipe(without=("fluo", "vnc")).sources == [name for name in SOURCES if name not in {"fluo", "vnc"}]
    assert Recipe().sources == list(SOURCES)


def test_partitions_cover_the_fine_classes_of_their_set() -> None:
    """Each way of asking maps every fine class, and has two classes or more, numbered without gaps."""
    for source in SOURCES.values():
        assert len({len(partition) for partition in source.partitions}) == 1
        assert all(sorted(set(each)) == list(range(max(each) + 1)) and max(each) > 0 for each in source.partitions)


def test_training_ends_in_a_file_that_the_package_starts_from(base_set: BaseSet, tmp_path: Path) -> None:
    """A moment of training gives finite losses, and a file whose network sees what the trained one saw."""
    network, log = train(RECIPE, [base_set])
    assert log.steps >= 1
    assert np.isfinite(list(log.losses().values())).all()
    path = tmp_path / "base.safetensors"
    save_checkpoint(checkpoint(network, RECIPE, log), path)
    base = open_network(path)
    assert {tensor.dtype for tensor in base.network_weights.values()} == {torch.float16}
    assert base.facts["steps"] == base.step == log.steps
    assert base.facts["recipe"]["seed"] == RECIPE.seed
    x = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        pairs = zip(network.eval().decoded(x), from_base(base, 3, 2).eval().decoded(x), strict=True)
        assert all(torch.allclose(a, b, atol=0.02 * float(a.abs().max())) for a, b in pairs)
        assert from_base(base, 1, 2).eval()(x[:, :1]).shape == (1, 2, SIDE, SIDE)


def test_the_losses_that_are_told_are_means() -> None:
    """Each loss is told by its name, as the mean over the last steps."""
    log = Log()
    for value in (1.0, 3.0):
        log.take(Terms(*(torch.tensor(value * factor) for factor in (1, 2, 3))))
    assert log.steps == 2
    assert log.losses() == {"episodic": 2.0, "dense": 4.0, "auxiliary": 6.0}
