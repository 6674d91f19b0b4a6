"""Objects and share of the area of each class, in a few numbers."""

import msgspec
import numpy as np
from jaxtyping import UInt8

from napari_unet.objects.objects import Objects
from napari_unet.objects.sizes import ClassSizes


class ClassCount(msgspec.Struct, frozen=True):
    """Hold what is counted of a class.

    Attributes
    ----------
    objects : number of objects that count
    share : pixels of the class in the mask, as a share of all
    typical : diameter of a typical object in px; 0 where there is none
    too_small, too_large : number of objects that are left out for their size
    """

    class_id: int
    objects: int
    share: float
    typical: float = 0.0
    too_small: int = 0
    too_large: int = 0


def class_counts(mask: UInt8[np.ndarray, "planes y x"], objects: Objects, classes: int) -> tuple[ClassCount, ...]:
    """Count objects and pixels of every class but the background, which has mask value 0 and class id 1."""
    pixels = np.zeros(classes, np.int64)
    for plane in mask:
        pixels += np.bincount(plane.ravel(), minlength=classes)
    found = np.bincount(objects.values[1:], minlength=classes)
    sizes = dict(enumerate(objects.sizes))
    counts = []
    for value in range(1, classes):
        of_class = sizes.get(value, ClassSizes())
        left_out = (of_class.typical, of_class.too_small, of_class.too_large)
        counts.append(ClassCount(value + 1, int(found[value]), float(pixels[value] / mask.size), *left_out))
    return tuple(counts)
