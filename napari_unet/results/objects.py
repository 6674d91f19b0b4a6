"""Numbering the separate objects of a mask."""

import numpy as np
from jaxtyping import Int32, UInt8
from skimage.measure import label


def label_objects(mask: UInt8[np.ndarray, "y x"]) -> Int32[np.ndarray, "y x"]:
    """Give each connected component of each class its own number 1..N; background (0) stays 0.

    Pixels that touch at an edge or a corner are connected; touching pixels of different classes are not.
    """
    objects = label(mask, background=0, connectivity=2)
    return np.asarray(objects, dtype=np.int32)
