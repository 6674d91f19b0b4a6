"""Base weights and the head that is fitted at once."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import pytest
import torch
from drawing import Drawing
from skimage import data

from napari_unet import network
from napari_unet.config import AUTO, PresetChoice, PresetName, Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.evaluation.scores import confusion, dice
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.base import BaseWeights, base_weights, from_base, package_base
from napari_unet.network.checkpoint import save_checkpoint
from napari_unet.network.device import Device
from napari_unet.network.presets import PRESETS
from napari_unet.network.unet import DeepShallowHead
from napari_unet.project.project import Project
from napari_unet.training.consistency import consistency, disturbed
from napari_unet.training.device_settings import for_device
from napari_unet.training.instant_head import LabelledPixels, expect_shares, fit_head
from napari_unet.training.labelled_features import labelled_features
from napari_unet.training.learner import Learner
from napari_unet.training.plateau import Plateau
from napari_unet.training.starting import Start, starting_network
from napari_unet.training.trainer import Trainer

CPU = Device("cpu", "test", bfloat16=False)
LARGEST_FILES = 20 * 10**6  # bytes of all base weights
USED, _ = for_device(Settings(), CPU)  # the default settings as they are used


@pytest.fixture(scope="module")
def tissue() -> tuple[np.ndarray, np.ndarray]:
    """A stained section (y, x, 3), and where it is brown: 1 elsewhere, 2 brown, 0 where that is doubtful."""
    pixels = data.immunohistochemistry()[:256, :256]
    redness = pixels[..., 0].astype(float) - pixels[..., 2]
    truth = np.where(redness < 20, 1, np.where(redness > 45, 2, 0)).astype(np.uint8)
    return pixels, truth


@pytest.fixture
def drawing(tissue: tuple[np.ndarray, np.ndarray]) -> Drawing:
    """Draw a few short strokes in one part of the section."""
    pixels, truth = tissue
    strokes = np.zeros_like(truth)
    for row in (20, 70, 120, 170, 220):
        strokes[row : row + 5, 10:120] = truth[row : row + 5, 10:120]
    return Drawing(Image("tissue", pixels, "yxc"), strokes, ("background", "brown"))


@pytest.mark.parametrize("width", [16, 32])
def test_base_weights_fit_into_the_package(width: int) -> None:
    """They load, are finite, have the head that is fitted to strokes, and name the sets that they have seen."""
    base = package_base(width)
    assert isinstance(base.network().head, DeepShallowHead)
    assert base.architecture.width == width
    assert {"usiigaci", "vnc"} <= set(base.facts["sources"])


def test_base_weights_are_small() -> None:
    """The package stays one that is downloaded in a moment."""
    files = [*Path(network.__file__).parent.glob("*.safetensors")]
    assert len(files) == 2
    assert sum(file.stat().st_size for file in files) <= LARGEST_FILES


@pytest.mark.parametrize(
    ("preset", "width", "expected"),
    [("fast", 0, 16), ("accurate", 0, 32), ("fast", 32, 32), ("fast", 8, None), ("light", 0, None)],
)
def test_the_network_decides_about_its_base_weights(preset: PresetName, width: int, expected: int | None) -> None:
    """Those of its width; networks of another width or kind start at random, as all do with --base none."""
    settings = Settings(preset=preset, width=width)
    base = Start(base=base_weights("auto")).base_for(settings)
    assert (base.architecture.width if base else None) == expected
    assert base_weights("none") is None
    assert Start(base=base_weights("none")).base_for(settings) is None


def test_a_network_that_is_named_takes_the_place_of_all_base_weights(tmp_path: Path) -> None:
    """However wide it is, but for a width that is asked for and for networks that never have base weights."""
    save_checkpoint(package_base(16), tmp_path / "mine.safetensors")
    start = Start(base=base_weights(str(tmp_path / "mine.safetensors")))
    for settings in (Settings(preset="fast"), Settings(preset="accurate"), Settings(preset="accurate", width=16)):
        base = start.base_for(settings)
        assert base is not None
        assert base.architecture.width == 16
    for settings in (Settings(preset="fast", width=32), Settings(preset="unet-2015")):
        assert start.base_for(settings) is None


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_every_number_of_channels_starts_from_the_same_weights(channels: int) -> None:
    """A grey image says the same to a network of any number of channels."""
    base = package_base()
    grey = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)).clamp(-3, 3)
    one, many = (from_base(base, count, 2).eval() for count in (1, channels))
    with torch.inference_mode():
        expected = one.decoded(grey)
        found = many.decoded(grey.expand(-1, channels, -1, -1).contiguous())
    for a, b in zip(expected, found, strict=True):
        assert torch.allclose(a, b, atol=1e-3)


def test_a_fitted_head_separates_what_can_be_separated() -> None:
    """Three clouds of points, one of which is tiny, are told apart; the same seed gives the same head."""
    random = torch.Generator().manual_seed(0)
    target = torch.repeat_interleave(torch.arange(3), torch.tensor([500, 300, 10]))
    centres = 4 * torch.eye(3).repeat(1, 4)[:, :10]
    features = centres[target] + 0.3 * torch.randn(len(target), 10, generator=random)
    heads = [DeepShallowHead(6, 4, 3) for _ in range(2)]
    for head in heads:
        fit_head(head, features, target, seed=1)
    with torch.no_grad():
        one, other = (head(features[:, :, None, None])[:, :, 0, 0] for head in heads)
    assert torch.equal(one, other)
    assert torch.equal(one.argmax(1), target)


def test_a_correction_forgets_nothing() -> None:
    """A head corrected for a new cloud knows it afterwards, and the clouds that it knew before."""
    random = torch.Generator().manual_seed(0)
    target = torch.tensor([0, 1]).repeat_interleave(500)
    features = 0.3 * torch.randn(1000, 10, generator=random) + 3 * target[:, None] * torch.eye(10)[0]
    head = DeepShallowHead(6, 4, 2)
    fit_head(head, features, target)
    before = copy.deepcopy(head.state_dict())
    corrected = torch.cat([features, 0.3 * torch.randn(40, 10, generator=random) + 3 * torch.eye(10)[7]])
    classes = torch.cat([target, torch.ones(40, dtype=torch.int64)])
    new = torch.arange(1040) >= 1000
    fit_head(head, corrected, classes, new)
    with torch.no_grad():
        found = head(corrected[:, :, None, None])[:, :, 0, 0].argmax(1)
    assert (found == classes)[new].float().mean() > 0.9
    assert (found == classes)[~new].float().mean() > 0.95
    assert torch.equal(head.mean, before["mean"])


def test_a_stroke_is_learned_among_very_many_labels() -> None:
    """Beside an image whose every pixel is labelled, a stroke on something unlike it is answered rightly."""
    random = torch.Generator().manual_seed(0)
    target = torch.tensor([0, 1]).repeat_interleave(100_000)
    features = torch.randn(200_000, 10, generator=random) + 3 * target[:, None] * torch.eye(10)[0]
    head = DeepShallowHead(6, 4, 2)
    fit_head(head, features, target)
    stroke = torch.randn(100, 10, generator=random) + 2 * torch.eye(10)[5]
    corrected, classes = torch.cat([features, stroke]), torch.cat([target, torch.ones(100, dtype=torch.int64)])
    fit_head(head, corrected, classes, torch.arange(len(corrected)) >= len(features))
    with torch.no_grad():
        found = head(corrected[:, :, None, None])[:, :, 0, 0].argmax(1) == classes
    assert found[len(features) :].float().mean() > 0.6  # 0.3 where it is drawn like any other pixels
    assert found[: len(features)].float().mean() > 0.75


def test_each_branch_goes_on_telling_classes_apart_by_itself() -> None:
    """Strokes on errors alone do not turn the deep branch over, though the shallow one tells more."""
    random = torch.Generator().manual_seed(0)
    truth = torch.arange(20_000) % 2
    image = torch.randn(len(truth), 10, generator=random) + (2 * truth[:, None] - 1) * (
        torch.eye(10)[0] + 2 * torch.eye(10)[6]
    )
    head = DeepShallowHead(6, 4, 2)

    def right_by_itself() -> float:
        standard = ((image - head.mean) / head.deviation)[:, :6, None, None]
        with torch.no_grad():
            return float((head.deep_logits(standard)[:, :, 0, 0].argmax(1) == truth).float().mean())

    painted = torch.arange(200)
    fit_head(head, image[painted], truth[painted])
    before = right_by_itself()
    for _ in range(8):
        with torch.no_grad():
            wrong = torch.nonzero(head(image[:, :, None, None])[:, :, 0, 0].argmax(1) != truth)[:, 0]
        stroke = wrong[torch.randperm(len(wrong), generator=random)[:25]]
        painted = torch.cat([painted, stroke])
        new = torch.arange(len(painted)) >= len(painted) - len(stroke)
        fit_head(head, image[painted], truth[painted], new, image[:400])
    assert right_by_itself() > before - 0.1


def test_corrections_do_not_pile_up() -> None:
    """A head that is corrected for the same strokes again and again settles."""
    random = torch.Generator().manual_seed(0)
    target = torch.tensor([0, 1]).repeat_interleave(500)
    features = torch.randn(1000, 10, generator=random) + target[:, None] * torch.eye(10)[0]
    head = DeepShallowHead(6, 4, 2)
    fit_head(head, features, target)
    new = torch.arange(1000) % 20 == 0
    sizes = []
    for _ in range(8):
        fit_head(head, features, target, new)
        sizes.append(sum(float(p.detach().square().sum()) for p in head.parameters() if p.dim() > 1))
    assert sizes[-1] == pytest.approx(sizes[3], rel=0.01)


def test_a_correction_keeps_the_answers_where_nobody_has_painted() -> None:
    """Unlabelled pixels that look a little like the new stroke change their class less often when they are named."""
    random = torch.Generator().manual_seed(0)
    target = torch.tensor([0, 1]).repeat_interleave(500)
    features = 0.3 * torch.randn(1000, 10, generator=random) + 3 * target[:, None] * torch.eye(10)[0]
    stroke = 0.3 * torch.randn(40, 10, generator=random) + 3 * torch.eye(10)[7]
    unlabelled = 0.3 * torch.randn(400, 10, generator=random) + 1.6 * torch.eye(10)[7]
    first = DeepShallowHead(6, 4, 2)
    fit_head(first, features, target)
    corrected = torch.cat([features, stroke])
    classes = torch.cat([target, torch.ones(40, dtype=torch.int64)])
    new = torch.arange(1040) >= 1000
    kept = {}
    for name, named in (("alone", None), ("named", unlabelled)):
        head = copy.deepcopy(first)
        fit_head(head, corrected, classes, new, named)
        with torch.no_grad():
            before, after, there = (
                one(points[:, :, None, None])[:, :, 0, 0].argmax(1)
                for one, points in ((first, unlabelled), (head, unlabelled), (head, stroke))
            )
        kept[name] = (before == after).float().mean()
        assert (there == 1).float().mean() > 0.9
    assert kept["named"] > kept["alone"] + 0.2


def test_a_head_expects_classes_as_often_as_it_finds_them() -> None:
    """Strokes of two classes that overlap are as many; where one is rare, knowing so halves the mistakes."""
    random = torch.Generator().manual_seed(0)

    def points(counts: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        target = torch.tensor([0, 1]).repeat_interleave(torch.tensor(counts))
        return torch.randn(len(target), 5, generator=random) + 2 * target[:, None] * torch.eye(5)[0], target

    features, target = points((500, 500))
    image, truth = points((1900, 100))
    head = DeepShallowHead(3, 2, 2)
    fit_head(head, features, target)

    def mistakes() -> int:
        with torch.no_grad():
            return int((head(image[:, :, None, None])[:, :, 0, 0].argmax(1) != truth).sum())

    before = mistakes()
    expect_shares(head, image)
    prior = head.prior.clone()
    assert (prior / 2).exp().mean() == pytest.approx(1)
    assert prior[0] > 0.3 > -0.3 > prior[1]
    assert mistakes() < before / 2
    expect_shares(head, image)
    assert torch.allclose(head.prior, prior, atol=1e-4)  # what is known is not counted twice
    with torch.no_grad():
        head.deep.bias += torch.tensor([1000.0, 0.0])  # so that the second class is found nowhere
    expect_shares(head, image)
    assert head.prior[1] == pytest.approx(2 * np.log(0.1))


def test_an_image_labelled_as_a_whole_shows_how_frequent_classes_are() -> None:
    """Strokes of two classes that overlap are as many; pixels of an image where one is rare halve the mistakes."""
    random = torch.Generator().manual_seed(0)

    def points(counts: tuple[int, int]) -> LabelledPixels:
        target = torch.tensor([0, 1]).repeat_interleave(torch.tensor(counts))
        return LabelledPixels(
            torch.randn(len(target), 5, generator=random) + 2 * target[:, None] * torch.eye(5)[0], target
        )

    strokes, image, other = points((500, 500)), points((1900, 100)), points((1900, 100))
    wrong = []
    for whole in (None, image):
        head = DeepShallowHead(3, 2, 2)
        fit_head(head, *strokes, whole=whole)
        with torch.no_grad():
            wrong.append(int((head(other.features[:, :, None, None])[:, :, 0, 0].argmax(1) != other.target).sum()))
    assert wrong[1] < wrong[0] / 2


def test_a_head_that_cannot_see_a_class_does_not_fail() -> None:
    """Features that are all alike give a head without an opinion, and no number that is not finite."""
    head = DeepShallowHead(3, 2, 2)
    fit_head(head, torch.ones(20, 5), torch.arange(20) % 2)
    assert all(torch.isfinite(tensor).all() for tensor in head.state_dict().values())


def test_strokes_are_answered_before_any_step(project: Project, tissue: tuple[np.ndarray, np.ndarray]) -> None:
    """With base weights the first network that is shown has learned the strokes, at step 0."""
    learner = Learner(project, CPU, base=BaseWeights())
    learner.show_newest()
    predictor = learner.predictor
    assert predictor is not None
    assert learner.trainer is not None
    assert learner.trainer.step_count == 0
    truth = tissue[1]
    image_id = project.images.all()[0].id
    plane = learner.annotations.pixels(image_id)[0]
    unseen = Region(0, 128, 256, 256)
    found = predictor.classes(plane, unseen)
    assert dice(confusion(truth[unseen.slices], found, (1, 2))).min() > 0.8


def test_features_are_those_of_every_class(project: Project) -> None:
    """The head is fitted to exactly the trained pixels, when their tiles are few."""
    annotations = Annotations(project)
    annotations.refresh(Settings())
    base = package_base()
    network = from_base(base, 3, 2).eval()
    known = labelled_features(network, annotations, CPU, np.random.default_rng(0))
    assert {known.unlabelled.shape[1], known.anywhere.shape[1]} == {known.features.shape[1]}
    assert known.features.shape == (sum(annotations.counts().values()), network.feature_channels)
    assert known.new.all()
    assert torch.bincount(known.target).tolist() == [annotations.counts()[k] for k in annotations.class_ids()]


def test_a_removed_class_is_not_learned(project: Project) -> None:
    """The head is fitted to nothing that was painted in a class that the user took away."""
    third = project.add_class("mistake")
    image_id = project.images.all()[0].id
    labels = project.strokes.plane(image_id, 0).copy()
    labels[30:60, 20:100] = third.id
    project.commit(image_id, 0, labels)
    project.classes.remove(third.id)
    annotations = _refreshed(project)
    assert (annotations.planes[image_id, 0].labels[:] == third.id).any()
    base = package_base()
    known = labelled_features(from_base(base, 3, 2).eval(), annotations, CPU, np.random.default_rng(0))
    assert torch.bincount(known.target).tolist() == [annotations.counts()[k] for k in (1, 2)]


@pytest.mark.parametrize("rows", [256, 60])
def test_an_image_that_is_accepted_as_a_whole_fits_the_head_anew(project: Project, rows: int) -> None:
    """Its answer stays as it was accepted; a part of it, no measure of how frequent classes are, corrects only."""
    learner = Learner(project, CPU, base=BaseWeights())
    learner.answer()
    predictor, trainer = learner.predictor, learner.trainer
    assert predictor is not None
    assert trainer is not None
    image_id = project.images.all()[0].id
    accepted = predictor.classes(learner.annotations.pixels(image_id)[0], Region(0, 0, 256, 256))
    accepted[rows:] = 0
    taken = project.strokes.commit(image_id, 0, accepted, source="prediction").labels > 0
    learner.refresh(own=False)
    learner.answer()
    assert learner.predictor is not None
    found = learner.predictor.classes(learner.annotations.pixels(image_id)[0], Region(0, 0, 256, 256))
    assert (found == accepted)[taken].mean() > 0.95
    assert _knows_shares(trainer) == (rows == 256)
    labels = project.strokes.plane(image_id, 0).copy()
    labels[40:44, 150:240] = 2
    project.commit(image_id, 0, labels)
    learner.refresh()
    assert _knows_shares(trainer) == (rows == 256)  # a later stroke does not add them a second time


def _knows_shares(trainer: Trainer) -> bool:
    """Tell whether a head was fitted with true shares of the classes: it then adds nothing for them."""
    head = trainer.candidate().head
    assert isinstance(head, DeepShallowHead)
    return not head.prior.any()


def test_a_correction_is_answered_at_once(project: Project) -> None:
    """A stroke that contradicts the network changes its answer there before any further step."""
    learner = Learner(project, CPU, base=BaseWeights())
    assert learner.trainer is not None
    for _ in range(3):
        learner.step()
    image_id = project.images.all()[0].id
    labels = project.strokes.plane(image_id, 0).copy()
    labels[30:60, 150:240] = 2
    project.commit(image_id, 0, labels)
    learner.refresh()
    learner.show_newest()
    predictor = learner.predictor
    assert predictor is not None
    assert learner.trainer.step_count == 3
    found = predictor.classes(learner.annotations.pixels(image_id)[0], Region(32, 152, 58, 238))
    assert (found == 2).mean() > 0.5


def test_a_trainer_does_not_train_until_it_is_told(project: Project) -> None:
    """Making one takes the base weights as they are; a head is fitted by a step of its own, and never on resuming."""
    base = BaseWeights()
    trainer = Trainer(_refreshed(project), USED, CPU, Start(base=base))
    assert trainer.is_new
    fresh = starting_network(3, (1, 2), USED, Start(base=base)).state_dict()
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in trainer.candidate().state_dict().items())
    trainer.fit_head()
    assert not trainer.is_new
    fitted = trainer.candidate().state_dict()
    assert {name for name in fitted if not torch.equal(fitted[name], fresh[name])} == {
        name for name in fitted if name.startswith("head.")
    }
    assert not Trainer(_refreshed(project), USED, CPU, Start(0, trainer.checkpoint(), base)).is_new


def test_training_does_not_unlearn_how_much_of_an_image_a_class_covers(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head's prior stays out of the loss, and comes back with the checkpoint."""
    alone = msgspec.structs.replace(USED, consistency=0.0, weight_decay=0.0)
    expected = torch.tensor([0.5, -2.0])
    losses = []
    for prior in (expected, torch.zeros(2)):
        _expect(prior, monkeypatch)
        trainer = Trainer(_refreshed(project), alone, CPU, Start(base=BaseWeights()))
        trainer.fit_head()
        losses.append([trainer.step() for _ in range(3)])
        if prior is expected:
            kept = trainer.checkpoint()
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    shift = kept.network_weights["head.deep.bias"] - trainer.checkpoint().network_weights["head.deep.bias"]
    assert torch.allclose(shift, expected, atol=1e-3)
    resumed = Trainer(_refreshed(project), alone, CPU, Start(checkpoint=kept, base=BaseWeights()))
    assert resumed.step() == pytest.approx(trainer.step(), rel=1e-3)


