"""Labels that the other strokes do not foretell, and how much they weigh.

Who paints over errors paints much that the network has wrong and little that it has right, so what is painted of a
class is no fair sample of it: a network that learns from it anew learns what is rare and forgets what is usual. Labels
that the other strokes do not foretell therefore weigh together as much of their class as such pixels are of it in whole
images (post-stratification, Holt and Smith 1979).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from napari_unet.dataset.annotated_plane import AnnotatedPlane
from napari_unet.images.tiles import Region

_CLASS_IDS = 256
_LEAST = 0.2  # weight of an unforeseen label beside another one: it is a label all the same
_FACT = "unforeseen_labels"
_PREFIX = "unforeseen."  # begins the names of their positions in a checkpoint


class UnforeseenLabels:
    """The labels of planes that the other strokes do not foretell.

    Parameters
    ----------
    planes : by image and plane; they hold which labels these are, and how much these and the others weigh
    """

    def __init__(self, planes: Mapping[tuple[int, int], AnnotatedPlane]) -> None:
        self._planes = planes
        self._shares = np.ones(_CLASS_IDS)  # of each class, in whole images

    def mark(self, key: tuple[int, int], region: Region, unforeseen: Bool[np.ndarray, "h w"]) -> None:
        """Mark the unforeseen labels in a region of a plane; all others there are none."""
        self._planes[key].unforeseen.write(region, unforeseen)

    def note(self, shares: Mapping[int, float]) -> None:
        """Note which share of each class is unforeseen in whole images, by class id."""
        self._shares[list(shares)] = list(shares.values())
        self.weigh()

    def forget(self) -> None:
        """Let all labels be foreseen."""
        for plane in self._planes.values():
            plane.unforeseen.tiles.clear()
        self.weigh()

    def weigh(self) -> None:
        """Let unforeseen and other labels of each class weigh what they should; 1 on average over the class."""
        labels, unforeseen = np.zeros(_CLASS_IDS, np.int64), np.zeros(_CLASS_IDS, np.int64)
        for plane in self._planes.values():
            for class_id, positions in plane.positions.items():
                labels[class_id] += len(positions)
            unforeseen += plane.unforeseen_counts()
        weights = weights_by_kind(labels, unforeseen, self._shares).astype(np.float32)
        for plane in self._planes.values():
            if not np.array_equal(plane.unforeseen_weights, weights):
                plane.unforeseen_weights = weights
                plane.times_read += 1  # what was read of its weights is old

    def weights(
        self, tiles: Sequence[tuple[tuple[int, int], Region, Bool[np.ndarray, "_ _"]]]
    ) -> Float32[np.ndarray, " n"]:
        """Return the weights of some labels: for each tile its plane, its region, and which pixels of it."""
        return np.concatenate([self._planes[key].weights_by_kind(region)[wanted] for key, region, wanted in tiles])

    def facts(self) -> dict[str, Any]:
        """Return the shares of the classes, for a checkpoint."""
        return {_FACT: {str(k): float(self._shares[k]) for k in np.flatnonzero(self._shares < 1)}}

    def positions(self) -> dict[str, Int64[np.ndarray, " n"]]:
        """Return where unforeseen labels are, for a checkpoint: flat indices for each plane."""
        found = {key: plane.unforeseen_positions() for key, plane in self._planes.items()}
        return {f"{_PREFIX}{key[0]}.{key[1]}": at for key, at in found.items() if len(at)}

    def resume(self, facts: Mapping[str, Any], positions: Mapping[str, np.ndarray]) -> None:
        """Take over what a checkpoint has of labels that are still there.

        Parameters
        ----------
        positions : by the names that ``positions`` gives; others are left alone
        """
        for class_id, share in facts.get(_FACT, {}).items():
            self._shares[int(class_id)] = share
        for (image_id, number), plane in self._planes.items():
            at = positions.get(f"{_PREFIX}{image_id}.{number}")
            if at is not None and at.dtype == np.int64 and at.ndim == 1:  # another has another meaning
                plane.set_unforeseen(at)
        self.weigh()


def weights_by_kind(
    labels: Int64[np.ndarray, " k"], unforeseen: Int64[np.ndarray, " k"], shares: Float64[np.ndarray, " k"]
) -> Float64[np.ndarray, "2 k"]:
    """Compute what other labels (first row) and unforeseen ones (second row) of each class weigh.

    Unforeseen ones never weigh more than others, and never less than a fifth of them.

    Parameters
    ----------
    labels, unforeseen : number of all labels of each class, and of those that are unforeseen
    shares : of the pixels of each class that are unforeseen, in whole images
    """
    is_mixed = (unforeseen > 0) & (unforeseen < labels)
    painted = np.where(is_mixed, unforeseen / np.maximum(labels, 1), 0.5)
    odds = painted / (1 - painted)
    wanted = np.clip(shares / np.maximum(1 - shares, 1e-9), _LEAST * odds, odds)
    share = wanted / (1 + wanted)
    return np.where(is_mixed, [(1 - share) / (1 - painted), share / painted], 1.0)
