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
the fit has seen.
``novelty`` compares every image without strokes with those with some: how much lower its Dice is expected, and is. The
base weights of the package have seen most of the sets; ``--base-folder`` has others.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import spearmanr

from benchmarks.honesty_records import collect, corrected
from benchmarks.sets import SETS, TUNING_SET, UNSEEN_SETS, LabelledSet, base_for
from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import (
    LEVEL,
    WIDEST,
    Calibration,
    EstimatedDice,
    Evidence,
    area_bounds,
    estimated_dice,
    expected_dice,
    features,
    raw_dice,
)
from napari_unet.evaluation.novelty import MUCH_LESS, MUCH_LESS_OF_FILES, drop_from
from napari_unet.network.device import set_threads

STROKES = (2, 5, 10)  # per class and image
_DICE_FEATURES = 4  # of ``features``, the value is foretold from so many, its error from all
_PULL, _SPREAD_PULL = 3e-3, 3e-2  # towards the raw estimate, and towards the same error everywhere
_SMOOTH = 0.02


# Fitting


class Table:
    """The records as arrays: features, true Dice, and weights by which every set counts the same."""

    def __init__(self, records: Sequence[dict[str, Any]]) -> None:
        self.set = np.array([record["set"] for record in records])
        self.true = np.array([record["true"] for record in records])
        self.painted = np.array([record["painted"] for record in records])
        self.held_out = np.array([record["held_out"] for record in records], float)
        self.weight = np.array([1 / (self.set == name).sum() for name in self.set])
        self.shown = np.array([record["shown"] for record in records])
        self.true_area = np.array([record.get("true_area") for record in records], float)
        self.raw = np.array([raw_dice(sums_of(record))[0] for record in records])
        self.features = np.array(
            [features(sums_of(record), Evidence((record["labelled"], 0), record["painted"]))[0] for record in records]
        )


def sums_of(record: dict[str, Any]) -> DiceSums:
    """Return the sums of one class; of the other pixels of the image only the number is known."""
    own = [np.array([record[each.name], 0.0]) for each in fields(DiceSums)]
    own[0][1] = record["pixels"] - record["shown"]
    return DiceSums(*own)


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

    bounds = [(None, None), (None, None), (None, None), (None, 0), (None, 0), (None, None)]
    c = np.asarray(minimize(loss, np.zeros(x.shape[1]), method="L-BFGS-B", bounds=bounds).x)
    ratio = error[rows] / np.exp(x @ c)
    order = np.argsort(ratio)
    reached = np.searchsorted(np.cumsum(weight[order]) / weight.sum(), LEVEL)
    return c, float(ratio[order][reached])


def calibration(table: Table, rows: np.ndarray) -> Calibration:
    """Return the calibration of these records."""
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


