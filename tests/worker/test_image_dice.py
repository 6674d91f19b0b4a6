"""The Dice of images in the list outlives the window, and is never that of another network or of other strokes."""

from typing import Any

import numpy as np
import pytest
from squares import HEIGHT, WIDTH, Clock, of, rest

from napari_unet.evaluation import estimated_dice
from napari_unet.evaluation.estimated_dice import mean_estimate
from napari_unet.evaluation.image_dice import image_dice_in, saved_image_dice
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.known_facts import refuse_strange_facts
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.worker.engine import Engine

WHOLE = Region(0, 0, HEIGHT, WIDTH)


@pytest.fixture
def pair_of_images(trained: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of two images, with strokes enough for a Dice of every class, however wide its interval is."""
    monkeypatch.setattr(estimated_dice, "WIDEST", 1.0)
    monkeypatch.setattr(estimated_dice, "LEAST_BRANCHES", 1)
    monkeypatch.setattr(estimated_dice, "FEWEST_STROKES", 1)
    monkeypatch.setattr(estimated_dice, "FEWEST_ELSEWHERE", 1)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[10:60, 10:70] = 1
    labels[20:50, 20:60] = 2
    trained.commit(1, 0, labels)
    trained.add_image(Image("other", np.asarray(trained.images.open(1).pixels)[::-1].copy(), "yx"))
    return trained


def opened(project: Project) -> tuple[Engine, list[Any]]:
    """An engine with the project, and what it says."""
    said: list[Any] = []
    engine = Engine(said.append, Device("cpu", "", False), Clock())
    engine.receive(m.Open(str(project.folder)))
    return engine, said


def look(engine: Engine, image_id: int, generation: int) -> None:
    """Look at an image until all of it is predicted."""
    engine.receive(m.Look(generation, image_id, 0, WHOLE))
    rest(engine)


def train_a_while(engine: Engine) -> None:
    """Train, pause, and predict what is on screen."""
    engine.receive(m.Train(on=True))
    for _ in range(20):
        engine.work()
    engine.receive(m.Train(on=False))
    rest(engine)


def now_in(project: Project, facts: dict[str, Any]) -> tuple[dict[int, float], dict[int, float]]:
    """What the facts of a network say at this time, and what is older."""
    return image_dice_in(facts).at(project.strokes.revision)


def shown(said: list[Any]) -> dict[int, float | None]:
    """The newest value of each image, as the window was told it."""
    return {each.image_id: mean_estimate(each.classes) for each in of(m.Estimated, said)}


def test_what_the_window_was_told_is_saved(pair_of_images: Project) -> None:
    """Every image that the network has predicted, to the digit, also after the save with which training ended."""
    engine, said = opened(pair_of_images)
    look(engine, 2, 1)
    look(engine, 1, 2)
    train_a_while(engine)
    before = shown(said)
    engine.save()
    assert saved_image_dice(pair_of_images) == ({1: before[1]}, {2: before[2]})  # the other is of the network before
    look(engine, 2, 3)
    engine.save()
    assert None not in shown(said).values()
    assert saved_image_dice(pair_of_images) == (shown(said), {})


def test_pausing_again_shows_no_other_network(pair_of_images: Project) -> None:
    """As the window does when it is closed: the network has learned nothing since, so its values stay its own."""
    engine, said = opened(pair_of_images)
    look(engine, 1, 1)
    train_a_while(engine)
    engine.receive(m.Train(on=False))
    engine.save()
    assert saved_image_dice(pair_of_images) == (shown(said), {})


def test_who_looks_at_one_image_loses_none_of_the_others(pair_of_images: Project) -> None:
    """The network and the strokes are the same."""
    engine, _ = opened(pair_of_images)
    look(engine, 2, 1)
    train_a_while(engine)
    look(engine, 1, 2)
    engine.save()
    saved, _ = saved_image_dice(pair_of_images)
    assert saved.keys() == {1, 2}
    engine, _ = opened(pair_of_images)
    look(engine, 1, 1)
    learner = engine.learner
    assert learner is not None
    facts = learner.selection.checkpoint().facts
    assert now_in(pair_of_images, facts) == (pytest.approx(saved), {})


def test_looking_alone_writes_nothing(pair_of_images: Project) -> None:
    """The project may be open for reading only, or in another window too."""
    engine, _ = opened(pair_of_images)
    look(engine, 1, 1)
    train_a_while(engine)
    engine.save()
    files = {path: path.read_bytes() for path in pair_of_images.models.iterdir()}
    engine, said = opened(pair_of_images)
    look(engine, 2, 1)
    assert shown(said).keys() == {2}
    engine.save()
    assert {path: path.read_bytes() for path in pair_of_images.models.iterdir()} == files


def test_a_plane_that_two_networks_predicted_has_no_value(pair_of_images: Project) -> None:
    """What is on screen is renewed first, and the estimate is told when that is; the rest is of the one before."""
    engine, said = opened(pair_of_images)
    look(engine, 1, 1)
    engine.receive(m.Look(1, 1, 0, Region(0, 0, 10, 10)))
    engine.receive(m.Train(on=True))
    for _ in range(20):
        engine.work()
    engine.receive(m.Train(on=False))
    said.clear()
    while not of(m.Estimated, said):
        engine.work()
    learner = engine.learner
    assert learner is not None
    assert now_in(pair_of_images, learner.selection.checkpoint().facts)[0] == {}
    rest(engine)
    assert now_in(pair_of_images, learner.selection.checkpoint().facts) == (shown(said), {})


def test_other_strokes_and_other_pixels_end_a_value(pair_of_images: Project) -> None:
    """It belongs to those that it was made with, and is an older one from then on."""
    engine, _ = opened(pair_of_images)
    look(engine, 1, 1)
    train_a_while(engine)
    engine.save()
    values, _ = saved_image_dice(pair_of_images)
    assert values.keys() == {1}
    learner = engine.learner
    assert learner is not None
    learner.annotations.reopen(1)
    assert now_in(pair_of_images, learner.selection.checkpoint().facts) == ({}, values)
    labels = pair_of_images.strokes.plane(1, 0)
    labels[100:104, 110:150] = 2
    pair_of_images.commit(1, 0, labels)
    assert saved_image_dice(pair_of_images) == ({}, values)


@pytest.mark.parametrize(
    "fact", [7, {"revision": "x"}, {"values": {"1": "high"}}, {"values": {"one": 0.5, "2": float("nan"), "3": 2.0}}]
)
def test_facts_that_make_no_sense_are_no_values(fact: Any) -> None:
    """They come with files of others."""
    assert image_dice_in({"image_dice": fact}).at(-1) == ({}, {})


def test_a_network_with_values_that_are_no_numbers_is_refused() -> None:
    """As with every other fact."""
    refuse_strange_facts({"image_dice": {"revision": 3, "values": {"1": 0.5}}})
    with pytest.raises(ValueError, match="finite"):
        refuse_strange_facts({"image_dice": {"revision": 3, "values": {"1": float("inf")}}})
