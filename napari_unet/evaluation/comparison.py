"""Comparison of two networks on the same held-out blocks."""

import numpy as np
from jaxtyping import Float64, Int

from napari_unet.evaluation.scores import dice

_RESAMPLES = 400
_CLEARLY = 80  # percentile of the resampled differences that must be below zero for "clearly worse"


def is_clearly_worse(mine: Int[np.ndarray, "n k k"], theirs: Int[np.ndarray, "n k k"]) -> bool:
    """Tell whether a paired bootstrap over blocks leaves little doubt that the mean Dice of ``mine`` is lower.

    Parameters
    ----------
    mine, theirs : confusion matrices of the same blocks, in the same order
    """
    draws = np.random.default_rng(0).integers(len(mine), size=(_RESAMPLES, len(mine)))
    differences = mean_dice(mine[draws].sum(axis=1)) - mean_dice(theirs[draws].sum(axis=1))
    return bool(np.percentile(differences, _CLEARLY) < 0)


def mean_dice(matrices: Int[np.ndarray, "*n k k"]) -> Float64[np.ndarray, "*n"]:
    """Average the Dice of the classes that occur in the truth; 0 where none does."""
    values = dice(matrices)
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0).sum(-1) / np.maximum(known.sum(-1), 1))
