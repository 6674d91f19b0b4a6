"""Maps that can be shown beside the classes: the probability of one of them, or the uncertainty."""

import numpy as np
from jaxtyping import Float32, UInt8

HIGHEST = 255  # stands for 1
PREDICTED_MAPS = ("probability", "uncertainty")


def map_values(
    kind: str, class_id: int, class_ids: tuple[int, ...], probabilities: Float32[np.ndarray, "k h w"]
) -> UInt8[np.ndarray, "h w"]:
    """Return the probability of a class or the uncertainty, 0 to 255 for 0 to 1.

    Parameters
    ----------
    kind : "probability" or "uncertainty"
    class_id : whose probability; 0 everywhere for a class that the network does not know
    class_ids : the class of each of the k outputs
    probabilities : add up to 1 over k
    """
    if kind == "uncertainty":
        values = uncertainty(probabilities)
    elif class_id in class_ids:
        values = probabilities[class_ids.index(class_id)]
    else:
        values = np.zeros_like(probabilities[0])
    return np.rint(values * HIGHEST).astype(np.uint8)


def uncertainty(probabilities: Float32[np.ndarray, "k h w"]) -> Float32[np.ndarray, "h w"]:
    """Return 1 - (p_first - p_second): 0 where the network is sure, 1 where two classes are equally probable."""
    first, second = np.partition(probabilities, -2, axis=0)[-1:-3:-1]
    return 1 - (first - second)
