"""Agreement of strokes with the prediction that lay on screen when they were painted."""

from collections import deque

import numpy as np
from jaxtyping import Int64

from napari_unet.evaluation.scores import AGREEMENT_STROKES, mean_known, recall


class AgreementTally:
    """Count the newest strokes by painted and predicted class."""

    def __init__(self) -> None:
        self._counted: deque[tuple[tuple[int, ...], Int64[np.ndarray, "k k"]]] = deque(maxlen=AGREEMENT_STROKES)

    @property
    def strokes(self) -> int:
        """Return how many strokes stand behind the share."""
        return len(self._counted)

    @property
    def share(self) -> float | None:
        """Return the share of newly painted pixels that were predicted rightly, averaged over the classes.

        None while nothing is counted.
        """
        everything = sorted({class_id for class_ids, _ in self._counted for class_id in class_ids})
        total = np.zeros((len(everything),) * 2, np.int64)
        for class_ids, matrix in self._counted:
            index = [everything.index(class_id) for class_id in class_ids]
            total[np.ix_(index, index)] += matrix
        return mean_known(recall(total))

    def add(self, class_ids: tuple[int, ...], matrix: Int64[np.ndarray, "k k"]) -> None:
        """Count a stroke by its confusion matrix; one without a pixel of a known class is left out."""
        if matrix.any():
            self._counted.append((class_ids, matrix))
