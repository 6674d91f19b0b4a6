"""Laws of the objects in the window: those of an export of the plane, of nothing that is not predicted yet."""

import queue
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from squares import HEIGHT, WIDTH, Clock, of, paint, rest

from napari_unet.api import load_model, predict
from napari_unet.config import Settings, changed
from napari_unet.export.object_table import measure
from napari_unet.export.segmentation import Segmentation
from napari_unet.images.image import PixelSize
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.packaging.model import styles
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.worker import object_finder
from napari_unet.worker.engine import Engine
from napari_unet.worker.jobs import live_objects
from napari_unet.worker.object_finder import ObjectFinder, PredictedPlane, measured_objects

PATIENCE_S = 120.0  # for things that take less than a second on a machine with nothing else to do
EVERYTHING = Region(0, 0, HEIGHT, WIDTH)


class Ears:
    """Hears an engine; what its thread says can be waited for."""

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(object_finder, "PAUSE_S", 0.0)
        monkeypatch.setattr(object_finder, "REST", 0.0)
        self.said: list[Any] = []
        self.found: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.counted: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.engine = Engine(self._hear, Device("cpu", "", False), Clock())
        self.engine.receive(m.Open(str(project.folder)))

    def _hear(self, message: Any) -> None:
        self.said.append(message)
        if isinstance(message, m.Objects | m.Noticed):
            self.found.put(message)
        if isinstance(message, m.Counted):
            self.counted.put(message)

    def next(self) -> Any:
        return self.found.get(timeout=PATIENCE_S)


def exported(project: Project) -> tuple[np.ndarray, list[Any]]:
    """Numbers and table of an export of the image."""
    image = project.images.open(1)
    mask = predict(load_model(project.models / "best.safetensors"), image)
    made = Segmentation(mask, image, styles(project.classes.all(), 1), project.settings.read())
    return made.objects.numbers[0], measure(made)


