"""Dice against annotation seconds and against wall seconds, drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np

from benchmarks.annotator_report import Curve

mpl.use("Agg")

from matplotlib import pyplot as plt

_COLOURS = {
    "network": "#0072b2",
    "scratch": "#56b4e9",
    "forest": "#009e73",
    "root-painter": "#d55e00",
    "root-painter-tuned": "#e69f00",
    "dense": "#999999",
}


@dataclass(frozen=True, slots=True)
class Band:
    """One method over several seeds; a row per seed, a column per mark.

    Attributes
    ----------
    annotation, wall : seconds
    """

    annotation: np.ndarray
    wall: np.ndarray
    dice: np.ndarray


def bands(curves: Sequence[Curve]) -> dict[str, dict[str, Band]]:
    """Lay the curves of several seeds side by side, cut to the marks that all of them have."""
    found: dict[str, dict[str, Band]] = {}
    for curve in curves:
        if "equal steps" in curve.method or not curve.points or curve.title in found.get(curve.set, {}):
            continue
        same = [c.points for c in curves if (c.set, c.title) == (curve.set, curve.title) and c.points]
        rows = [points[: min(map(len, same))] for points in same]
        found.setdefault(curve.set, {})[curve.title] = Band(
            np.array([[point.annotation for point in row] for row in rows]),
            np.array([[point.wall for point in row] for row in rows]),
            np.array([[point.quality.all_classes for point in row] for row in rows]),
        )
    return found


def save_picture(bands: Mapping[str, Mapping[str, Band]], path: Path) -> None:
    """Draw two charts per set, a line per method: the median over the seeds, shaded from smallest to largest."""
    figure, charts = plt.subplots(len(bands), 2, figsize=(11, 3.2 * len(bands)), squeeze=False, sharey="row")
    for row, (name, methods) in zip(charts, bands.items(), strict=True):
        for method, band in methods.items():
            if band.annotation.any():  # dense labels are not painted
                _draw(row[0], method, band.annotation, band.dice)
            _draw(row[1], method, band.wall, band.dice)
        row[0].set(title=name, ylabel="mean-class Dice, test images", xlabel="annotation seconds")
        row[1].set(title=name, xlabel="wall seconds since the first stroke began")
        row[1].legend(loc="lower right", fontsize="small")
    for chart in charts.ravel():
        chart.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _draw(chart: plt.Axes, method: str, seconds: np.ndarray, dice: np.ndarray) -> None:
    across = np.median(seconds, axis=0)
    colour = _COLOURS.get(method)
    dashes = "--" if method == "dense" else "-"
    chart.plot(across, np.median(dice, axis=0), dashes, color=colour, label=method, marker=".", markersize=4)
    chart.fill_between(across, dice.min(axis=0), dice.max(axis=0), color=colour, alpha=0.15, linewidth=0)
