"""Compares painted strokes with what the network says of them, a tile at a time, whenever learning is saved."""

import itertools
from collections import deque
from collections.abc import Iterator

from napari_unet.dataset.annotated import PlaneKey
from napari_unet.evaluation.answers import Answers
from napari_unet.evaluation.label_check import LabelCheck
from napari_unet.images.tiles import Region
from napari_unet.network.inference import Predictor
from napari_unet.protocol.messages import Corrected, Doubted, Open
from napari_unet.training.learner import Learner
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.jobs.tiles import Tiles
from napari_unet.worker.listener import Hears
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.urgency import Urgency

_TILES = 12  # at most for one scoring; where more is painted, they take turns
_APART = 40  # steps between two scorings at least: else they would ask the same network


class StrokeScoring(Job):
    """Does one scoring after the other, and tells which strokes are doubted when these are others than before."""

    def __init__(self, opened: OpenProject, tiles: Tiles) -> None:
        self._opened = opened
        self._tiles = tiles
        self._forget()

    def _forget(self) -> None:
        self._check = LabelCheck()
        self._waiting: deque[tuple[PlaneKey, Region]] = deque()
        self._answers: dict[PlaneKey, Answers] = {}
        self._predictor: Predictor | None = None
        self._step = 0
        self._last: tuple[PlaneKey, Region] | None = None
        self._said = Doubted(())

    def hears(self) -> Hears:
        """Return the methods for another project, and for planes that may be gone."""
        return {Open: lambda _: self._forget(), Corrected: self._correct}

    def urgency(self) -> Urgency:
        """Return the urgency of tiles that wait; while one on screen waits, it is nothing."""
        return Urgency.LABEL_CHECK if self._waiting and not self._tiles.visible_waits else Urgency.NOTHING

    def begin(self) -> None:
        """Score the network that is shown, unless it is nearly the one that was scored last."""
        learner = self._opened.required()
        shown = learner.selection.shown
        # A network that was chosen anew begins to count its steps anew.
        if self._waiting or shown is None or 0 <= shown.step - self._step < _APART:
            return
        self._step, self._predictor, self._answers = shown.step, learner.predictor, {}
        tiles = list(_trained(learner))
        after = tiles.index(self._last) + 1 if self._last in tiles else 0
        self._waiting.extend(itertools.islice(tiles[after:] + tiles[:after], _TILES))

    def step(self) -> None:
        """Predict one tile; after the last one, compare strokes and answers."""
        learner, predictor = self._opened.required(), self._predictor
        if not self._waiting or predictor is None:
            return
        self._last = key, region = self._waiting.popleft()
        plane = learner.annotations.with_context(key, predictor.context_planes)
        answers = self._answers.setdefault(key, Answers(plane.shape))
        answers.write(region, *predictor.classes_and_probabilities(plane, region))
        if not self._waiting:
            self._compare(learner, predictor.class_ids)

    def let_go(self) -> None:
        """Give the scoring up: it holds a network of its own."""
        self._forget()

    def _compare(self, learner: Learner, class_ids: tuple[int, ...]) -> None:
        for done, answers in self._answers.items():
            painted = learner.annotations.planes[done]
            self._check.score(done, painted.labels, painted.trained, answers, class_ids)
        self._answers = {}
        self._tell()

    def _correct(self, _: Corrected) -> None:
        """Doubt no strokes of planes that are gone, and predict nothing there."""
        learner = self._opened.learner
        if learner is None:
            return
        planes = learner.annotations.planes
        self._waiting = deque(place for place in self._waiting if place[0] in planes)
        self._answers = {key: answers for key, answers in self._answers.items() if key in planes}
        self._check.keep(planes)
        self._tell()

    def _tell(self) -> None:
        before, self._said = self._said, Doubted(self._check.doubts())
        if self._said != before:
            self._opened.send(self._said)


def _trained(learner: Learner) -> Iterator[tuple[PlaneKey, Region]]:
    """Yield the tiles that hold trained pixels."""
    for key, plane in learner.annotations.planes.items():
        for place, trained in sorted(plane.trained.tiles.items()):
            if trained.any():
                yield key, plane.trained.area(place)