def test_objects_are_those_of_an_export(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers, columns and values; they come once every pixel is predicted and nothing that is on screen waits."""
    ears = Ears(trained, monkeypatch)
    ears.engine.receive(m.Look(7, 1, 0, Region(0, 0, 10, 10), "objects"))
    ears.engine.work()
    assert ears.found.empty()
    rest(ears.engine)
    found = ears.next()
    numbers, table = exported(trained)
    assert numbers.max() >= 2
    np.testing.assert_array_equal(found.array(), numbers)
    assert [dict(zip(found.columns, row, strict=True)) for row in found.rows] == table
    assert (found.generation, found.image_id, found.plane) == (7, 1, 0)
    assert not any(tile.map for tile in of(m.Tile, ears.said))


def test_a_corrected_pixel_size_is_measured_and_remembered(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker holds the image open as it was; objects, exports and what training says of it are as it is now."""
    paint(trained)
    ears = Ears(trained, monkeypatch)
    ears.engine.receive(m.Look(1, 1, 0, EVERYTHING, "objects"))
    rest(ears.engine)
    assert not [name for name in ears.next().columns if "_um" in name]
    trained.images.set_pixel_size(1, PixelSize(0.5, 0.25, "um"))
    ears.engine.receive(m.Corrected(1))
    ears.engine.receive(m.Look(2, 1, 0, EVERYTHING, "objects"))
    rest(ears.engine)
    found = ears.next()
    assert found.generation == 2
    table = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert table == exported(trained)[1]
    assert all(row["area_um2"] == row["area_px"] * 0.125 for row in table)
    assert ears.engine.learner is not None
    (described,) = ears.engine.learner.annotations.training_images()
    assert (described.pixel_size, described.unit) == ((0.5, 0.25), "um")


def test_objects_answer_to_settings_and_names_at_once(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without predicting anything again; what says nothing about objects is answered by nothing."""
    ears = Ears(trained, monkeypatch)
    ears.engine.receive(m.Look(7, 1, 0, EVERYTHING, "objects"))
    rest(ears.engine)
    assert len(ears.next().rows) >= 2
    tiles = len(of(m.Tile, ears.said))
    trained.settings.write(changed(trained.settings.read(), {"object_minimum": 1_000_000}))
    ears.engine.receive(m.Annotated())
    rest(ears.engine)
    none = ears.next()
    assert (none.rows, none.array().any()) == ((), False)
    trained.settings.write(changed(trained.settings.read(), {"batch": 5}))
    ears.engine.receive(m.Annotated())
    rest(ears.engine)
    trained.settings.write(changed(trained.settings.read(), {"object_minimum": 20}))
    trained.classes.change(2, name="cell")
    ears.engine.receive(m.Annotated())
    rest(ears.engine)
    assert {row[none.columns.index("class_name")] for row in ears.next().rows} == {"cell"}
    assert len(of(m.Tile, ears.said)) == tiles
    assert ears.found.empty()


def test_nobody_looks_for_objects_that_are_not_wanted(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wish, and after it was taken back."""
    monkeypatch.setattr(object_finder, "measured_objects", lambda *_: pytest.fail("nobody asked"))
    ears = Ears(trained, monkeypatch)
    ears.engine.receive(m.Look(1, 1, 0, EVERYTHING))
    rest(ears.engine)
    ears.engine.receive(m.Look(2, 1, 0, EVERYTHING, "objects"))
    ears.engine.work()
    ears.engine.receive(m.Look(2, 1, 0, EVERYTHING))
    rest(ears.engine)
    ears.engine.receive(m.Annotated())
    rest(ears.engine)
    assert ears.found.empty()


def test_what_is_too_much_is_said_once(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plane that is too large, or too many objects: one line, and the tiles come all the same."""
    ears = Ears(trained, monkeypatch)
    monkeypatch.setattr(live_objects, "MOST_PIXELS", HEIGHT * WIDTH - 1)
    ears.engine.receive(m.Look(1, 1, 0, EVERYTHING, "objects"))
    rest(ears.engine)
    assert ears.next().line.startswith("NU-O01: a plane of 150 x 200 pixels")
    assert len(of(m.Tile, ears.said)) == 12
    assert [(counted.classes, counted.reason) for counted in of(m.Counted, ears.said)] == [
        ((), "Not counted here, for it is over 4096 x 4096 px: Export counts")
    ]
    monkeypatch.setattr(object_finder, "MOST_OBJECTS", 0)
    said: list[Any] = []
    finder = ObjectFinder(said.append)
    for _ in range(2):
        finder.answer(square())
    lines = [message.line.split(",")[0] for message in of(m.Noticed, said)]
    assert lines == ["NU-O01: 1 objects cannot be shown live"]
    assert [message.classes[0].objects for message in of(m.Counted, said)] == [1, 1]  # counted they are


def square(generation: int = 0) -> PredictedPlane:
    """One object of 36 pixels."""
    mask = np.zeros((8, 8), np.uint8)
    mask[1:7, 1:7] = 1
    return PredictedPlane(generation, 1, 0, mask, mask[..., None], PixelSize(), ("a", "b"), Settings(), (1,))


def test_the_newest_wish_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what was asked while objects were being found, only the last is worth finding."""
    monkeypatch.setattr(object_finder, "PAUSE_S", 0.0)
    monkeypatch.setattr(object_finder, "REST", 0.0)
    begun: queue.SimpleQueue[int] = queue.SimpleQueue()
    go_on: queue.SimpleQueue[int] = queue.SimpleQueue()

    def slowly(plane: PredictedPlane, *found: Any) -> m.Objects:
        begun.put(plane.generation)
        go_on.get(timeout=PATIENCE_S)
        return measured_objects(plane, *found)

    monkeypatch.setattr(object_finder, "measured_objects", slowly)
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    finder = ObjectFinder(answers.put)
    finder.ask(square())
    assert begun.get(timeout=PATIENCE_S) == 0
    for generation in (1, 2, 3):
        finder.ask(square(generation))
    for _ in range(2):
        go_on.put(0)
    assert [answers.get(timeout=PATIENCE_S).generation for _ in range(4)] == [0, 0, 3, 3]


def test_objects_are_counted_whatever_is_shown(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Number and share of each class are those of an export, and answer to settings, with no map and no table."""
    ears = Ears(trained, monkeypatch)
    ears.engine.receive(m.Look(3, 1, 0, EVERYTHING))
    rest(ears.engine)
    counted = ears.counted.get(timeout=PATIENCE_S)
    numbers, _ = exported(trained)
    mask = predict(load_model(trained.models / "best.safetensors"), trained.images.open(1))
    (cells,) = counted.classes
    assert (counted.generation, counted.image_id, counted.plane, cells.class_id) == (3, 1, 0, 2)
    assert cells.objects == numbers.max() >= 2
    assert cells.share == pytest.approx((mask == 1).mean())
    assert cells.typical > 5
    trained.settings.write(changed(trained.settings.read(), {"object_size": 1000}))
    ears.engine.receive(m.Annotated())
    rest(ears.engine)
    (cells,) = ears.counted.get(timeout=PATIENCE_S).classes
    assert (cells.objects, cells.too_small, cells.typical) == (0, numbers.max(), 1000)
    assert ears.found.empty()


def test_who_turns_a_knob_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rest between two answers ends when the user asks for other counting."""
    monkeypatch.setattr(object_finder, "PAUSE_S", 10 * PATIENCE_S)
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    finder = ObjectFinder(answers.put)
    finder.ask(square(1))
    assert [answers.get(timeout=PATIENCE_S).generation for _ in range(2)] == [1, 1]
    finder.ask(replace(square(2), is_urgent=True))
    assert answers.get(timeout=PATIENCE_S).generation == 2
