"""Compares painted strokes with what the network says of them, a slice at a time, whenever learning is saved."""

import itertools
from collections import deque
from collections.abc import Iterator

import numpy as np

from napari_unet.dataset.annotated import PlaneKey
from napari_unet.evaluation.label_check import LabelCheck
from napari_unet.images.tiled_plane import TiledPlane
from napari_unet.images.tiles import Region
from napari_unet.network.inference import Predictor
from napari_unet.protocol.messages import Doubted
from napari_unet.training.learner import Learner

_TILES = 12  # at most for one scoring; where more is painted, they take turns
_APART = 40  # steps between two scorings at least: else they would ask the same network


class StrokeScoring:
    """One scoring at a time."""

    def __init__(self) -> None:
        self._check = LabelCheck()
        self._waiting: deque[tuple[PlaneKey, Region]] = deque()
        self._predicted: dict[PlaneKey, TiledPlane] = {}
        self._predictor: Predictor | None = None
        self._step = 0
        self._last: tuple[PlaneKey, Region] | None = None
        self._said = Doubted(())

    @property
    def is_under_way(self) -> bool:
        """Whether tiles are still to be predicted."""
        return bool(self._waiting)

    def begin(self, learner: Learner) -> None:
        """Score the network that is shown, unless it is nearly the one that was scored last."""
        shown = learner.selection.shown
        if self._waiting or shown is None or shown.step - self._step < _APART:
            return
        self._step, self._predictor, self._predicted = shown.step, learner.predictor, {}
        tiles = list(_trained(learner))
        after = tiles.index(self._last) + 1 if self._last in tiles else 0
        self._waiting.extend(itertools.islice(tiles[after:] + tiles[:after], _TILES))

    def work(self, learner: Learner) -> Doubted | None:
        """Predict one tile; after the last one what is doubted, when that is something else than before."""
        predictor = self._predictor
        if not self._waiting or predictor is None:
            return None
        self._last = key, region = self._waiting.popleft()
        plane = learner.annotations.with_context(key, predictor.context_planes)
        predicted = self._predicted.setdefault(key, TiledPlane(plane.shape, np.uint8))
        predicted.write(region, predictor.classes(plane, region))
        if self._waiting:
            return None
        for done, answers in self._predicted.items():
            painted = learner.annotations.planes[done]
            self._check.score(done, painted.labels, painted.trained, answers)
        self._predicted = {}
        before, self._said = self._said, Doubted(self._check.doubts())
        return None if self._said == before else self._said


def _trained(learner: Learner) -> Iterator[tuple[PlaneKey, Region]]:
    """Tiles with trained pixels."""
    for key, plane in learner.annotations.planes.items():
        for place, trained in sorted(plane.trained.tiles.items()):
            if trained.any():
                yield key, plane.trained.area(place)
