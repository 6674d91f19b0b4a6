"""How good a mask is: Dice over whole images that were not learned from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.sets import LabelledSet, Picture
from napari_unet.evaluation.scores import confusion, dice


@dataclass(frozen=True, slots=True)
class Quality:
    """Dice over some images: mean over all classes, and over all but the background."""

    all_classes: float
    without_background: float


def quality(
    pictures: Sequence[Picture], labelled_set: LabelledSet, classify: Callable[[Picture], np.ndarray]
) -> Quality:
    """Compute the Dice per class over each whole image; then means over classes and images."""
    classes = range(len(labelled_set.classes))
    values = np.array([dice(confusion(p.truth, classify(p), classes)) for p in pictures])
    return Quality(float(values.mean()), float(values[:, 1:].mean()))
