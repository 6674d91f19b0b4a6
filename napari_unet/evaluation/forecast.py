"""Forecast of the gain from more annotation: the learning curve so far, fitted and carried on."""

from collections.abc import Sequence

import msgspec
import numpy as np
from jaxtyping import Float64
from scipy.special import stdtrit

HORIZON_MIN = 10.0
LEAST_TIMES = 5
LEAST_SPAN_MIN = 3.0
_SCALES_MIN = 2.0 ** np.arange(-1, 5.25, 0.5)
_POWERS = (0.5, 1.0, 2.0, 4.0)
_PARAMETERS = 4  # c, a, scale and power
_HUBER = 1.345  # residuals beyond this many deviations count less; 95 % efficient for normal noise
_ROUNDS = 6
_LEAST_DEVIATION = 1e-3  # Dice; scores are told to three digits
_MOST_CORRELATION = 0.95
# A real curve has none of the shapes, so that the likelihood is too sure of the best one, and more so with more points.
_TEMPER, _MOST_INDEPENDENT = 0.6, 30.0


class Forecast(msgspec.Struct, frozen=True):
    """Hold the expected gain of Dice and half the width of its 95 % interval."""

    gain: float
    uncertainty: float


def forecast(points: Sequence[tuple[float, float]]) -> Forecast | None:
    """Return the Dice to gain in the next ten minutes of annotation, or None when the points do not suffice.

    Curves that saturate, ``c - a s(t)`` with ``s`` a power law or an exponential of a fixed scale, are fitted for a
    grid of shapes, robust to outliers (Huber). The shapes are averaged by their tempered likelihood. The interval holds
    the error of a, widened where residuals follow each other, and what the shapes disagree about. The gain is never
    below 0 and never leads beyond a Dice of 1; where that moves it, the interval grows by as much.

    Parameters
    ----------
    points : annotation time in minutes, not falling, and held-out Dice; of several at one time the last counts
    """
    newest = dict(points)
    times, dice = np.array(list(newest)), np.array(list(newest.values()))
    if len(times) < LEAST_TIMES or times[-1] - times[0] < LEAST_SPAN_MIN:
        return None
    shapes = _shapes(np.append(times, times[-1] + HORIZON_MIN) - times[0])
    drops = shapes[:, -2] - shapes[:, -1]
    slopes, variances, evidence = _fit(shapes[:, :-1], dice)
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    gains = slopes * drops
    mean = float(weights @ gains)
    spread = float(np.sqrt(weights @ (variances * drops**2 + (gains - mean) ** 2)))
    gain = min(max(mean, 0.0), 1.0 - float(dice[-1]))
    student = float(stdtrit(len(times) - _PARAMETERS, 0.975))
    return Forecast(gain, student * spread + abs(gain - mean))


def _shapes(times: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "k n"]:
    """Return the share still to be learned at each time, 1 at time 0 and falling to 0, in several shapes."""
    scaled = times / _SCALES_MIN[:, None]
    return np.concatenate([*((1 + scaled) ** -power for power in _POWERS), np.exp(-scaled)])


def _fit(
    shapes: Float64[np.ndarray, "k n"], dice: Float64[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Return for each shape the factor a, its variance, and the tempered log likelihood."""
    weights = np.ones_like(shapes)
    for _ in range(_ROUNDS):
        total = weights.sum(1, keepdims=True)
        x = shapes - (weights * shapes).sum(1, keepdims=True) / total
        y = dice - (weights * dice).sum(1, keepdims=True) / total
        square = (weights * x**2).sum(1, keepdims=True)
        slope = (weights * x * y).sum(1, keepdims=True) / square
        residuals = y - slope * x
        deviation = np.maximum(1.4826 * np.median(np.abs(residuals), axis=1, keepdims=True), _LEAST_DEVIATION)
        weights = _HUBER * deviation / np.maximum(np.abs(residuals), _HUBER * deviation)
    count = dice.size
    variance = np.maximum((weights * residuals**2).sum(1) / (count - 2), _LEAST_DEVIATION**2)
    following = (residuals[:, 1:] * residuals[:, :-1]).sum(1)
    correlation = following / np.maximum((residuals**2).sum(1), count * _LEAST_DEVIATION**2)
    correlation = np.clip(correlation, 0.0, _MOST_CORRELATION)
    independent = (1 - correlation) / (1 + correlation)  # share of the points
    effective = min(count * independent[variance.argmin()] * _TEMPER, _MOST_INDEPENDENT)
    return -slope[:, 0], variance / square[:, 0] / independent, -0.5 * effective * np.log(variance)
