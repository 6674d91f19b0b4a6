"""New strokes, compared with the prediction that lay on screen when they were painted."""

from collections import deque
from typing import NamedTuple

import numpy as np

from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.dataset.annotated_plane import Stroke
from napari_unet.evaluation.agreement import AgreementTally
from napari_unet.network.inference import Predictor
from napari_unet.training.area_scores import confusion_at

_MOST_WAITING = 4  # each holds a network of 8 or 31 MB; fifty of them doubled the memory of a worker on a busy machine


class Unjudged(NamedTuple):
    """A stroke with the network that was shown when it came, before anything was learned from it."""

    predictor: Predictor
    parts: list[tuple[PlaneKey, Stroke]]


class Agreement:
    """Compares strokes with what the network said there; judging can wait until the stroke has been answered.

    One stroke is what one reading of the annotations brought. Only classes that the network knew count. Of strokes that
    come faster than they are judged the oldest are left out.
    """

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations
        self._waiting: deque[Unjudged] = deque(maxlen=_MOST_WAITING)
        self._tally = AgreementTally()

    @property
    def waits(self) -> bool:
        """Tell whether a stroke is still to be judged."""
        return bool(self._waiting)

    @property
    def strokes(self) -> int:
        """Return how many strokes stand behind the share."""
        return self._tally.strokes

    @property
    def share(self) -> float | None:
        """Return the share of newly painted pixels that the network had right; see ``AgreementTally``."""
        return self._tally.share

    def note(self, predictor: Predictor) -> None:
        """Remember what was painted since the last reading, to be judged by this network where it sees the image."""
        channels, images = predictor.network.architecture.image_channels, self._annotations.project.images
        painted = [(key, plane.strokes) for key, plane in self._annotations.planes.items() if plane.strokes]
        seen = [(key, strokes) for key, strokes in painted if images.get(key[0]).channels == channels]
        parts = [(key, stroke) for key, strokes in seen for stroke in strokes]
        if parts:
            self._waiting.append(Unjudged(predictor, parts))

    def judge(self) -> None:
        """Predict where the oldest waiting stroke lies, and count."""
        predictor, parts = self._waiting.popleft()
        total = np.zeros((len(predictor.class_ids),) * 2, np.int64)
        for key, (region, labels) in parts:
            pixels = self._annotations.with_context(key, predictor.context_planes)
            total += confusion_at(predictor, pixels, region, labels)
        self._tally.add(predictor.class_ids, total)

    def forget(self) -> None:
        """Leave unjudged what waits: the networks that it waits for are elsewhere now."""
        self._waiting.clear()
