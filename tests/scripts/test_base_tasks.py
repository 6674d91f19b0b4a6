"""Laws of the episodes that base weights learn from: strokes, kinds of tasks, batches, processes that draw them."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

if not (Path(__file__).parents[2] / "scripts").is_dir():
    pytest.skip("not a checkout", allow_module_level=True)

from scripts.base.batch import NONE, Batch, Stream, batches, collate
from scripts.base.episodes import MOST_ROUNDS, Episode, Episodes, Tasks
from scripts.base.regions import cluster, intensity_features, region_classes, superpixel_features
from scripts.base.sets import BaseSet
from scripts.base.strokes import Hand, strokes_on

SIDE = 64
EXACT = Hand()
EVERYTHING = Tasks(drawn=0.3, regions=0.15, corrected=0.25, hand=Hand(careless=0.3, slips=0.1))
OF_SETS = Tasks(drawn=0, regions=0, corrected=0, hand=EXACT)
KINDS = {
    "sets": OF_SETS,
    "drawn": Tasks(drawn=1, regions=0, corrected=0, hand=EXACT),
    "regions": Tasks(drawn=0, regions=1, corrected=0, hand=EXACT),
    "careless": Tasks(drawn=0, regions=0, corrected=0, hand=Hand(careless=1)),
    "slips": Tasks(drawn=0, regions=0, corrected=0, hand=Hand(slips=1)),
    "corrected": Tasks(drawn=0, regions=0, corrected=1, hand=EXACT),
    "all": EVERYTHING,
}


def drawn_episodes(base_set: BaseSet, tasks: Tasks, seed: int = 0, count: int = 6, side: int = 32) -> list[Episode]:
    episodes = Episodes([base_set], tasks, side, seed)
    return [episodes.draw() for _ in range(count)]


def tensors(episode: Episode) -> list[torch.Tensor]:
    return [episode.pixels, episode.labels, *episode.strokes, episode.fine]


def equal(one: Episode, other: Episode) -> bool:
    """Tell whether two episodes are the same in every pixel."""
    same = one.set_name == other.set_name and one.rounds == other.rounds
    return same and all(torch.equal(a, b) for a, b in zip(tensors(one), tensors(other), strict=True))


def same_batch(one: Batch, other: Batch) -> bool:
    pairs = zip(one[:-1], other[:-1], strict=True)
    return one.classes == other.classes and all(torch.equal(a, b) for a, b in pairs)


def wrong_share(labels: np.ndarray, hand: Hand, seeds: int = 40) -> np.ndarray:
    """Share of painted pixels that are painted in another class than they have, for every seed."""
    shares = []
    for seed in range(seeds):
        strokes = strokes_on(labels, np.random.default_rng(seed), hand)
        assert strokes is not None
        shares.append(float((torch.from_numpy(labels.ravel())[strokes.places] != strokes.classes).float().mean()))
    return np.array(shares)


@pytest.fixture
def narrow() -> np.ndarray:
    """Three classes in stripes of 4 px, and a fourth of 12 px in all, which is too small to paint."""
    labels = np.tile(np.repeat([0, 1, 2], 4), (60, 5))
    labels[:3, :4] = 3
    return labels


def test_exact_strokes_lie_on_one_class_each(narrow: np.ndarray) -> None:
    """Across stripes that every stroke leaves, no pixel is painted for two classes, nor too many for one."""
    for seed in range(20):
        strokes = strokes_on(narrow, np.random.default_rng(seed), EXACT)
        assert strokes is not None
        assert len(strokes.places.unique()) == len(strokes.places)
        assert torch.equal(strokes.classes, torch.from_numpy(narrow.ravel())[strokes.places])
        counts = torch.bincount(strokes.classes, minlength=4)
        assert (counts[:3] > 0).all()
        assert counts.max() <= 160
        assert counts[3] == 0


def test_classes_get_unequal_numbers_of_strokes(narrow: np.ndarray) -> None:
    """Where all classes are alike, one has more than twice the pixels of another in some tiles."""
    counts = []
    for seed in range(20):
        strokes = strokes_on(narrow, np.random.default_rng(seed), EXACT)
        assert strokes is not None
        counts.append(torch.bincount(strokes.classes)[:3])
    ratios = [float(each.max() / each.min()) for each in counts]
    assert max(ratios) > 2 > min(ratios)


def test_a_careless_hand_spills_over_thin_things_most_of_all(narrow: np.ndarray) -> None:
    """On stripes of 4 px more pixels are wrong than in halves of 30 px; an exact hand errs nowhere."""
    halves = np.repeat([0, 1], 30)[np.newaxis].repeat(60, 0)
    thin, wide = (wrong_share(labels, Hand(careless=1)) for labels in (narrow, halves))
    assert thin.mean() > 2 * wide.mean() > 0
    assert wide.mean() < 0.1
    assert thin.mean() < 0.5
    assert wrong_share(narrow, EXACT).max() == 0


def test_slips_are_a_few_pixels(narrow: np.ndarray) -> None:
    """Some pixels of nearly every tile have a class that they should not have, but few."""
    shares = wrong_share(narrow, Hand(slips=1))
    assert np.median(shares) > 0
    assert shares.max() < 0.15


def test_one_class_alone_cannot_be_asked_for() -> None:
    """Strokes need two classes that are large enough."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[:2, :5] = 1
    for hand in (EXACT, Hand(careless=1, slips=1)):
        assert strokes_on(labels, np.random.default_rng(0), hand) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_task_draws_valid_episodes(base_set: BaseSet, kind: str) -> None:
    """Tiles are finite, classes are those of the labels, strokes lie inside and are of two classes or more."""
    for episode in drawn_episodes(base_set, KINDS[kind], count=12):
        assert episode.pixels.shape == (2, 3, 32, 32)
        assert torch.isfinite(episode.pixels).all()
        assert episode.pixels.abs().max() <= 3
        assert episode.labels.shape == episode.fine.shape == (2, 32, 32)
        assert episode.classes == int(episode.labels.max()) + 1
        places, classes = episode.strokes
        assert places.shape == classes.shape
        assert len(places.unique()) == len(places)
        assert 0 <= int(places.min()) <= int(places.max()) < 32 * 32
        assert len(classes.unique()) >= 2
        assert set(classes.tolist()) <= set(episode.labels[0].unique().tolist())
        if not (KINDS[kind].hand.careless or KINDS[kind].hand.slips):
            assert torch.equal(episode.labels[0].flatten()[places], classes)


