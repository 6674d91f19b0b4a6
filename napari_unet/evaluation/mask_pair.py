"""Prediction and truth whose numbers tell by themselves what they mean, or are refused."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64
from skimage.measure import label

from napari_unet.errors import UserError
from napari_unet.evaluation.mask_meaning import MaskMeaning

_MOST_CLASSES = 20  # higher numbers are taken for grey values or objects
_PIECES_PER_OBJECT = 1.5  # an object may be cut in two by the plane or by another one, most are whole

Mask = Int64[np.ndarray, "planes y x"]


@dataclass(frozen=True, slots=True)
class MaskPair:
    """Hold a prediction and its truth over the same planes, without negative numbers."""

    prediction: Mask
    truth: Mask

    def truth_meaning(self) -> MaskMeaning:
        """Tell the truth's classes, foreground mask and objects apart.

        Raises
        ------
        UserError
            NU-S02 where the numbers could mean several things, among them labels for training.
        """
        found, true = _values(self.prediction), _values(self.truth)
        classes = {value for value in found if value <= _MOST_CLASSES}
        highest, last = max(true, default=0), max(classes, default=0)
        if highest <= 1:
            return "classes"
        if len(true) == 1:
            return "classes" if highest in classes else "mask"
        if highest <= last + 1 and self._truth_is_one_higher(true):
            raise _ambiguous("truth", "looks like labels for training (0 unlabelled)", "labels")
        if highest <= last and classes == found:
            return "classes"
        if _is_numbered(self.truth):
            # Tissues of one piece each look like few objects, and a class that was missed then like one that was found.
            # Beside one predicted class that is feared of those that touch, as a nucleus and its cell: such a mask of
            # a few cells that lie apart is too usual to be asked about.
            may_be_classes = highest <= _MOST_CLASSES and classes == found
            if may_be_classes and (len(found) > 1 or _have_touching_values(self.truth)):
                raise _ambiguous("truth", "looks like classes or numbers of objects", "classes", "objects")
            return "objects"
        if highest > _MOST_CLASSES:
            raise _ambiguous("truth", f"holds values up to {highest} that are no objects", "a mask")
        if self._is_hit(true & found):
            return "classes"
        raise _ambiguous("truth", "holds more classes than the prediction", "classes", "labels")

    def prediction_meaning(self, truth: MaskMeaning) -> MaskMeaning:
        """Tell the prediction's classes, foreground mask and objects apart, beside a truth whose meaning is known.

        Raises
        ------
        UserError
            NU-S02 where the numbers could be classes or objects.
        """
        found, true = _values(self.prediction), _values(self.truth)
        highest = max(found, default=0)
        if len(found) == 1 and highest > _MOST_CLASSES:
            return "mask"
        if highest > _MOST_CLASSES:
            if _is_numbered(self.prediction):
                return "objects"
            raise _ambiguous("prediction", f"holds values up to {highest} that are no objects", "a mask")
        if truth == "classes" and len(found) > 1 and self._looks_numbered(found, true):
            raise _ambiguous("prediction", "looks like numbers of objects", "objects", "classes")
        return "classes"

    def _looks_numbered(self, found: frozenset[int], true: frozenset[int]) -> bool:
        """Tell whether each value of the prediction is one piece and lies on foreground, but not on its own class."""
        if not true or not _is_numbered(self.prediction) or not (true == {1} or _is_numbered(self.truth)):
            return False
        usual = {value: _usual(self.truth[self.prediction == value]) for value in found}
        return all(usual.values()) and any(value != other for value, other in usual.items())

    def _truth_is_one_higher(self, true: frozenset[int]) -> bool:
        return all(_usual(self.prediction[self.truth == value]) == value - 1 for value in true)

    def _is_hit(self, values: frozenset[int]) -> bool:
        """Tell whether most of the truth of each value is predicted so."""
        return bool(values) and all(_usual(self.prediction[self.truth == value]) == value for value in values)


def _values(mask: Mask) -> frozenset[int]:
    return frozenset(int(value) for value in np.unique(mask)) - {0}


def _usual(values: Int64[np.ndarray, " n"]) -> int:
    """Return the value of more than half of the pixels, -1 where there is none."""
    known, counts = np.unique(values, return_counts=True)
    most = int(counts.argmax())
    return int(known[most]) if 2 * counts[most] > values.size else -1


def _is_numbered(mask: Mask) -> bool:
    """Tell whether a value is mostly one connected piece of a plane, as the number of an object is."""
    objects = sum(len(_values(plane[np.newaxis])) for plane in mask)
    return _count_pieces(mask) <= _PIECES_PER_OBJECT * objects


def _have_touching_values(mask: Mask) -> bool:
    """Tell whether different values lie side by side, so that their foreground has fewer pieces than they have."""
    return _count_pieces((mask > 0).astype(np.int64)) < _count_pieces(mask)


def _count_pieces(mask: Mask) -> int:
    return sum(int(label(plane, background=0, connectivity=2).max()) for plane in mask)


def _ambiguous(whose: str, does: str, *meanings: str) -> UserError:
    fix = f"say what the {whose} is: {', '.join(meanings)}, or something else"
    return UserError("NU-S02", f"the {whose} {does}", "score", fix)