def report(table: Table) -> str:
    """Judge every set by what was fitted to the others."""
    value, half = np.zeros(len(table.true)), np.zeros(len(table.true))
    for name in np.unique(table.set):
        rest, own = table.set != name, table.set == name
        spread, reach = _fit_spread(table, rest)
        value[own] = expit(table.features[own, :_DICE_FEATURES] @ _fit_dice(table, rest))
        half[own] = np.maximum(_SMOOTH, reach * np.exp(table.features[own] @ spread))
    low, high = np.clip(value - half, 0, 1), np.clip(value + half, 0, 1)
    told = high - low <= WIDEST
    lines = [
        "| images | error of all (bias) | told | error of those (bias) | in the interval | width | off by over 0.15 "
        "| raw, all | held-out strokes, all |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, rows in (("painted", table.painted), ("others", ~table.painted)):
        shown, scored = rows & told, rows & np.isfinite(table.held_out)

        def mean(values: np.ndarray, of: np.ndarray) -> float:
            return float(np.average(values[of], weights=table.weight[of]))

        error = value - table.true
        inside = (low <= table.true) & (table.true <= high)
        lines.append(
            f"| {kind} | {mean(abs(error), rows):.3f} ({mean(error, rows):+.3f}) | {mean(told, rows):.2f} "
            f"| {mean(abs(error), shown):.3f} ({mean(error, shown):+.3f}) | {mean(inside, shown):.2f} "
            f"| {np.median((high - low)[shown]):.2f} | {mean(abs(error) > 0.15, shown):.3f} "
            f"| {mean(abs(table.raw - table.true), rows):.3f} "
            f"| {mean(abs(table.held_out - table.true), scored) if scored.any() else np.nan:.3f} |"
        )
    return "\n".join([*lines, *_areas_told(table, value, low, high)])


def _areas_told(table: Table, value: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[str]:
    """Tell how often the bounds of an area hold the true one, where the records have it."""
    held, ratios = [], []
    for row in np.flatnonzero((high - low <= WIDEST) & np.isfinite(table.true_area)):
        bounds = area_bounds(float(table.shown[row]), EstimatedDice(0, float(value[row]), float(low[row]), 1.0))
        if bounds is not None:
            held.append(bounds[0] <= table.true_area[row] <= bounds[1])
            ratios.append(bounds[1] / table.shown[row])
    if not held:
        return []
    return ["", f"areas within their bounds: {np.mean(held):.2f} of {len(held)}, up to {np.median(ratios):.2f} times"]


# Novelty


def novelty(records: Sequence[dict[str, Any]]) -> str:
    """Tell how well the expected drop from painted images to another one foretells the true drop.

    First as the window expects it, by the sums of both, then as ``predict`` does, by what is saved with a network.
    """
    runs = list(_images(records))
    true, sums, saved = map(np.array, zip(*(drop for run in runs for drop in _drops(*run)), strict=True))
    lines = []
    for expected, limits in ((sums, (0.03, MUCH_LESS, 0.1)), (saved, (0.05, MUCH_LESS_OF_FILES, 0.15))):
        lines += [f"{len(true)} images, rank correlation {spearmanr(expected, true).statistic:.2f}", ""]
        lines += [
            "| told where over | images told | true drop of those | of the others | of those over 0.1 "
            "| of all such drops |",
            "|---|---|---|---|---|---|",
        ]
        for least in limits:
            told, large = expected > least, true > 0.1
            lines.append(
                f"| {least} | {told.mean():.2f} | {true[told].mean():.3f} | {true[~told].mean():.3f} "
                f"| {large[told].mean():.2f} | {told[large].mean():.2f} |"
            )
        lines.append("")
    return "\n".join(lines)


ImageRecords = list[dict[str, Any]]  # of the classes of an image


def _images(records: Sequence[dict[str, Any]]) -> Iterator[tuple[list[ImageRecords], list[ImageRecords]]]:
    """Yield the images that a network learned from, and the others, for each network."""
    runs: dict[tuple[Any, ...], tuple[list[ImageRecords], list[ImageRecords]]] = {}
    last: dict[str, Any] = {}
    for record in records:
        run = tuple(record[name] for name in ("set", "seed", "strokes", "seconds"))
        images = runs.setdefault(run, ([], []))[not record["painted"]]
        # The classes of an image come one after the other, from the first on.
        if not images or record["class"] <= last["class"]:
            images.append([])
        images[-1].append(record)
        last = record
    yield from runs.values()


def _drops(learned_from: list[ImageRecords], others: list[ImageRecords]) -> Iterator[tuple[float, float, float]]:
    """Yield the true drop of the mean Dice to each of the others, and those that the sums and a saved network say."""
    learned = np.mean([_means(image) for image in learned_from], axis=0)
    saved = []
    for record in learned_from[0]:
        same = [each for image in learned_from for each in image if each["class"] == record["class"]]
        total = sum(map(sums_of, same), DiceSums.none(2))
        saved.append(estimated_dice(total, (record["class"], -1), Evidence((record["labelled"], 0), True), {})[0])
    for image in others:
        expected, true = learned - _means(image)
        known = (expected_dice(sums_of(each), Evidence((each["labelled"], 0), False))[0][0] for each in image)
        drop = drop_from(saved, [each["class"] for each in image], np.array(list(known)))
        yield true, expected, drop or 0.0


def _means(image: Sequence[dict[str, Any]]) -> np.ndarray:
    """Return the mean expected and the mean true Dice over the classes of an image."""
    return np.mean([(raw_dice(sums_of(record))[0], record["true"]) for record in image], axis=0)


def _records(labelled_set: LabelledSet, seed: int, base: str, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if options.corrected:
        for careless in (False, True):
            yield from corrected(labelled_set, seed, careless=careless, base=base)
    else:
        for strokes in STROKES:
            yield from collect(labelled_set, seed, strokes, options.seconds, hold_out=options.hold_out, base=base)


def main() -> None:
    """Collect records, or report on them, or fit the calibration to them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=["collect", "report", "novelty", "fit"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--seconds", type=float, default=0.0, help="of training before the answer is judged")
    parser.add_argument("--base-folder", type=Path, help="with SET.safetensors, base weights that have not seen SET")
    parser.add_argument("--corrected", action="store_true", help="by a hand that paints over the largest errors")
    parser.add_argument("--hold-out", action="store_true", help="a fifth of the strokes, to score them too")
    options = parser.parse_args()
    if options.task == "collect":
        set_threads(1)
        with options.file.open("a") as file:
            for seed in options.seeds:
                for labelled_set in (*UNSEEN_SETS, *SETS, TUNING_SET):
                    base = base_for(labelled_set, "auto", options.base_folder)
                    for record in _records(labelled_set, seed, base, options):
                        file.write(json.dumps(record) + "\n")
                    file.flush()
                    print(f"{labelled_set.name}, seed {seed}", file=sys.stderr, flush=True)
        return
    records = [json.loads(line) for line in options.file.read_text().splitlines()]
    if options.task == "novelty":
        print(novelty(records))
    else:
        print(report(Table(records)) if options.task == "report" else json.dumps(fit(Table(records))))


if __name__ == "__main__":
    main()