def test_each_kind_of_task_is_of_its_kind(base_set: BaseSet) -> None:
    """Drawn images and regions belong to no set, others to theirs; corrections come when they are asked for."""
    found = {kind: drawn_episodes(base_set, tasks, count=8) for kind, tasks in KINDS.items()}
    names = {kind: {episode.set_name for episode in episodes} for kind, episodes in found.items()}
    assert names["sets"] == names["careless"] == names["slips"] == names["corrected"] == {"discs"}
    assert names["drawn"] == names["regions"] == {None}
    assert {episode.rounds for episode in found["corrected"]} == set(range(1, MOST_ROUNDS + 1))
    assert {episode.rounds for episode in found["sets"]} == {0}


def test_episodes_ask_for_the_classes_of_their_partition(base_set: BaseSet) -> None:
    """Task classes follow from fine classes in one of the ways of the set."""
    found = drawn_episodes(base_set, OF_SETS, count=20)
    assert {episode.classes for episode in found} == {2, 3}
    for episode in found:
        ways = [torch.tensor(partition)[episode.fine.long()] for partition in base_set.partitions]
        assert any(torch.equal(way, episode.labels) for way in ways)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_the_episodes(base_set: BaseSet, kind: str) -> None:
    """The same seed gives the same episodes in the same order, another seed others."""
    one, again, other = (drawn_episodes(base_set, KINDS[kind], seed) for seed in (0, 0, 1))
    assert all(equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(equal(a, b) for a, b in zip(one, other, strict=True))


def test_intensity_clusters_are_ranges_of_brightness() -> None:
    """Three plateaus far apart are three classes, the same ones in both tiles."""
    plateaus = np.repeat([-0.9, 0.0, 0.9], 20).astype(np.float32)
    tiles = np.broadcast_to(plateaus, (2, 3, 60, 60)).copy()
    tiles[1] = tiles[1, :, :, ::-1]
    features, region = intensity_features(tiles, np.random.default_rng(0))
    classes = cluster(features, 3, np.random.default_rng(1))
    assert classes is not None
    first, second = classes[region]
    middles = first[30, [10, 30, 50]]
    assert len(set(middles)) == 3
    assert np.array_equal(second[30, [50, 30, 10]], middles)


def test_superpixels_are_connected_and_tell_rough_from_smooth() -> None:
    """Every region lies in one tile, and the last feature is larger where the tile is rough."""
    random = np.random.default_rng(0)
    tiles = np.zeros((2, 3, 60, 60), np.float32)
    tiles[:, :, :, 30:] = random.normal(0, 0.3, (2, 1, 60, 30))
    features, region = superpixel_features(tiles, np.random.default_rng(1))
    assert region.shape == (2, 60, 60)
    assert len(features) == region.max() + 1
    assert not set(region[0].ravel()) & set(region[1].ravel())
    assert features[region[:, :, 40:]][..., -1].mean() > 2 * features[region[:, :, :20]][..., -1].mean() > -1


def test_a_flat_tile_has_no_regions() -> None:
    """Where nothing differs there are no classes, and no warning."""
    tiles = np.zeros((2, 3, 32, 32), np.float32)
    assert all(region_classes(tiles, np.random.default_rng(seed)) is None for seed in range(4))


def test_a_batch_holds_its_episodes(base_set: BaseSet) -> None:
    """Whatever an episode has comes back from its row, and what fills a row up is no class."""
    episodes = drawn_episodes(base_set, EVERYTHING, count=10)
    batch = collate(episodes, ["other", "discs"])
    assert batch.classes == max(episode.classes for episode in episodes)
    assert (batch.painted == NONE).any()
    rounds = dict(zip(batch.rows.tolist(), batch.rounds.tolist(), strict=True))
    assert rounds == {row: episode.rounds for row, episode in enumerate(episodes) if episode.rounds}
    for row, episode in enumerate(episodes):
        painted = batch.painted[row] != NONE
        assert torch.equal(batch.places[row][painted], episode.strokes.places)
        assert torch.equal(batch.painted[row][painted], episode.strokes.classes)
        assert torch.equal(batch.labels[row].long(), episode.labels)
        assert batch.sets[row] == (1 if episode.set_name else NONE)
        assert torch.equal(batch.fine[row], episode.fine if episode.set_name else torch.zeros_like(episode.fine))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # threads and forks, from Python 3.12 on
def test_other_processes_draw_the_same_batches(base_set: BaseSet) -> None:
    """One process draws what this one would; with two, every second batch is another stream, at every start."""
    stream = Stream([base_set], EVERYTHING, 32, 2, 5)
    here, one, two, again = (list(islice(batches(stream, count, pinned=False), 4)) for count in (0, 1, 2, 2))
    assert all(same_batch(a, b) for a, b in zip(here, one, strict=True))
    assert all(same_batch(a, b) for a, b in zip(two, again, strict=True))
    assert same_batch(two[0], here[0])
    assert same_batch(two[2], here[1])
    assert not any(torch.equal(two[1].pixels, batch.pixels) for batch in here)
