"""Compare the estimated Dice with the true one, and fit the calibration that the package ships.

    OMP_NUM_THREADS=1 python -m benchmarks.honesty collect honesty.jsonl --seeds 0 1 2
    python -m benchmarks.honesty report honesty.jsonl
    python -m benchmarks.honesty novelty honesty.jsonl
    python -m benchmarks.honesty fit honesty.jsonl > napari_unet/evaluation/dice_calibration.json

``collect`` paints 2, 5 and 10 simulated strokes per class on two images of each labelled set, fits the first answer
(with ``--seconds`` it trains on from there), predicts these two and three other images, and appends for every class
what the estimate is made from, the true Dice, and with ``--hold-out`` the Dice on held-out strokes. With
``--corrected`` two hands, an exact and a careless one, correct while the network trains. ``report`` fits
the calibration to all sets but one and judges it on that one, for each set in turn, so that no figure is of a set that
the fit has seen; with ``--shipped`` it judges the one that the package has. Of several files the records are joined.
``novelty`` compares every image without strokes with those with some: how much lower its Dice is expected, and is. The
base weights of the package have seen most of the sets; ``--base-folder`` has others.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import spearmanr

from benchmarks.honesty_records import collect, corrected
from benchmarks.honesty_table import ImageRecords, Table, images_of, means
from benchmarks.sets import SETS, TUNING_SET, UNSEEN_SETS, LabelledSet, base_for
from napari_unet.config import Settings
from napari_unet.evaluation.estimated_dice import (
    LEVEL,
    WIDEST,
    Calibration,
    EstimatedDice,
    area_bounds,
    shipped_calibration,
)
from napari_unet.evaluation.novelty import MUCH_LESS
from napari_unet.network.device import set_threads

STROKES = (2, 5, 10)  # per class and image
_DICE_FEATURES = 8  # of ``features``, the value is foretold from so many, its error from all
_PULL, _SPREAD_PULL = 3e-3, 3e-2  # towards the raw estimate, and towards the same error everywhere
_SMOOTH = 0.02


# Fitting


def _fit_dice(table: Table, rows: np.ndarray) -> np.ndarray:
    """Fit the weights of the first features, all records of a set together counting as much as those of another."""
    x, true, weight = table.features[rows, :_DICE_FEATURES], table.true[rows], table.weight[rows]
    plain = np.eye(_DICE_FEATURES)[1]

    def loss(b: np.ndarray) -> float:
        error = np.sqrt((expit(x @ b) - true) ** 2 + _SMOOTH**2)
        return float((weight * error).sum() / weight.sum() + _PULL * ((b - plain) ** 2).sum())

    return np.asarray(minimize(loss, plain, method="L-BFGS-B").x)


def _fit_spread(table: Table, rows: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit the usual error to errors on sets that were left out; return weights, and how often it the interval is wide.

    More labels, and labels in the image itself, never make the error larger.
    """
    error = np.zeros(len(table.true))
    for name in np.unique(table.set[rows]):
        rest, own = rows & (table.set != name), rows & (table.set == name)
        error[own] = np.abs(expit(table.features[own, :_DICE_FEATURES] @ _fit_dice(table, rest)) - table.true[own])
    x, weight, wanted = table.features[rows], table.weight[rows], np.log(error[rows] + _SMOOTH / 2)

    def loss(c: np.ndarray) -> float:
        miss = np.sqrt((x @ c - wanted) ** 2 + 0.1)
        return float((weight * miss).sum() / weight.sum() + _SPREAD_PULL * (c[1:] ** 2).sum())

    bounds = [(None, 0) if number in (3, 8) else (None, None) for number in range(x.shape[1])]
    c = np.asarray(minimize(loss, np.zeros(x.shape[1]), method="L-BFGS-B", bounds=bounds).x)
    ratio = error[rows] / np.exp(x @ c)
    order = np.argsort(ratio)
    reached = np.searchsorted(np.cumsum(weight[order]) / weight.sum(), LEVEL)
    return c, float(ratio[order][reached])


