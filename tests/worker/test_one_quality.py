"""One quality everywhere: window, files, records, lists and texts tell the same numbers of one network and image."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from squares import HEIGHT, WIDTH, Clock, of, rest

from napari_unet.cli.result_lines import model_line
from napari_unet.evaluation import estimated_dice
from napari_unet.evaluation.checked_areas import publish_record
from napari_unet.evaluation.estimated_dice import EstimatedDice, interval_text, mean_estimate
from napari_unet.evaluation.image_dice import saved_image_dice
from napari_unet.evaluation.scores import CheckedDice
from napari_unet.export.methods_paragraph import methods_paragraph
from napari_unet.export.provenance import dice_to_publish_in, images_in
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.reading import open_network
from napari_unet.packaging.model_list import list_models
from napari_unet.packaging.model_readme import documentation
from napari_unet.packaging.project_export import export
from napari_unet.project.area_checks import AreaCheck
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.worker.engine import Engine

WHOLE = Region(0, 0, HEIGHT, WIDTH)
CORNERS = ((82, 120), (84, 94), (84, 150), (120, 94), (120, 150))  # of squares, where both classes are
SIDE = 20
NAMES = {1: "background", 2: "class 2"}


def check_rectangles(project: Project, count: int) -> None:
    """Rectangles at random that the user has corrected, each with both classes and some errors of the network."""
    areas = [Region(y, x, y + SIDE, x + SIDE) for y, x in CORNERS[:count]]
    squares = np.ones((HEIGHT, WIDTH), np.uint8)
    squares[20:50, 20:60] = squares[90:130, 100:160] = 2
    truth = project.strokes.plane(1, 0)
    for area in areas:
        truth[area.slices] = squares[area.slices]
    project.test_areas.replace(1, 0, areas)
    for area in areas:
        project.area_checks.add(1, AreaCheck(0, area, "random", np.ones((SIDE, SIDE), np.uint8), is_done=False))
    project.commit(1, 0, truth)
    for area in areas:
        project.area_checks.finish(1, 0, area)


def opened(project: Project, rectangles: int = len(CORNERS)) -> tuple[Engine, list[Any]]:
    """An engine that has looked at the image, with rectangles that were checked meanwhile, and what it said."""
    said: list[Any] = []
    engine = Engine(said.append, Device("cpu", "", False), Clock())
    engine.receive(m.Open(str(project.folder)))
    engine.receive(m.Look(1, 1, 0, WHOLE))
    rest(engine)
    check_rectangles(project, rectangles)
    engine.receive(m.Annotated())
    rest(engine)
    return engine, said


def told(said: list[Any]) -> tuple[tuple[EstimatedDice, ...], m.Scored]:
    """What the window shows: the estimate of the plane, and the newest score."""
    return of(m.Estimated, said)[-1].classes, of(m.Scored, said)[-1]


def texts(estimates: tuple[EstimatedDice, ...]) -> list[str]:
    """The estimates as people read them."""
    assert all(each.value is not None for each in estimates)
    return [interval_text(each) for each in estimates]


@pytest.fixture
def painted(trained: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with strokes and a network; it is small, so that values with wider intervals than usual are told."""
    monkeypatch.setattr(estimated_dice, "WIDEST", 0.6)
    monkeypatch.setattr(estimated_dice, "LEAST_BRANCHES", 1)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[10:60, 10:70] = 1
    labels[20:50, 20:60] = 2
    trained.commit(1, 0, labels)
    return trained


