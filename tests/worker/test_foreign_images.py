"""Images that the network cannot see, or whose file is missing, take nothing from the others."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from drawing import Drawing
from squares import HEIGHT, TILE, WIDTH, Clock, bright_squares, of, paint, rest

from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.reading import open_image
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.worker.engine import Engine

CPU = Device("cpu", "", False)
WHOLE = Region(0, 0, HEIGHT, WIDTH)


def in_colours() -> Image:
    """An image of another kind than the squares."""
    return Image("colours", np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8), "yxc")


def opened(project: Project, base: str = "none") -> tuple[Engine, list[Any]]:
    """Return an engine that has the project open, and what it says."""
    said: list[Any] = []
    engine = Engine(said.append, CPU, Clock())
    engine.receive(m.Open(str(project.folder), base=base))
    return engine, said


@pytest.fixture
def with_colours(project: Project) -> int:
    """Add an image of colours to the project before anything is painted, and return its id."""
    return project.add_image(in_colours()).id


def test_an_image_of_other_channels_stops_no_learning(project: Project, with_colours: int) -> None:
    """It is told when it is looked at; questions about it have a reason for an answer."""
    paint(project)
    engine, said = opened(project)
    engine.receive(m.Train(on=True))
    engine.receive(m.Look(1, 1, 0, WHOLE))
    while not of(m.Tile, said):
        engine.work()
    engine.receive(m.Look(2, with_colours, 0, WHOLE))
    engine.receive(m.Suggest(1, with_colours, 0))
    for origin in ("random", "unsure"):
        engine.receive(m.ProposeArea(1, with_colours, 0, origin))
        for _ in range(4):
            engine.work()
        proposed = of(m.AreaProposed, said)[-1]
        if origin == "random":  # in an image that can be predicted
            assert (proposed.image_id, proposed.reason) == (1, "")
        else:
            assert proposed.reason.startswith("NU-I08: ")
    assert [notice.line[:6] for notice in of(m.Noticed, said)] == ["NU-I08"]
    (answer,) = of(m.Suggested, said)
    assert answer.reason.startswith("NU-I08: ")
    assert of(m.Failed, said) == []
    steps = of(m.Progress, said)[-1].step
    for _ in range(10):
        engine.work()
    assert of(m.Progress, said)[-1].step > steps
    said.clear()
    engine.receive(m.Look(3, 1, 0, WHOLE))
    engine.work()
    assert [tile.generation for tile in of(m.Tile, said)] == [3]


def test_strokes_on_an_image_of_another_kind_can_be_taken_back(project: Project, with_colours: int) -> None:
    """The project learns again, in this session and the next."""
    paint(project)
    engine, _ = opened(project)
    labels = project.strokes.plane(with_colours, 0)
    labels[10:20, 10:40] = 1
    project.commit(with_colours, 0, labels)
    engine.receive(m.Annotated())
    with pytest.raises(UserError, match=r"^NU-I09: .*erase what is painted"):
        engine.work()
    project.commit(with_colours, 0, np.zeros_like(labels))
    engine.receive(m.Annotated())
    for each in (engine, opened(project)[0]):
        each.receive(m.Train(on=True))
        each.work()
        assert each.learner is not None
        assert each.learner.trainer is not None


def learn(engine: Engine, said: list[Any], image_id: int) -> int:
    """Look at an image and train; return for how many channels the network is that predicts it."""
    said.clear()
    engine.receive(m.Look(image_id, image_id, 0, WHOLE))
    engine.receive(m.Train(on=True))
    for _ in range(20):
        engine.work()
    assert of(m.Tile, said)[-1].image_id == image_id
    assert of(m.Failed, said) == []
    assert engine.learner is not None
    assert engine.learner.trainer is not None
    return engine.learner.trainer.architecture.channels


def test_a_stroke_that_the_network_cannot_see_is_compared_with_nothing(project: Project, with_colours: int) -> None:
    """The refusal of the strokes is the only error."""
    paint(project)
    engine, said = opened(project)
    learn(engine, said, 1)
    labels = project.strokes.plane(with_colours, 0)
    labels[10:20, 10:40] = 1
    project.commit(with_colours, 0, labels)
    engine.receive(m.Annotated())
    refused = 0
    while engine.has_work:
        try:
            engine.work()
        except UserError as error:
            refused += error.code == "NU-I09"
            engine.stop_after(error)
    assert refused == 1


@pytest.mark.parametrize("holds_out", [True, False])
def test_the_other_kind_of_image_can_be_kept(project: Project, with_colours: int, holds_out: bool) -> None:
    """Once the strokes on grey images are erased, a network for colours is learned, in this session and the next."""
    project.settings.write(msgspec.structs.replace(project.settings.read(), hold_out=holds_out))
    paint(project)
    engine, said = opened(project)
    assert learn(engine, said, 1) == 1
    engine.save()
    labels = project.strokes.plane(1, 0)
    project.commit(1, 0, np.zeros_like(labels))
    engine.receive(m.Annotated())
    for height in (5, 80):
        project.commit(with_colours, 0, np.roll(labels, height, axis=0))
        engine.receive(m.Annotated())
    for each in ((engine, said), opened(project)):  # the second finds the files of the network for grey images
        assert learn(*each, with_colours) == 3


def test_other_channels_are_learned_after_all_strokes_went(tmp_path: Path) -> None:
    """They were undone, as choosing the channels wants it."""
    with Drawing(in_colours(), settings=bright_squares().settings).open_in(tmp_path) as project:
        paint(project)
        labels = project.strokes.plane(1, 0)
        engine, said = opened(project)
        assert learn(engine, said, 1) == 3
        project.commit(1, 0, np.zeros_like(labels))
        engine.receive(m.Annotated())
        project.images.set_channels(1, (1,))
        engine.receive(m.Corrected(None))
        project.commit(1, 0, labels)
        engine.receive(m.Annotated())
        assert learn(engine, said, 1) == 1


@pytest.mark.parametrize("base", ["auto", "none"])
def test_images_of_another_kind_are_learned_after_the_others_were_removed(project: Project, base: str) -> None:
    """In this session and the next, each class painted by itself: while there is a single one, nothing is learned."""
    colours = project.add_image(in_colours()).id
    paint(project)
    labels = project.strokes.plane(1, 0)
    engine, said = opened(project, base)
    assert learn(engine, said, 1) == 1
    project.images.remove(1)
    for message in (m.Train(on=False), m.Corrected(1), m.Annotated()):
        engine.receive(message)
    rest(engine)
    for class_id in (1, 2):
        project.commit(colours, 0, np.where(labels <= class_id, labels, 0).astype(np.uint8))
        engine.receive(m.Annotated())
        rest(engine)
    for each in ((engine, said), opened(project, base)):
        learn(*each, colours)


def test_a_painted_image_without_its_file_is_opened_when_it_is_found(tmp_path: Path) -> None:
    """A first network cannot be fitted without it; one that is there already is shown."""
    np.save(tmp_path / "squares.npy", bright_squares().image.pixels)
    with Project(tmp_path / "squares.unet") as project:
        project.settings.write(Settings(prediction_tile=TILE))
        for name in ("background", "square"):
            project.add_class(name)
        project.add_image(open_image(tmp_path / "squares.npy"), tmp_path / "squares.npy")
        paint(project)
        away = (tmp_path / "squares.npy").rename(tmp_path / "away.npy")
        said: list[Any] = []
        engine = Engine(said.append, CPU, Clock())
        with bright_squares().open_in(tmp_path / "before") as other:
            engine.receive(m.Open(str(other.folder), base="none"))
        with pytest.raises(UserError, match=r"^NU-P04: "):
            engine.receive(m.Open(str(project.folder)))
        assert engine.learner is None
        project.images.relocate(1, away)
        engine.receive(m.Corrected(1))
        engine.receive(m.Look(1, 1, 0, WHOLE))
        engine.receive(m.Train(on=True))
        engine.work()
        assert of(m.Tile, said)
        assert engine.learner is not None
        engine.learner.save()
        gone = away.rename(tmp_path / "gone.npy")
        again, said = opened(project)
        again.receive(m.Look(1, 1, 0, WHOLE))
        rest(again)
        assert [notice.line[:6] for notice in of(m.Noticed, said)] == ["NU-P04"]
        project.images.relocate(1, gone)
        again.receive(m.Corrected(1))
        again.receive(m.Look(2, 1, 0, WHOLE))
        rest(again)
        assert of(m.Tile, said)


def test_a_question_that_is_given_up_is_answered(trained: Project) -> None:
    """Or the window would look for a place for ever."""
    engine, said = opened(trained)
    engine.receive(m.Suggest(7, 1, 0))
    engine.receive(m.ProposeArea(8, 1, 0, "unsure"))
    engine.stop_after(RuntimeError("broken"))
    assert [(each.number, each.reason) for each in (*of(m.Suggested, said), *of(m.AreaProposed, said))] == [
        (number, "the search was given up: ask again") for number in (7, 8)
    ]
    rest(engine)
    assert len(of(m.Suggested, said)) == len(of(m.AreaProposed, said)) == 1