def calibration(table: Table, rows: np.ndarray) -> Calibration:
    """Return the calibration of these records, as far as the program would tell something of them."""
    rows = rows & table.tellable
    spread, reach = _fit_spread(table, rows)
    dice_weights, spread_weights = (tuple(float(v) for v in fitted) for fitted in (_fit_dice(table, rows), spread))
    return Calibration(dice_weights, spread_weights, reach)


def fit(table: Table) -> dict[str, Any]:
    """Return the calibration of all sets."""
    found = calibration(table, np.ones(len(table.true), bool))
    return {
        "dice": [round(v, 4) for v in found.dice],
        "spread": [round(v, 4) for v in found.spread],
        "reach": round(found.reach, 4),
    }


class Judged:
    """The records as a calibration judges them.

    Attributes
    ----------
    error : of the expected Dice
    low, high : of its interval
    told : whether the program would tell it
    inside : whether the interval holds the true Dice
    """

    def __init__(self, table: Table, value: np.ndarray, half: np.ndarray) -> None:
        self.value, self.error = value, value - table.true
        self.low, self.high = np.clip(value - half, 0, 1), np.clip(value + half, 0, 1)
        self.told = table.tellable & (self.width <= WIDEST)
        self.inside = (self.low <= table.true) & (table.true <= self.high)

    @property
    def width(self) -> np.ndarray:
        """Return the widths of the intervals."""
        return self.high - self.low


def judged_by(table: Table, fits: Callable[[str], Calibration]) -> Judged:
    """Judge the records of every set by a calibration."""
    value, half = np.zeros(len(table.true)), np.zeros(len(table.true))
    for name in np.unique(table.set):
        own, fitted = table.set == name, fits(name)
        value[own] = expit(table.features[own, :_DICE_FEATURES] @ np.array(fitted.dice))
        half[own] = np.maximum(_SMOOTH, fitted.reach * np.exp(table.features[own] @ np.array(fitted.spread)))
    return Judged(table, value, half)


