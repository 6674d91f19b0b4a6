"""Laws of the losses of base training: all episodes at once are the episodes one by one; corrections; ridge heads."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_unet.network.device import choose_device

if not (Path(__file__).parents[2] / "scripts").is_dir():
    pytest.skip("not a checkout", allow_module_level=True)
Ridge = pytest.importorskip("sklearn.linear_model").Ridge

from scripts.base.batch import NONE, Batch, collate
from scripts.base.corrections import stroke_on_error, with_corrections
from scripts.base.episodes import Episode, Episodes, Tasks
from scripts.base.losses import Losses, balance, weighted_cross_entropy
from scripts.base.one_by_one import OneByOne
from scripts.base.ridge import Heads, fit_ridge
from scripts.base.sets import BaseSet
from scripts.base.strokes import Hand

SIDE, WIDTH = 32, 4
NAMES = ["other", "discs"]
EVERYTHING = Tasks(drawn=0.3, regions=0.2, corrected=0.4, hand=Hand(careless=0.3, slips=0.1))


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Compute in double precision: what differs then is not rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def losses() -> Losses:
    torch.manual_seed(0)
    return Losses(WIDTH, [2, 3], choose_device("cpu", "float32"))


@pytest.fixture
def episodes(base_set: BaseSet) -> list[Episode]:
    """Eight episodes of all kinds, of two to four classes."""
    drawing = Episodes([base_set], EVERYTHING, SIDE, 3)
    found = [drawing.draw() for _ in range(8)]
    assert len({episode.classes for episode in found}) > 1
    assert {episode.set_name for episode in found} == {None, "discs"}
    assert any(episode.rounds for episode in found)
    return found


def features_of(batch: Batch, losses: Losses) -> torch.Tensor:
    """Noise that knows something of the classes (b, pixels of both tiles, f)."""
    random = torch.Generator().manual_seed(0)
    features = torch.randn(len(batch.pixels), 2 * SIDE * SIDE, losses.inputs, generator=random)
    features[..., 0] += batch.labels.flatten(1)
    return features.requires_grad_()


def fit(losses: Losses, batch: Batch, stroked: torch.Tensor, painted: torch.Tensor) -> Heads:
    return fit_ridge(stroked, painted, batch.classes, losses.log_penalty.exp())


def test_all_episodes_at_once_are_the_episodes_one_by_one(losses: Losses, episodes: list[Episode]) -> None:
    """Both losses, and their gradients by features, penalty, sharpness and the heads of the sets, to rounding."""
    batch = collate(episodes, NAMES)
    features = features_of(batch, losses)
    loop = OneByOne(WIDTH, [2, 3], choose_device("cpu", "float32"))
    loop.load_state_dict(losses.state_dict())
    for at in (0, 1):
        values, gradients = [], []
        for each in (losses, loop):
            values.append(each.of_features(batch, features)[at])
            learned = [features, *each.parameters()]
            gradients.append(torch.autograd.grad(values[-1], learned, allow_unused=True, materialize_grads=True))
        assert torch.allclose(*values, rtol=1e-6)
        assert any(gradient.abs().max() > 0 for gradient in gradients[0])
        for found, expected in zip(*gradients, strict=True):
            assert torch.allclose(found, expected, rtol=1e-5, atol=1e-9 + 1e-6 * float(expected.abs().max()))


def test_an_episode_does_not_depend_on_its_neighbours(losses: Losses, episodes: list[Episode]) -> None:
    """The losses of a batch are the means of those of batches of one."""
    batch = collate(episodes, NAMES)
    features = features_of(batch, losses)
    alone = [losses.of_features(collate([each], NAMES), features[i : i + 1]) for i, each in enumerate(episodes)]
    answered, known = losses.of_features(batch, features)
    assert torch.allclose(answered, torch.stack([a for a, _ in alone]).mean())
    of_sets = [k for (_, k), each in zip(alone, episodes, strict=True) if each.set_name]
    assert torch.allclose(known, torch.stack(of_sets).mean())
    assert all(k == 0 for (_, k), each in zip(alone, episodes, strict=True) if not each.set_name)


def test_features_that_know_the_answer_have_a_small_loss(losses: Losses, episodes: list[Episode]) -> None:
    """The episodic loss tells features that are the classes from features that are noise."""
    batch = collate(episodes, NAMES)
    noise = torch.randn(8, 2 * SIDE * SIDE, losses.inputs, generator=torch.Generator().manual_seed(0))
    known = torch.zeros_like(noise)
    known[..., :5] = 10.0 * torch.nn.functional.one_hot(batch.labels.flatten(1).long(), 5)
    small, large = (float(losses.of_features(batch, x)[0].detach()) for x in (known, noise))
    assert small < 0.3 < 0.5 < large


@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_the_ridge_heads_are_those_of_scikit_learn(penalty: float) -> None:
    """Those of ``Ridge`` for each episode, its samples weighted so that classes weigh the same."""
    random = torch.Generator().manual_seed(0)
    counts = [(40, 20, 5), (3, 0, 30)]
    target = torch.full((2, 70), NONE)
    for row, each in enumerate(counts):
        target[row, : sum(each)] = torch.repeat_interleave(torch.arange(3), torch.tensor(each))
    features = torch.randn(2, 70, 6, generator=random) + target[..., None] * torch.tensor([1.0, 0, 2, 0, -1, 0])
    heads = fit_ridge(features, target, 3, torch.tensor(penalty))
    assert heads.seen.tolist() == [[True, True, True], [True, False, True]]
    for row, each in enumerate(counts):
        classes = target[row, : sum(each)]
        share = (1 / torch.bincount(classes, minlength=3))[classes] / len(classes.unique())
        peer = Ridge(alpha=penalty)
        peer.fit(features[row, : sum(each)].numpy(), np.eye(3)[classes], sample_weight=share.numpy())
        assert np.allclose(heads.weight[row].T, peer.coef_)
        assert np.allclose(heads.bias[row], peer.intercept_)


def test_the_network_learns_through_the_ridge_head() -> None:
    """A class without pixels gets no opinion; features and penalty get gradients."""
    features = torch.randn(1, 30, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    log_penalty = torch.tensor(-1.0, requires_grad=True)
    heads = fit_ridge(features, torch.arange(30)[None] % 2, 3, log_penalty.exp())
    assert torch.allclose(heads.weight[0, :, 2], torch.zeros(4))
    assert float(heads.bias[0, 2].detach()) == 0
    heads.weight.square().sum().backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert features.grad.abs().min() > 0
    assert log_penalty.grad is not None
    assert log_penalty.grad < 0


def test_features_that_are_not_finite_spoil_their_own_episode_alone() -> None:
    """Nothing is raised: the training takes no step on such a batch."""
    features = torch.randn(2, 30, 4, generator=torch.Generator().manual_seed(0))
    features[0, 3, 1] = torch.nan
    heads = fit_ridge(features, (torch.arange(30) % 2).expand(2, -1), 2, torch.tensor(0.1))
    assert not torch.isfinite(heads.weight[0]).any()
    assert torch.isfinite(heads.weight[1]).all()


def test_a_correction_is_painted_on_the_largest_error() -> None:
    """A dab in the true class, where the most wrong pixels of it lie together, and nowhere else."""
    labels = torch.zeros(2, SIDE, SIDE, dtype=torch.long)
    labels[0, 10:25, 8:20] = 1
    answer = labels.clone()
    answer[0, 12:22, 8:20] = 0  # the largest error
    answer[0, 28:30, 28:30] = 1
    places, classes = stroke_on_error(answer, labels, torch.ones(2, 2, dtype=torch.bool))
    assert (classes[1] == NONE).all()  # nothing is wrong there
    painted = places[0][classes[0] != NONE]
    assert classes[0][classes[0] != NONE].unique().tolist() == [1]
    assert (labels[0].flatten()[painted] == 1).all()
    assert len(painted) > 20
    assert len(painted.unique()) == len(painted)
    middle = np.array([painted.numpy() // SIDE, painted.numpy() % SIDE]).mean(1)
    wrong = np.array(ndimage.center_of_mass((answer != labels)[0, :26].numpy()))
    assert np.abs(middle - wrong).max() < 2


def test_classes_without_strokes_are_not_corrected() -> None:
    """What was never painted is not part of the task."""
    labels = torch.zeros(1, SIDE, SIDE, dtype=torch.long)
    labels[0, 5:20] = 1
    _, classes = stroke_on_error(torch.zeros_like(labels), labels, torch.tensor([[True, False]]))
    assert (classes == NONE).all()


def test_corrections_follow_the_strokes(losses: Losses, episodes: list[Episode]) -> None:
    """Strokes stay, each round adds one dab of pixels that were wrong or near, and episodes without rounds get none."""
    batch = collate(episodes, NAMES)
    features = features_of(batch, losses)
    places, painted = with_corrections(batch, features, lambda x, y: fit(losses, batch, x, y))
    before = batch.painted.shape[1]
    assert torch.equal(painted[:, :before], batch.painted)
    assert torch.equal(places[:, :before], batch.places)
    brush = (painted.shape[1] - before) // 2
    for row, episode in enumerate(episodes):
        dabs = painted[row, before:].view(2, brush)
        assert [bool((dab != NONE).any()) for dab in dabs] == [number < episode.rounds for number in range(2)]
        new = painted[row, before:] != NONE
        assert torch.equal(episode.labels[0].flatten()[places[row, before:][new]], painted[row, before:][new])


def test_corrections_help_where_they_are_made(losses: Losses, episodes: list[Episode]) -> None:
    """Of the pixels that a correction paints, more are right with it than without."""
    batch = collate(episodes, NAMES)
    features = features_of(batch, losses).detach()
    places, painted = with_corrections(batch, features, lambda x, y: fit(losses, batch, x, y))
    right = []
    for known in (batch.painted.shape[1], painted.shape[1]):
        stroked = features.gather(1, places[:, :known, None].expand(-1, -1, features.shape[2]))
        heads = fit(losses, batch, stroked, painted[:, :known])
        asked = features.gather(1, places[..., None].expand(-1, -1, features.shape[2]))
        logits = (asked @ heads.weight + heads.bias[:, None]).masked_fill(~heads.seen[:, None], -torch.inf)
        new = (painted != NONE) & (torch.arange(painted.shape[1]) >= batch.painted.shape[1])
        right.append(float((logits.argmax(2) == painted)[new].float().mean()))
    assert right[1] > right[0]


def test_rare_classes_weigh_more_per_pixel() -> None:
    """With exponent -1 all classes weigh the same, and the loss is the mean of their losses."""
    target = torch.tensor([[0, 0, 0, 1]])
    importance = balance(target, 3, -1.0)
    assert torch.allclose(importance, torch.tensor([[1 / 3, 1 / 3, 1 / 3, 1]]))
    logits = torch.zeros(1, 3, 4)
    logits[0, 0] = 2
    each = torch.nn.functional.cross_entropy(logits[0, :, 2:].T, target[0, 2:], reduction="none")
    assert torch.allclose(weighted_cross_entropy(logits, target, importance)[0], each.mean())
