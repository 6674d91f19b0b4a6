"""The estimate of the plane on screen: it comes with the last tile on screen, and is that of the whole plane."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from squares import HEIGHT, TILE, WIDTH, Clock, of, paint

from napari_unet.evaluation import estimated_dice
from napari_unet.evaluation.checked_correction import correction_in
from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.export.provenance import quality_in
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region, grid
from napari_unet.network.checkpoint import save_checkpoint
from napari_unet.network.device import Device
from napari_unet.network.known_facts import estimates_in
from napari_unet.packaging.project_export import export
from napari_unet.project.area_checks import AreaCheck
from napari_unet.project.images import ImageRecord
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.training.image_estimates import image_estimates
from napari_unet.training.network_files import BEST
from napari_unet.worker.engine import Engine

WHOLE = Region(0, 0, HEIGHT, WIDTH)


@pytest.fixture
def watching(trained: Project, monkeypatch: pytest.MonkeyPatch) -> tuple[Engine, list[Any]]:
    """An engine with a network, of which estimates are told though it is from scratch, and what it says."""
    monkeypatch.setattr(estimated_dice, "LEAST_BRANCHES", 1)
    said: list[Any] = []
    engine = Engine(said.append, Device("cpu", "", False), Clock())
    engine.receive(m.Open(str(trained.folder)))
    return engine, said


def rest(engine: Engine) -> None:
    """Work until nothing is left to do."""
    while engine.has_work:
        engine.work()


def test_the_estimate_is_that_of_all_tiles(watching: tuple[Engine, list[Any]], trained: Project) -> None:
    """It comes once, with the last tile, and equals the sum over the plane in one piece."""
    engine, said = watching
    engine.receive(m.Look(1, 1, 0, WHOLE))
    for _ in list(grid(HEIGHT, WIDTH, TILE))[1:]:
        engine.work()
        assert of(m.Estimated, said) == []
    rest(engine)
    (estimated,) = of(m.Estimated, said)
    assert (estimated.generation, estimated.image_id, estimated.plane) == (1, 1, 0)
    learner = engine.learner
    assert learner is not None
    predictor = learner.predictor
    assert predictor is not None
    predictor.estimate_anew()
    predictor.classes(learner.annotations.pixels(1)[0], WHOLE)
    sums = predictor.sums
    assert sums is not None
    names = {label.id: label.name for label in trained.classes.all()}
    expected = estimated_dice.estimated_dice(
        sums, predictor.class_ids, learner.annotations.evidence(1, predictor.class_ids), names
    )
    for one, other in zip(estimated.classes, expected, strict=True):
        assert one.reason == other.reason
        assert (one.value is None) == (other.value is None)
        if one.value is not None:
            assert one.value == pytest.approx(other.value, abs=1e-5)


def test_of_a_part_of_a_plane_nothing_is_estimated(watching: tuple[Engine, list[Any]]) -> None:
    """The plane is too large to be covered: the reason is told once, and the network is not described by the part."""
    engine, said = watching
    engine.receive(m.Look(1, 1, 0, WHOLE, covered=Region(0, 0, HEIGHT, TILE)))
    rest(engine)
    (estimated,) = of(m.Estimated, said)
    assert {(one.value, one.reason) for one in estimated.classes} == {
        (None, "too large a plane (over 8192 x 8192 px), check rectangles")
    }
    learner = engine.learner
    assert learner is not None
    assert not learner.selection.checkpoint().facts["estimated_dice"]


def test_the_network_is_described_by_what_it_predicted(watching: tuple[Engine, list[Any]]) -> None:
    """The estimate goes into its file, as the window was told it; with other classes there is none."""
    engine, said = watching
    learner = engine.learner
    assert learner is not None
    assert not learner.selection.checkpoint().facts["estimated_dice"]
    engine.receive(m.Look(1, 1, 0, WHOLE))
    rest(engine)
    (estimated,) = of(m.Estimated, said)
    assert estimates_in(learner.selection.checkpoint().facts) == estimated.classes
    assert learner.selection.looked_at.estimates((1, 2, 3)) == ()


def test_a_checked_rectangle_corrects_the_estimate_at_once(
    watching: tuple[Engine, list[Any]], trained: Project
) -> None:
    """Also while nothing is predicted again; the description of the network and ``train --json`` say the same."""
    engine, said = watching
    engine.receive(m.Look(1, 1, 0, WHOLE))
    rest(engine)
    (before,) = of(m.Estimated, said)
    learner = engine.learner
    assert learner is not None
    predictor = learner.predictor
    assert predictor is not None
    # Everything in it is wrong, so the Dice of both classes must be expected lower.
    area = Region(100, 100, 149, 149)
    shown = predictor.classes(learner.annotations.pixels(1)[0], area)
    truth = trained.strokes.plane(1, 0)
    truth[area.slices] = 3 - shown
    said.clear()
    trained.test_areas.replace(1, 0, [area])
    trained.area_checks.add(1, AreaCheck(0, area, "random", shown, is_done=False))
    trained.commit(1, 0, truth)
    engine.receive(m.Annotated())
    rest(engine)
    assert all(each.checked_areas == 0 for estimated in of(m.Estimated, said) for each in estimated.classes)
    said.clear()
    trained.area_checks.finish(1, 0, area)
    engine.receive(m.Annotated())
    rest(engine)
    assert of(m.Tile, said) == []
    after = of(m.Estimated, said)[-1]
    assert (after.generation, after.image_id) == (1, 1)
    assert all(each.checked_areas == 1 for each in after.classes if each.value is not None)
    evidence = learner.selection.looked_at.evidence(1, predictor.class_ids)
    assert evidence.correction is not None
    assert (evidence.correction.shift < -0.5).all()
    assert learner.selection.looked_at.evidence(1, (1, 2, 3)).correction is None
    assert after.classes != before.classes
    assert estimates_in(learner.selection.checkpoint().facts) == after.classes
    saved = correction_in(learner.selection.checkpoint().facts, predictor.class_ids)
    assert saved is not None
    np.testing.assert_array_equal(saved.shift, evidence.correction.shift)
    (image,) = image_estimates(predictor, learner.annotations, learner.selection.looked_at)
    assert [each["checked_areas"] for each in image["estimated_dice"].values()] == [
        each.checked_areas for each in after.classes
    ]
    trained.test_areas.replace(1, 0, [])
    engine.receive(m.Annotated())
    rest(engine)
    assert learner.selection.looked_at.evidence(1, predictor.class_ids).correction is None


def test_an_estimate_waits_for_what_was_never_seen(watching: tuple[Engine, list[Any]]) -> None:
    """Of a plane of which a part is on screen nothing is said before the rest is predicted too."""
    engine, said = watching
    engine.receive(m.Look(1, 1, 0, Region(0, 0, 10, 10)))
    engine.work()
    assert of(m.Tile, said)
    assert of(m.Estimated, said) == []
    rest(engine)
    assert len(of(m.Estimated, said)) == 1


def test_the_same_plane_for_another_map_is_estimated_again(watching: tuple[Engine, list[Any]]) -> None:
    """The window drops what belongs to an older generation, so the newer one gets its own."""
    engine, said = watching
    engine.receive(m.Look(1, 1, 0, WHOLE))
    rest(engine)
    engine.receive(m.Look(2, 1, 0, WHOLE, "uncertainty"))
    rest(engine)
    assert {each.generation for each in of(m.Estimated, said)} == {1, 2}
    first, last = of(m.Estimated, said)[0], of(m.Estimated, said)[-1]
    assert first.classes == last.classes


def test_another_project_is_estimated_from_its_own_tiles_alone(
    watching: tuple[Engine, list[Any]], trained: Project
) -> None:
    """Images of two projects have the same numbers; so has an image that was corrected."""
    engine, said = watching
    engine.receive(m.Look(1, 1, 0, WHOLE))
    rest(engine)
    for number, news in enumerate((m.Open(str(trained.folder)), m.Corrected(1)), 2):
        engine.receive(news)
        said.clear()
        engine.receive(m.Look(number, 1, 0, Region(0, 0, 10, 10)))
        engine.work()
        assert of(m.Tile, said)
        assert of(m.Estimated, said) == []
        rest(engine)
        assert len(of(m.Estimated, said)) == 1


def test_no_pixels_are_no_sums() -> None:
    """Adding nothing changes nothing."""
    one = DiceSums(*(np.arange(2.0) for _ in range(5)))
    np.testing.assert_array_equal((one + DiceSums.none(2)).sure, one.sure)


@pytest.fixture
def strangers(trained: Project) -> tuple[ImageRecord, ImageRecord]:
    """Two images without strokes beside painted squares: more of them, and grey ones."""
    rng = np.random.default_rng(0)
    paint(trained)
    squares = trained.images.open(1).read(0)[:, :, 0]
    alike = squares + rng.normal(0, 0.01, squares.shape).astype(np.float32)
    grey = rng.choice([-1.0, 0.0, 1.0], squares.shape, p=[0.05, 0.9, 0.05]) + rng.normal(0, 0.02, squares.shape)
    return tuple(
        trained.add_image(Image(name, pixels.astype(np.float32), "yx"))
        for name, pixels in (("alike", alike), ("grey", grey))
    )


def test_an_image_of_which_the_network_is_less_sure_is_told_once(
    watching: tuple[Engine, list[Any]], strangers: tuple[ImageRecord, ImageRecord]
) -> None:
    """Compared with those that are painted on; one like them is not told, nor one that is painted on."""
    alike, grey = strangers
    engine, said = watching
    engine.receive(m.Annotated())
    rest(engine)

    def told(generation: int, image_id: int) -> list[str]:
        said.clear()
        engine.receive(m.Look(generation, image_id, 0, WHOLE))
        rest(engine)
        return [notice.line for notice in of(m.Noticed, said) if notice.line.startswith("NU-I35")]

    assert told(1, grey.id) == []  # nothing to compare with yet
    assert told(2, 1) == []
    assert told(3, alike.id) == []
    learner = engine.learner
    assert learner is not None
    described = estimates_in(learner.selection.checkpoint().facts)
    (line,) = told(4, grey.id)
    assert "grey" in line
    assert "expect more errors" in line
    assert told(5, grey.id) == []
    (unlike,) = of(m.Estimated, said)
    assert all(each.value is None for each in unlike.classes)
    assert estimates_in(learner.selection.checkpoint().facts) == described  # it is of the other images


def test_an_export_says_of_each_image_what_the_window_says(
    watching: tuple[Engine, list[Any]], strangers: tuple[ImageRecord, ImageRecord], trained: Project, tmp_path: Path
) -> None:
    """Of one with strokes it is as sure as there; one that is unlike these is told, by window and command alike."""
    engine, said = watching
    labels = trained.strokes.plane(1, 0)
    for column in range(0, 200, 25):
        labels[138:148, column : column + 8] = 1
    for row in range(91, 130, 20):
        labels[row : row + 8, 102:158] = 2
    trained.commit(1, 0, labels)
    engine.receive(m.Annotated())
    ids = (1, *(image.id for image in strangers))
    for generation, image_id in enumerate((*ids, *ids), 1):  # each compared with the others
        engine.receive(m.Look(generation, image_id, 0, WHOLE))
        rest(engine)
    shown = {each.image_id: each.classes for each in of(m.Estimated, said)}
    learner = engine.learner
    assert learner is not None
    assert shown[1][0].value is not None
    said.clear()
    engine.receive(m.Export(ids, str(tmp_path / "window"), ("png",)))
    rest(engine)
    told = [notice.line for notice in of(m.Noticed, said)]
    save_checkpoint(learner.selection.checkpoint(), trained.models / BEST)
    warned: list[str] = []
    export(trained, tmp_path / "command", ["png"], device="cpu", warn=warned.append)
    for lines in (told, [line for line in warned if "NU-I35" in line]):
        assert [line.split(":")[0] for line in lines] == ["NU-I35"]
        assert "grey" in lines[0]
    for folder in ("window", "command"):
        for image_id, stem in zip(ids, ("squares", "alike", "grey"), strict=True):
            estimated, _ = quality_in(tmp_path / folder / f"{stem}.json")
            for label, one, other in zip(trained.classes.all(), shown[image_id], estimated.values(), strict=True):
                assert other["reason"] == one.reason, label
                assert other["value"] == (None if one.value is None else pytest.approx(one.value, abs=1e-5))
                assert other["high"] == (None if one.high is None else pytest.approx(one.high, abs=1e-5))
