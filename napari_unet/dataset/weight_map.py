"""The weight map of the loss: classes balanced, narrow gaps between objects heavier, ends of strokes lighter.

w(x) = w_c(x) * (1 + w_0 exp(-(d1(x) + d2(x))^2 / (2 sigma^2))), after Ronneberger, Fischer and Brox 2015, where d1 and
d2 are the distances to the nearest and the second nearest labelled object, and the border term stands on background
only. There it is added to w_c of about 1; here it multiplies w_c, so that it means the same for a class of ten pixels
and for one of ten thousand.
"""

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32, UInt8
from scipy import ndimage

from napari_unet.project.classes import BACKGROUND

_REACH = 4.0  # sigmas beyond which the border term is below 0.0004
_EIGHT = np.ones((3, 3), bool)
END_REACH = 2  # px within which other labels decide what the end of a stroke is
_AT_THE_END = np.float32(0.2)  # share of its weight that the last pixel of a stroke keeps


def border_weights(labels: UInt8[np.ndarray, "y x"], w0: float, sigma: float) -> Float32[np.ndarray, "y x"]:
    """Compute ``object_weights`` of strokes.

    An object is a connected piece of strokes of one class other than background.
    """
    return object_weights(stroke_objects(labels), w0, sigma)


def object_weights(objects: Int[np.ndarray, "y x"], w0: float, sigma: float) -> Float32[np.ndarray, "y x"]:
    """Compute 1 + w_0 exp(-(d1 + d2)^2 / (2 sigma^2)) outside objects, and 1 inside.

    Objects may come from dense labels or from strokes.

    ``objects`` holds 0 where no object is and a number of its own for each object; objects of different numbers may
    touch. ``sigma`` is in pixels, and so are the Euclidean distances d1 and d2 to the nearest pixels of the nearest
    and the second nearest object.
    """
    return np.where(objects > 0, np.float32(1), 1 + np.float32(w0) * border_term(objects, sigma))


def stroke_objects(labels: UInt8[np.ndarray, "y x"]) -> Int32[np.ndarray, "y x"]:
    """Number the connected pieces (8 neighbours) of each class other than background from 1; 0 elsewhere."""
    objects = np.zeros(labels.shape, np.int32)
    count = 0
    for class_id in np.unique(labels[labels > BACKGROUND]):
        found, number = ndimage.label(labels == class_id, _EIGHT)
        objects[found > 0] = found[found > 0] + count
        count += number
    return objects


def border_term(objects: Int[np.ndarray, "y x"], sigma: float) -> Float32[np.ndarray, "y x"]:
    """Compute exp(-(d1 + d2)^2 / (2 sigma^2)) for numbered objects (0 is none); 0 where fewer than two are near."""
    reach = int(np.ceil(_REACH * sigma))
    far = np.float32(np.inf)
    nearest, second = np.full(objects.shape, far), np.full(objects.shape, far)
    for number, box in enumerate(ndimage.find_objects(objects), start=1):
        if box is None:
            continue
        near = tuple(slice(max(0, side.start - reach), side.stop + reach) for side in box)
        distance = ndimage.distance_transform_edt(objects[near] != number).astype(np.float32)
        closer = distance < nearest[near]
        second[near] = np.where(closer, nearest[near], np.minimum(second[near], distance))
        nearest[near] = np.where(closer, distance, nearest[near])
    with np.errstate(over="ignore"):
        term = np.exp(-((nearest + second) ** 2) / np.float32(2 * sigma * sigma))
    return term.astype(np.float32)


def class_weights(counts: dict[int, int]) -> dict[int, float]:
    """Compute w_c: the same total for every class, 1 on average over labelled pixels.

    Classes without pixels are left out.
    """
    present = {class_id: count for class_id, count in counts.items() if count > 0}
    total = sum(present.values())
    return {class_id: total / (len(present) * count) for class_id, count in present.items()}


def class_table(balance: dict[int, float]) -> Float32[np.ndarray, "256"]:
    """Return the weight of every class id; 0 for those that have none."""
    table = np.zeros(256, np.float32)
    table[list(balance)] = list(balance.values())
    return table


def pixel_weights(
    labels: UInt8[np.ndarray, "y x"], trained: Bool[np.ndarray, "y x"], border: Float32[np.ndarray, "y x"]
) -> Float32[np.ndarray, "y x"]:
    """Compute w(x) without the weight of its class: the border weight, less at ends of strokes.

    It is exactly 0 where nothing is trained.
    """
    return border * end_weights(labels) * trained


def end_weights(labels: UInt8[np.ndarray, "y x"]) -> Float32[np.ndarray, "y x"]:
    """Compute 0.2 for the last pixel of strokes, where unlabelled ones begin, and 1 elsewhere.

    A brush spills over its thing, so the class of the last pixel is the least sure. Strokes that are too thin to have a
    pixel inside keep their weight, and so do labels that end at other labels, as those of every pixel do.
    """
    labelled = labels > 0
    ends = labelled & _and_beside(~labelled)
    return np.where(ends & _and_beside(labelled & ~ends), _AT_THE_END, np.float32(1))


def _and_beside(pixels: Bool[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    """Mark these pixels and their eight neighbours."""
    return ndimage.maximum_filter(pixels, 3, mode="nearest")
