"""Laws of the forecast: how often its interval holds what comes, and what it never promises."""

from collections.abc import Callable

import numpy as np
import pytest

from napari_unet.evaluation.forecast import HORIZON_MIN, Forecast, forecast

TRIALS = 200


def measured(
    curve: Callable[..., np.ndarray], count: int, minutes: float, noise: float, seed: int, correlation: float = 0.0
) -> Forecast:
    """The forecast from noisy scores of a curve at random times."""
    rng = np.random.default_rng(seed)
    times = np.sort([0.3, minutes, *rng.uniform(0.3, minutes, count - 2)])
    errors = rng.normal(0, noise, count)
    for i in range(1, count):
        errors[i] = correlation * errors[i - 1] + np.sqrt(1 - correlation**2) * errors[i]
    dice = (curve(times) + errors).clip(0, 1)
    result = forecast(list(zip(times.tolist(), dice.tolist(), strict=True)))
    assert result is not None
    return result


@pytest.mark.parametrize(("count", "minutes"), [(6, 3.5), (12, 8.0), (60, 20.0)])
@pytest.mark.parametrize(
    "curve",
    [
        pytest.param(lambda t: 0.93 - 0.5 * (1 + t / 1.5) ** -0.8, id="power law"),
        pytest.param(lambda t: 0.85 - 0.35 * (1 + t / 6) ** -0.5, id="slow power law"),
        pytest.param(lambda t: 0.9 - 0.4 * np.exp(-t / 3), id="exponential"),
    ],
)
def test_the_interval_holds_what_comes(curve: Callable[..., np.ndarray], count: int, minutes: float) -> None:
    """In at least 90 % of the trials, for curves that saturate; none of them is exactly one of the fitted shapes."""
    gain = curve(np.array(minutes + HORIZON_MIN)) - curve(np.array(minutes))
    results = [measured(curve, count, minutes, 0.015, seed) for seed in range(TRIALS)]
    held = np.mean([abs(result.gain - gain) <= result.uncertainty for result in results])
    assert held >= 0.9, held
    if count >= 12:  # and it says something
        assert np.median([result.uncertainty for result in results]) < 0.1


def test_scores_that_follow_each_other_count_less() -> None:
    """Neighbouring scores share most of their error; the interval still holds what comes in at least 90 %."""
    errors, widths = [], []
    for seed in range(TRIALS):
        result = measured(lambda t: 0.85 - 0.35 * (1 + t / 6) ** -0.5, 200, 20, 0.015, seed, correlation=0.9)
        errors.append(abs(result.gain - 0.35 * ((1 + 20 / 6) ** -0.5 - (1 + 30 / 6) ** -0.5)))
        widths.append(result.uncertainty)
    held = np.mean(np.array(errors) <= widths)
    assert held >= 0.9, held


def test_outliers_hardly_matter() -> None:
    """Three of 30 scores far off move the gain by less than 0.005 and widen its interval by less than half."""
    times = np.linspace(0.5, 15, 30)
    dice = 0.9 - 0.4 * (1 + times) ** -1 + np.random.default_rng(0).normal(0, 0.004, 30)
    spoilt = dice.copy()
    spoilt[[14, 21, 28]] -= 0.3
    clean, dirty = (forecast(list(zip(times.tolist(), y.tolist(), strict=True))) for y in (dice, spoilt))
    assert clean is not None
    assert dirty is not None
    assert abs(clean.gain - dirty.gain) < 0.005
    assert dirty.uncertainty < 1.5 * clean.uncertainty


def test_flat_scores_promise_nothing() -> None:
    """About 0 with noise, 0 without, and the interval is honest about the noise."""
    noisy = [measured(lambda t: 0.8 + 0 * t, 20, 8, 0.01, seed) for seed in range(TRIALS)]
    assert np.mean([result.gain for result in noisy]) < 0.01
    assert np.mean([result.gain <= result.uncertainty for result in noisy]) >= 0.95
    still = measured(lambda t: 0.8 + 0 * t, 20, 8, 0.0, 0)
    assert still.gain == pytest.approx(0, abs=1e-6)
    assert 0 < still.uncertainty < 0.01


def test_falling_scores_promise_no_gain() -> None:
    """The gain is 0, and the interval says that it may well go down."""
    result = measured(lambda t: 0.9 - 0.01 * t, 20, 10, 0.002, 0)
    assert result.gain == 0
    assert result.uncertainty > 0.03


def test_no_more_than_a_dice_of_one_is_promised() -> None:
    """However steeply it rises."""
    times = np.linspace(0.5, 6, 12)
    dice = np.minimum(0.4 + 0.1 * times, 0.99)
    result = forecast(list(zip(times.tolist(), dice.tolist(), strict=True)))
    assert result is not None
    assert 0 < result.gain <= 1 - dice[-1]


def test_too_little_gives_no_forecast() -> None:
    """Five distinct times over three minutes are needed, no fewer; of several scores at one time the last counts."""
    points = [(0.0, 0.5), (1.0, 0.6), (2.0, 0.65), (2.5, 0.67), (3.0, 0.68)]
    assert forecast(points) is not None
    assert forecast([]) is None
    assert forecast([points[0], *points[2:], (3.0, 0.7), (3.0, 0.71)]) is None
    assert forecast([(0.99 * t, dice) for t, dice in points]) is None
    assert forecast([*points[:-1], (3.0, 0.1), points[-1]]) == forecast(points)