@pytest.mark.parametrize("exported_by", ["window", "command line"])
def test_every_place_tells_the_same_numbers(painted: Project, tmp_path: Path, exported_by: str) -> None:
    """Of one network and one image: both the estimated Dice and the Dice to publish, with their intervals."""
    engine, said = opened(painted)
    estimates, scored = told(said)
    found = scored.score.checked
    assert found is not None
    assert (found.areas, found.images, found.pixels) == (5, 1, 5 * SIDE * SIDE)
    engine.save()
    record = json.loads(json.dumps(publish_record(found, NAMES)))

    if exported_by == "window":
        engine.receive(m.Export((1,), str(tmp_path), ("csv",)))
        rest(engine)
        files = [Path(path) for path in of(m.Exported, said)[-1].paths]
    else:
        files = export(painted, tmp_path, ["csv"], device="cpu")
    (image,) = images_in(files)
    beside = json.loads(Path(image["record"]).read_text("utf-8"))
    (summary,) = (path for path in files if path.name.endswith("-summary.csv"))
    (row,) = csv.DictReader(summary.read_text("utf-8").splitlines())
    (listed,) = list_models([painted.folder])
    paragraph = methods_paragraph(painted, scored.score)
    card = documentation("mine", open_network(painted.folder))

    assert beside["dice_to_publish"] == dice_to_publish_in(files) == record
    assert json.loads(json.dumps(listed["dice_to_publish"])) == record
    for place in (beside["estimated_dice"], beside["network_estimated_dice"], listed["estimated_dice"]):
        assert list(place) == [*NAMES.values()]
        for known, estimate in zip(place.values(), estimates, strict=True):
            assert known["checked_areas"] == 5
            for end in ("value", "low", "high"):
                assert known[end] == pytest.approx(getattr(estimate, end), abs=1e-5)
    cell = [float(row[name]) for name in ("estimated_dice", "estimated_dice_low", "estimated_dice_high")]
    assert cell == pytest.approx([estimates[1].value, estimates[1].low, estimates[1].high], abs=1e-5)
    for words in (paragraph, card, model_line(listed)):
        for text in (*texts(estimates), *texts(found.classes)):
            assert text in words
    assert "5 of them, 2,000 pixels in 1 image, were chosen at random" in paragraph
    assert "in 5 rectangles at random (2,000 pixels)" in card
    assert "from 5 rectangles of 1 image" in model_line(listed)
    assert saved_image_dice(painted) == ({1: mean_estimate(estimates)}, {})


def test_the_score_follows_the_plane_on_screen(painted: Project) -> None:
    """Nothing trains, so the text for the methods section is of the network on screen as soon as that is."""
    engine, said = opened(painted)
    estimates, scored = told(said)
    assert scored.score.estimates == estimates
    assert scored.loss is None
    engine.receive(m.Train(on=True))
    for _ in range(20):
        engine.work()
    engine.receive(m.Train(on=False))
    rest(engine)
    after, again = told(said)
    assert after != estimates
    assert again.score.estimates == after
    assert again.loss is None


def test_a_network_that_was_not_measured_has_no_dice_to_publish(trained: Project) -> None:
    """Every class is there without a value, and a reason says what to do; texts do not claim any."""
    (listed,) = list_models([trained.folder])
    found = listed["dice_to_publish"]
    assert [found[name] for name in ("rectangles", "images", "pixels")] == [0, 0, 0]
    assert found["classes"].keys() == {"a", "b"}
    for estimate in found["classes"].values():
        assert estimate["value"] is None
        assert estimate["reason"] == "not measured for this network: check rectangles at random in the window"
    assert "Dice to publish" not in model_line(listed)
    card = documentation("mine", open_network(trained.folder))
    assert "There is no Dice to publish" in card


def test_another_network_is_measured_anew(painted: Project) -> None:
    """What is saved with a network is of that one, never of the one before."""
    engine, _ = opened(painted)
    engine.save()
    before = publish_in(painted)
    engine.receive(m.Train(on=True))
    for _ in range(20):
        engine.work()
    engine.receive(m.Train(on=False))
    learner = engine.learner
    assert learner is not None
    assert learner.selection.shown is not None
    found = learner.selection.score().checked
    assert publish_in(painted) == publish_record(found, NAMES) != before


def publish_in(project: Project) -> dict[str, Any]:
    """The Dice to publish that the network of a project is listed with."""
    (listed,) = list_models([project.folder])
    found: dict[str, Any] = listed["dice_to_publish"]
    return found


def test_a_class_in_too_few_rectangles_has_a_reason(painted: Project) -> None:
    """It says how many are needed, and the record how many there are."""
    engine, said = opened(painted, 2)
    _, scored = told(said)
    engine.save()
    cell = publish_in(painted)["classes"]["class 2"]
    assert isinstance(scored.score.checked, CheckedDice)
    assert (cell["value"], cell["checked_areas"]) == (None, 2)
    assert cell["reason"] == "class 2 is in 2 of the checked rectangles, 4 are needed: check another one at random"
