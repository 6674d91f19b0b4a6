"""Laws of the choice which network predicts: never worse."""

import numpy as np
import pytest
import torch
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.evaluation.scores import confusion
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.network.unet import Architecture, UNet, build
from napari_unet.project.project import Project
from napari_unet.training.candidate import Candidate
from napari_unet.training.scored_candidate import predicted_together, scored_candidate, scored_parts
from napari_unet.training.selection import Selection

CPU = Device("cpu", "", False)
CLASSES = (1, 2)
SIDE = 320  # 25 blocks, about 5 of them held out


def by_brightness(strength: float) -> UNet:
    """A network that calls bright pixels class 2, exactly so for a large strength; wrong for a negative one."""
    network = build(Architecture(1, 2, 4)).eval()
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.weight[1, 4] = strength  # the first intensity channel behind the features
    return network


def shuffled(network: UNet) -> UNet:
    """The same numbers in another order."""
    torch.manual_seed(3)
    with torch.no_grad():
        flat = network.head.weight.view(-1)
        flat.copy_(flat[torch.randperm(len(flat))].roll(1))
        network.head.weight[1, 4] = -network.head.weight.abs().max()
    return network


@pytest.fixture
def drawing() -> Drawing:
    """Draw stripes of bright and dark, 64 px wide blocks holding both."""
    stripes = np.tile(np.repeat(np.array([0.0, 1.0], np.float32), 16), (SIDE, SIDE // 32))
    stripes += np.random.default_rng(0).normal(0, 0.05, stripes.shape).astype(np.float32)
    return Drawing(Image("stripes", stripes, "yx"), settings=Settings(tile=64, width=4, hold_out=True))


def painted(project: Project, side: int) -> Annotations:
    """Strokes on every fourth row of the first ``side`` pixels."""
    labels = project.strokes.plane(1, 0)
    rows = np.tile(np.repeat(np.array([1, 2], np.uint8), 16), SIDE // 32)
    labels[:side:4, :side] = rows[:side]
    project.commit(1, 0, labels)
    annotations = Annotations(project)
    annotations.refresh(project.settings.read())
    return annotations


def test_a_clearly_worse_network_is_not_shown(project: Project) -> None:
    """The best stays on screen, and in the file, until something as good comes."""
    selection = Selection(painted(project, SIDE), CPU)
    first = selection.consider(by_brightness(9), CLASSES, 10)
    assert first.mean_dice is not None
    assert first.mean_dice > 0.95
    assert len(first.blocks) >= 2
    for bad in (by_brightness(-9), shuffled(by_brightness(9))):
        score = selection.consider(bad, CLASSES, 20)
        assert selection.shown is not None
        assert (selection.shown.step, score) == (10, first)
        assert selection.checkpoint().step == 10
    selection.follow(by_brightness(-9), CLASSES, 25)
    assert selection.shown.step == 10
    selection.consider(by_brightness(9), CLASSES, 30)
    assert selection.shown.step == 30


def test_the_newest_is_shown_on_a_tie(project: Project) -> None:
    """Among equals the one that has seen the newest strokes predicts."""
    selection = Selection(painted(project, SIDE), CPU)
    for step in (10, 20, 30):
        score = selection.consider(by_brightness(9), CLASSES, step)
        assert selection.shown is not None
        assert (selection.shown.step, score.step) == (step, step)


def test_a_better_network_is_shown_and_becomes_the_mark(project: Project) -> None:
    """A network that was good enough once is kept back after something better came."""
    selection = Selection(painted(project, SIDE), CPU)
    selection.consider(by_brightness(-9), CLASSES, 1)
    selection.consider(by_brightness(9), CLASSES, 2)
    selection.consider(by_brightness(-9), CLASSES, 3)
    assert selection.shown is not None
    assert selection.shown.step == 2


def test_without_held_out_pixels_nothing_is_claimed(project: Project) -> None:
    """One painted block is all trained on: the score is n/a and the newest network predicts, whatever it is."""
    selection = Selection(painted(project, 64), CPU)
    for step, strength in ((1, 9.0), (2, -9.0)):
        score = selection.consider(by_brightness(strength), CLASSES, step)
        assert selection.shown is not None
        assert selection.shown.step == step
        assert score.mean_dice is None
        assert [(c.dice, c.low, c.high, c.pixels) for c in score.classes] == [(None, None, None, 0)] * 2
        assert score.blocks == ()


def test_new_strokes_judge_the_old_best_anew(project: Project) -> None:
    """A best that the new held-out strokes prove wrong gives way."""
    annotations = painted(project, SIDE)
    selection = Selection(annotations, CPU)
    selection.consider(by_brightness(9), CLASSES, 1)
    labels = project.strokes.plane(1, 0)
    labels[labels > 0] = 3 - labels[labels > 0]  # the user meant it the other way round
    project.commit(1, 0, labels)
    annotations.refresh(project.settings.read())
    score = selection.consider(by_brightness(-9), CLASSES, 2)
    assert selection.shown is not None
    assert selection.shown.step == 2
    assert selection.best is selection.shown
    assert score.mean_dice is not None
    assert score.mean_dice > 0.95


def test_a_correction_is_never_undone_by_what_came_before_it(project: Project) -> None:
    """After strokes the newest is shown, however it scores; going back by hand still finds the best of all."""
    selection = Selection(painted(project, SIDE), CPU)
    selection.consider(by_brightness(9), CLASSES, 10)
    selection.release()
    selection.consider(by_brightness(-9), CLASSES, 20)
    assert selection.shown is not None
    assert selection.shown.step == 20
    selection.consider(shuffled(by_brightness(-9)), CLASSES, 30)
    selection.go_back()
    assert selection.shown.step == 10


def test_each_network_keeps_what_it_was_trained_with(project: Project) -> None:
    """Also after another preset was shown in between, whether one goes back by hand or it is kept; and scored anew."""
    selection = Selection(painted(project, SIDE), CPU)

    def told() -> tuple[int, str]:
        saved = selection.checkpoint()
        return saved.step, saved.facts["trained_with"]["preset"]

    fast, accurate = ({"trained_with": {"preset": name}} for name in ("fast", "accurate"))
    selection.newest_trained_with = fast
    selection.consider(by_brightness(9), CLASSES, 10)
    selection.newest_trained_with = accurate
    selection.follow(by_brightness(-9), CLASSES, 20)
    assert told() == (20, "accurate")
    selection.go_back()
    assert told() == (10, "fast")
    selection.follow(by_brightness(-9), CLASSES, 30)
    selection.consider(by_brightness(-9), CLASSES, 30)
    assert told() == (10, "fast")
    selection.rescore()
    assert told() == (10, "fast")


def test_best_and_start_are_judged_on_the_same_pixels(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first network shown stays the start of its classes; both are scored anew when strokes came, only then."""
    annotations = painted(project, SIDE)
    selection = Selection(annotations, CPU)
    bad, good = by_brightness(-9), by_brightness(9)
    selection.follow(bad, CLASSES, 1)
    for step, network in ((2, good), (3, bad)):
        selection.consider(network, CLASSES, step)
        selection.release()
    score = selection.score()
    assert score.start is not None
    assert score.best is not None
    assert (score.start.step, score.best.step, score.step) == (1, 2, 3)
    assert score.start.mean_dice == score.mean_dice
    assert score.best.mean_dice == pytest.approx(1)
    predicted: list[int] = []
    honest = selection.scored

    def counted(candidate: Candidate) -> Candidate:
        predicted.append(candidate.step)
        return honest(candidate)

    monkeypatch.setattr(selection, "scored", counted)
    selection.consider(good, CLASSES, 4)
    assert predicted == [4]
    labels = project.strokes.plane(1, 0)
    labels[labels > 0] = 3 - labels[labels > 0]
    project.commit(1, 0, labels)
    annotations.refresh(project.settings.read())
    selection.release()
    score = selection.consider(good, CLASSES, 5)
    assert sorted(predicted) == [1, 4, 4, 5]
    assert score.start is not None
    assert score.start.mean_dice == pytest.approx(1)
    assert score.mean_dice == pytest.approx(0)


def test_the_evidence_is_counted(project: Project) -> None:
    """Strokes, blocks and pixels per class are those of the held-out pixels."""
    annotations = painted(project, SIDE)
    score = Selection(annotations, CPU).consider(by_brightness(9), CLASSES, 1)
    plane = annotations.planes[1, 0]
    assert len(plane.held_out_blocks) >= 2
    for one in score.classes:
        assert one.pixels == (plane.held_out[:] & (plane.labels[:] == one.class_id)).sum()
        assert one.blocks == len(plane.held_out_blocks)
        assert one.strokes == one.pixels / 16  # each stroke is 16 px of one row


def test_blocks_that_lie_close_are_predicted_together(project: Project) -> None:
    """Each block once, and none differently; alone where that computes fewer pixels."""
    labels = np.where(np.arange(SIDE)[:, None] % 24 < 12, 1, 2).astype(np.uint8) * np.ones((1, SIDE), np.uint8)
    project.commit(1, 0, labels, source="import")
    annotations = Annotations(project)
    annotations.refresh(project.settings.read())
    blocks = annotations.planes[1, 0].held_out_blocks
    assert len(blocks) >= 2
    predictor = Predictor(by_brightness(9), CLASSES, CPU)
    candidate = scored_candidate(Candidate(3, CLASSES, predictor.network), CPU, annotations)
    assert {region for _, region in candidate.matrices} == set(blocks)
    plane = annotations.planes[1, 0]
    for block in blocks:
        truth = np.where(plane.held_out[block.slices], plane.labels[block.slices], 0).astype(np.uint8)
        alone = confusion(truth, predictor.classes(annotations.with_context((1, 0), 0), block), CLASSES)
        np.testing.assert_array_equal(candidate.matrices[(1, 0), block], alone)


def test_a_block_of_a_removed_class_is_no_score(project: Project) -> None:
    """It holds no pixel to judge by, so it has no Dice, not even 0."""
    project.add_class("gone")
    labels = np.where(np.arange(SIDE)[:, None] % 24 < 12, 1, 2).astype(np.uint8) * np.ones((1, SIDE), np.uint8)
    labels[:, SIDE // 2 :] = 3
    project.commit(1, 0, labels, source="import")
    project.classes.remove(3)
    annotations = Annotations(project)
    annotations.refresh(project.settings.read())
    held_out = annotations.planes[1, 0].held_out_blocks
    candidate = scored_candidate(Candidate(3, CLASSES, by_brightness(9)), CPU, annotations)
    assert 0 < len(candidate.matrices) < len(held_out)
    assert all(matrix.any() for matrix in candidate.matrices.values())


def test_few_pixels_are_computed_for_blocks() -> None:
    """Of blocks side by side a region around them is predicted, of blocks far apart each alone."""
    close = [Region(y, x, y + 64, x + 64) for y in (0, 128) for x in (0, 64, 320)]
    far = [Region(600, 600, 664, 664), Region(960, 960, 1024, 1024), Region(0, 5000, 64, 5064)]
    found = list(predicted_together([*close, *far], 112))
    assert found[0] == (Region(0, 0, 192, 384), close)
    assert found[1:] == [(block, [block]) for block in far]


def test_of_very_many_blocks_some_are_scored(project: Project) -> None:
    """No more pixels are computed than may be, but for those of a rare class; the choice is the same every time."""
    side = 1536
    project.classes.add("rare")
    image = project.add_image(Image("large", np.zeros((side, side), np.float32), "yx")).id
    labels = np.ones((side, side), np.uint8)
    labels[:, ::2] = 2
    labels[:300, 1000:1300] = 3
    project.commit(image, 0, labels, source="import")
    annotations = Annotations(project)
    annotations.refresh(project.settings.read())
    plane = annotations.planes[image, 0]
    every = scored_parts(annotations, 16)
    assert sorted(block for part in every for block in part.blocks) == plane.held_out_blocks
    most = 600_000
    some = scored_parts(annotations, 16, most)
    assert some == scored_parts(annotations, 16, most)
    assert all(part in every for part in some)
    with_rare = [part for part in every if any((plane.labels[block.slices] == 3).any() for block in part.blocks)]
    assert [part for part in some if part in with_rare]
    computed = sum(np.prod(part.region.grown(16).shape) for part in some if part not in with_rare)
    assert 0 < computed <= most < sum(np.prod(part.region.grown(16).shape) for part in every)
