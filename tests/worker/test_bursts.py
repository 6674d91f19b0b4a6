"""Strokes that come faster than a head is fitted to them: they are answered as one, in turns with tiles on screen."""

import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from squares import HEIGHT, TILE, WIDTH, Clock, of

from napari_unet.config import Settings
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.worker.__main__ import turn
from napari_unet.worker.engine import Engine
from napari_unet.worker.heartbeat import Heartbeat

if TYPE_CHECKING:
    from napari_unet.training.learner import Learner


class Burst:
    """An engine on a project that is looked at, and how often it read strokes.

    Attributes
    ----------
    said : what the engine said
    readings : whether the strokes were the user's own, at every reading
    """

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        project.settings.write(Settings(tile=64, prediction_tile=TILE))
        self.project = project
        self.said: list[Any] = []
        self.readings: list[bool] = []
        self.engine = Engine(self.said.append, Device("cpu", "", False), Clock())
        self.engine.receive(m.Open(str(project.folder)))
        learner: Learner | None = self.engine.learner
        assert learner is not None
        refresh = learner.refresh

        def spy(*, own: bool) -> Any:
            self.readings.append(own)
            return refresh(own=own)

        monkeypatch.setattr(learner, "refresh", spy)
        self.engine.receive(m.Train(on=True))
        self.engine.receive(LOOK)

    def stroke(self, number: int, *, own: bool = True) -> None:
        """Paint a little of both classes, and say so."""
        labels = self.project.strokes.plane(1, 0)
        labels[30:34, 25 + number], labels[5:9, 5 + number] = 2, 1
        self.project.commit(1, 0, labels)
        self.engine.receive(m.Annotated(own=own))

    @property
    def tiles(self) -> list[m.Tile]:
        """Return the tiles that came."""
        return list(of(m.Tile, self.said))


LOOK = m.Look(1, 1, 0, Region(0, 0, HEIGHT, WIDTH))


@pytest.fixture
def burst(project: Project, monkeypatch: pytest.MonkeyPatch) -> Burst:
    """Squares on noise, nothing painted yet, all of it on screen."""
    return Burst(project, monkeypatch)


def test_strokes_that_wait_are_answered_as_one(burst: Burst) -> None:
    """However many came while the worker was busy, one head is fitted; what was taken over makes all of it foreign."""
    for number, own in enumerate((True, False, True)):
        burst.stroke(number, own=own)
    assert of(m.Progress, burst.said)[-1].behind
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    inbox.put(LOOK)
    assert turn(burst.engine, inbox, Heartbeat(burst.said.append), threading.Event())
    assert burst.readings == [False]
    assert burst.tiles == []
    burst.engine.work()
    assert burst.tiles[0].step == 0
    assert not of(m.Progress, burst.said)[-1].behind


def test_a_hand_that_never_rests_sees_tiles(burst: Burst) -> None:
    """Strokes that come with every slice of work are heard of in turns with tiles on screen."""
    for number in range(10):
        burst.stroke(number)
        burst.engine.work()
    assert len(burst.readings) == 5
    assert len(burst.tiles) == 5


def test_what_is_said_after_strokes_is_heard_after_them(burst: Burst) -> None:
    """A pause scores and saves what was painted before it."""
    burst.stroke(0)
    burst.engine.receive(m.Train(on=False))
    assert burst.readings == [True]
    assert burst.engine.learner is not None
    assert burst.engine.learner.annotations.class_ids() == (1, 2)


def test_nothing_is_scored_before_a_stroke_is_answered(burst: Burst, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scoring takes longer than the tile that the user waits for, so it comes with the training that follows."""
    assert burst.engine.learner is not None
    monkeypatch.setattr(type(burst.engine.learner.selection.pace), "is_due", True)
    burst.stroke(0)
    burst.engine.work()
    burst.engine.work()
    kinds = [type(message) for message in burst.said]
    assert m.Tile in kinds
    assert m.Scored not in kinds
    for _ in range(60):
        burst.engine.work()
    assert of(m.Scored, burst.said)