def _expect(prior: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    def expect(head: DeepShallowHead, anywhere: torch.Tensor) -> None:
        with torch.no_grad():
            head.deep.bias += prior - head.prior
        head.prior.copy_(prior)

    monkeypatch.setattr("napari_unet.training.head_fit.expect_shares", expect)


def test_the_best_network_expects_what_it_did(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Going back brings back what the head expected of the classes, from a file too."""
    _expect(torch.tensor([0.5, -2.0]), monkeypatch)
    learner = Learner(project, CPU, base=BaseWeights())
    learner.show_newest(score=True)
    learner.save()
    best = learner.selection.best
    assert best is not None
    assert learner.trainer is not None
    _expect(torch.tensor([-1.0, 0.0]), monkeypatch)
    learner.trainer.refresh(learner.settings)
    assert learner.trainer.checkpoint().facts["prior"] == [-1.0, 0.0]
    learner.selection.best = best  # whatever the newer one's score
    learner.restore_best()
    assert learner.trainer.checkpoint().facts["prior"] == [0.5, -2.0]
    again = Learner(project, CPU, base=BaseWeights()).selection.best
    assert again is not None
    assert isinstance(again.network.head, DeepShallowHead)
    assert again.network.head.prior.tolist() == [0.5, -2.0]


@pytest.mark.parametrize("fact", [None, "often", [1.0], [float("nan"), 0.0], [1.0, 2.0, 3.0]])
def test_a_damaged_expectation_is_none(project: Project, fact: object) -> None:
    """A file whose facts are damaged there predicts as before and goes on training from no expectation."""
    learner = Learner(project, CPU, base=BaseWeights())
    assert learner.trainer is not None
    kept = learner.trainer.checkpoint()
    head = replace(kept, facts=kept.facts | {"prior": fact}).network().head
    assert isinstance(head, DeepShallowHead)
    assert head.prior.tolist() == [0.0, 0.0]
    assert torch.equal(head.deep.bias, kept.network_weights["head.deep.bias"])


def test_the_best_network_of_another_kind_predicts_and_the_chosen_one_trains_on(project: Project) -> None:
    """Its weights fit into no network of another kind; with more planes as input some of them would."""
    learner = Learner(project, CPU, base=BaseWeights())
    learner.show_newest(score=True)
    best = learner.selection.best
    assert best is not None
    project.settings.write(msgspec.structs.replace(project.settings.read(), context_planes=1))
    learner.refresh()
    assert learner.trainer is not None
    learner.show_newest(score=True)
    learner.selection.best = best  # whatever the newer one's score
    before = learner.trainer.checkpoint().network_weights
    learner.restore_best()
    assert learner.selection.shown is not None
    assert learner.selection.shown.network is best.network
    after = learner.trainer.checkpoint().network_weights
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert np.isfinite(learner.step())


def test_a_chosen_network_begins_when_it_can(project: Project) -> None:
    """Also when the settings were read before in passing, as for want of memory."""
    learner = Learner(project, CPU, base=BaseWeights())
    project.settings.write(msgspec.structs.replace(project.settings.read(), context_planes=1))
    learner.tighten_memory_limits()
    learner.refresh()
    assert learner.trainer is not None
    assert learner.trainer.architecture.context_planes == 1


def test_the_best_network_comes_back(project: Project) -> None:
    """Restoring shows and trains on from the network with the highest held-out Dice."""
    project.settings.write(msgspec.structs.replace(project.settings.read(), hold_out=True))
    project.commit(1, 0, np.random.default_rng(2).integers(0, 3, project.strokes.plane(1, 0).shape).astype(np.uint8))
    learner = Learner(project, CPU, base=BaseWeights())
    learner.show_newest(score=True)
    best = learner.selection.best
    assert best is not None
    assert best.matrices
    assert learner.trainer is not None
    for _ in range(2):
        learner.step()
    learner.restore_best()
    restored = learner.trainer.checkpoint().network_weights
    assert all(torch.equal(restored[name], tensor) for name, tensor in best.network.state_dict().items())
    assert learner.selection.shown is best


def test_a_loss_that_falls_is_no_plateau_and_one_that_does_not_is() -> None:
    """Learning rests after the loss has not fallen for long, and never before."""
    falling, level = Plateau(), Plateau()
    for step in range(1000):
        falling.take(0.99**step)
        level.take(0.5)
        assert not falling.reached
    assert level.reached


def test_a_stroke_ends_the_rest(project: Project) -> None:
    """A trainer on a plateau wakes up when strokes change."""
    trainer = Trainer(_refreshed(project), USED, CPU, Start(base=BaseWeights()))
    trainer.fit_head()
    for _ in range(1000):
        trainer.plateau.take(0.5)
    assert trainer.is_settled
    trainer.refresh(USED)
    assert not trainer.is_settled


def test_settings_offer_every_network() -> None:
    """The names in the settings are those of the presets, and "auto"."""
    assert get_args(PresetName) == tuple(PRESETS)
    assert get_args(PresetChoice) == (AUTO, *PRESETS)


def _refreshed(project: Project) -> Annotations:
    annotations = Annotations(project)
    annotations.refresh(Settings())
    return annotations


def test_consistency_leaves_labelled_pixels_and_the_teacher_alone() -> None:
    """Its gradient is exactly 0 on labelled pixels, none reaches the teacher, and agreeing with it is the least."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, generator=random).requires_grad_()
    teacher = torch.randn(2, 3, 8, 8, generator=random).requires_grad_()
    unlabelled = torch.rand(2, 8, 8, generator=random) < 0.5
    value = consistency(logits, teacher, unlabelled)
    value.backward()
    assert logits.grad is not None
    assert teacher.grad is None
    changed = logits.grad.abs().sum(dim=1) > 0
    assert torch.equal(changed, unlabelled)
    assert consistency(teacher, teacher, unlabelled) < value
    assert consistency(logits, teacher, torch.zeros_like(unlabelled)) == 0


def test_what_is_disturbed_keeps_its_place() -> None:
    """Contrast, brightness and noise change; brighter stays brighter on the whole, and the seed decides."""
    pixels = torch.linspace(-1, 1, 64 * 64).reshape(1, 1, 64, 64)
    one, other = (disturbed(pixels, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one, pixels)
    assert np.corrcoef(one.ravel(), pixels.ravel())[0, 1] > 0.9
