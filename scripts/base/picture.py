"""One labelled plane, ready to be cut into tiles."""

from dataclasses import dataclass

import numpy as np

from napari_unet.images.image import Image
from napari_unet.images.normalisation import measure_normalisation

_SPOTS = 2000  # pixels per class and picture around which tiles are laid


@dataclass(frozen=True, slots=True)
class Picture:
    """A normalised plane and its classes.

    Attributes
    ----------
    pixels : float32 (3, y, x), normalised; three equal channels where the image is grey
    labels : uint8 (y, x), index of the fine class
    grey : whether the channels are equal
    spots : per class that is present, flat indices of some of its pixels
    """

    pixels: np.ndarray
    labels: np.ndarray
    grey: bool
    spots: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, pixels: np.ndarray, labels: np.ndarray) -> "Picture":
        """Make a picture from raw pixels (y, x, 1 or 3) and labels (y, x)."""
        grey = bool((pixels == pixels[..., :1]).all())
        plane = Image("plane", pixels[..., :1] if grey else pixels, "yxc")
        normal = measure_normalisation(plane).apply(plane.pixels)
        channels = np.broadcast_to(normal, (*labels.shape, 3)).transpose(2, 0, 1)
        return cls(np.ascontiguousarray(channels), labels.astype(np.uint8), grey, _spots(labels))


def _spots(labels: np.ndarray) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(0)
    flat = labels.ravel()
    all_of_each = [np.flatnonzero(flat == class_index) for class_index in np.unique(flat)]
    return tuple(random.choice(spots, min(len(spots), _SPOTS), replace=False) for spots in all_of_each)