def report(table: Table, judged: Judged) -> str:
    """Tell how far the expected Dice is off, for each moment, on images with strokes and on others."""
    lines = [
        "| after | images | error of all (bias) | told | error of those (bias) | in the interval | width "
        "| off by over 0.15 | raw, all | held-out strokes, all |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for moment in dict.fromkeys(table.moment.tolist()):
        for kind, is_painted in (("painted", True), ("others", False)):
            rows = (table.moment == moment) & (table.painted == is_painted)
            lines.append(f"| {moment} | {kind} | {_figures(table, judged, rows)} |")
    return "\n".join([*lines, *_areas_told(table, judged)])


def _figures(table: Table, judged: Judged, rows: np.ndarray) -> str:
    error, told, scored = judged.error, rows & judged.told, rows & np.isfinite(table.held_out)
    figures = [f"{table.mean(abs(error), rows):.3f} ({table.mean(error, rows):+.3f})"]
    figures += [f"{table.mean(judged.told, rows):.2f}"]
    figures += [f"{table.mean(abs(error), told):.3f} ({table.mean(error, told):+.3f})"]
    figures += [f"{table.mean(judged.inside, told):.2f}"]
    figures += [f"{np.median(judged.width[told]) if told.any() else np.nan:.2f}"]
    figures += [f"{table.mean(abs(error) > 0.15, told):.3f}"]
    figures += [f"{table.mean(abs(table.raw - table.true), rows):.3f}"]
    figures += [f"{table.mean(abs(table.held_out - table.true), scored):.3f}"]
    return " | ".join(figures)


def _areas_told(table: Table, judged: Judged) -> list[str]:
    """Tell how often the bounds of an area hold the true one, where the records have it."""
    held, ratios = [], []
    for row in np.flatnonzero(judged.told & np.isfinite(table.true_area)):
        estimate = EstimatedDice(0, float(judged.value[row]), float(judged.low[row]), 1.0)
        bounds = area_bounds(float(table.shown[row]), estimate)
        if bounds is not None:
            held.append(bounds[0] <= table.true_area[row] <= bounds[1])
            ratios.append(bounds[1] / table.shown[row])
    if not held:
        return []
    return ["", f"areas within their bounds: {np.mean(held):.2f} of {len(held)}, up to {np.median(ratios):.2f} times"]


# Novelty


def novelty(records: Sequence[dict[str, Any]]) -> str:
    """Tell how well the expected drop from painted images to another one foretells the true drop."""
    drops = [drop for run in images_of(records) for drop in _drops(*run)]
    expected, true = np.array(drops).T
    lines = [
        f"{len(true)} images, rank correlation {spearmanr(expected, true).statistic:.2f}",
        "",
        "| told where over | images told | true drop of those | of the others | of those over 0.1 "
        "| of all such drops |",
        "|---|---|---|---|---|---|",
    ]
    for least in (0.03, MUCH_LESS, 0.1):
        told, large = expected > least, true > 0.1
        lines.append(
            f"| {least} | {told.mean():.2f} | {true[told].mean():.3f} | {true[~told].mean():.3f} "
            f"| {large[told].mean():.2f} | {told[large].mean():.2f} |"
        )
    return "\n".join(lines)


def _drops(learned_from: list[ImageRecords], others: list[ImageRecords]) -> Iterator[np.ndarray]:
    """Yield the expected and the true drop of the mean Dice to each of the others."""
    learned = np.mean([means(image) for image in learned_from], axis=0)
    yield from (learned - means(image) for image in others)


def _records(labelled_set: LabelledSet, seed: int, base: str, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if options.corrected:
        for careless in (False, True):
            yield from corrected(labelled_set, seed, careless=careless, base=base)
    else:
        settings = Settings(hold_out=options.hold_out, preset=options.preset)
        for strokes in STROKES:
            yield from collect(labelled_set, seed, strokes, options.seconds, settings=settings, base=base)


def _report(table: Table, *, shipped: bool) -> str:
    """Judge by the calibration that is shipped, or every set by what was fitted to the others."""
    calibrations = {
        name: shipped_calibration() if shipped else calibration(table, table.set != name)
        for name in np.unique(table.set)
    }
    return report(table, judged_by(table, calibrations.__getitem__))


def main() -> None:
    """Collect records, or report on them, or fit the calibration to them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=["collect", "report", "novelty", "fit"])
    parser.add_argument("files", nargs="+", type=Path, help="to be written, the first one, or read")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--seconds", type=float, default=0.0, help="of training before the answer is judged")
    parser.add_argument("--base-folder", type=Path, help="with SET.safetensors, base weights that have not seen SET")
    parser.add_argument("--corrected", action="store_true", help="by a hand that paints over the largest errors")
    parser.add_argument("--shipped", action="store_true", help="judge by the calibration that is shipped")
    parser.add_argument("--preset", default="auto", help="of the network, but not with --corrected")
    parser.add_argument("--hold-out", action="store_true", help="a fifth of the strokes, to score them too")
    options = parser.parse_args()
    if options.task == "collect":
        set_threads(1)
        with options.files[0].open("a") as file:
            for seed in options.seeds:
                for labelled_set in (*UNSEEN_SETS, *SETS, TUNING_SET):
                    base = base_for(labelled_set, "auto", options.base_folder)
                    for record in _records(labelled_set, seed, base, options):
                        file.write(json.dumps(record) + "\n")
                    file.flush()
                    print(f"{labelled_set.name}, seed {seed}", file=sys.stderr, flush=True)
        return
    records = [json.loads(line) for path in options.files for line in path.read_text().splitlines()]
    if options.task == "novelty":
        print(novelty(records))
    else:
        table = Table(records)
        print(json.dumps(fit(table)) if options.task == "fit" else _report(table, shipped=options.shipped))


if __name__ == "__main__":
    main()
