"""Compare the estimated Dice with the true one where a few rectangles on the painted images were checked.

    OMP_NUM_THREADS=1 python -m benchmarks.checked_estimate collect checked.jsonl --seeds 0 1 2 3 4
    python -m benchmarks.checked_estimate report checked.jsonl

``collect`` writes what ``benchmarks.honesty collect`` writes, and for every class what up to 24 rectangles at random on
each of the two painted images hold, none of them on strokes. ``report`` draws some of these again and again, corrects
the estimate of the painted and of the other images by them, and judges every set by a calibration, and by the weight of
the estimate against checked pixels (``PRIOR_PIXELS``), that were fitted to the other sets. The difference
stands with its standard error over the sets; the last line tells the weights.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from benchmarks.honesty import STROKES, calibration
from benchmarks.honesty_records import Run, learned, records_of
from benchmarks.honesty_table import Table
from benchmarks.sets import SETS, TUNING_SET, UNSEEN_SETS, LabelledSet, base_for
from napari_unet.evaluation.checked_correction import PRIOR_PIXELS, CheckedArea, correction_by
from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import WIDEST, Calibration, Correction, Evidence, corrected
from napari_unet.evaluation.scores import confusion
from napari_unet.network.device import set_threads
from napari_unet.training.area_proposal import is_free, random_square

_SIDES = (64, 128)  # px; the panel's, and larger ones
_SHARE = 3  # a side is at most so much of the shorter one of the image
_MOST = 24  # rectangles on each painted image
_TRIES = 500
_AREAS = (1, 3, 5)
_REPEATS = 20
_WEIGHTS = (1000, 2000, 3500, 5000, PRIOR_PIXELS, 10000, 20000)  # px
_SAME = 0.001  # of the mean error of a set; less is no difference

Record = dict[str, Any]


# Collecting


def collect(labelled_set: LabelledSet, seed: int, strokes: int, seconds: float, base: str) -> Iterator[Record]:
    """Yield a record for each class of each image, and then one for each class with its rectangles."""
    of = {"set": labelled_set.name, "seed": seed, "strokes": strokes, "seconds": seconds}
    with learned(labelled_set, seed, strokes, seconds, base=base) as run:
        yield from records_of(run, of)
        random = np.random.default_rng(seed)
        found = {side: list(_rectangles(run, side, random)) for side in _SIDES}
        for k in range(len(labelled_set.classes)):
            areas = {str(side): [each[k].tolist() for each in rectangles] for side, rectangles in found.items()}
            yield {**of, "class": k, "areas": areas}


def _rectangles(run: Run, side: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield, by class index, the hits, the true pixels and the five sums of rectangles away from strokes."""
    predictor, annotations = run.learner.predictor, run.learner.annotations
    if predictor is None:
        raise RuntimeError("nothing was trained")
    for key, picture in zip(sorted(annotations.planes), run.training, strict=True):
        pixels = annotations.with_context(key, predictor.context_planes)
        height, width = picture.truth.shape
        own, found = min(side, min(height, width) // _SHARE), 0
        for _ in range(_TRIES):
            area = random_square((height, width), own, random)
            if is_free(annotations, key, area):
                found += 1
                predictor.estimate_anew()
                shown = predictor.classes(pixels, area)
                sums = predictor.take_sums()
                matrix = confusion(picture.truth[area.slices] + 1, shown, predictor.class_ids)
                values = np.stack([np.diag(matrix), matrix.sum(axis=1), *astuple(sums)], axis=1)
                yield values[np.argsort(predictor.class_ids)]
            if found == _MOST:
                break


# Judging


class Known(NamedTuple):
    """Hold the records of a file.

    Attributes
    ----------
    table : of the classes of images
    runs : set, seed, strokes and class of each row of the table
    rectangles : by these and the side (rectangles, 8): hits, true pixels, the five sums, and pixels of all classes
    labelled : painted pixels by these
    """

    table: Table
    runs: list[tuple[Any, ...]]
    rectangles: dict[tuple[Any, ...], dict[int, np.ndarray]]
    labelled: dict[tuple[Any, ...], int]


def known(records: list[Record]) -> Known:
    """Sort the records."""
    images = [record for record in records if "areas" not in record]
    pixels: dict[tuple[Any, ...], np.ndarray] = {}
    found = {}
    for record in records:
        for side, areas in record.get("areas", {}).items():
            run = (*_run(record)[:3], int(side))
            pixels[run] = pixels.get(run, 0) + np.array([area[2] for area in areas])
    for record in records:
        if "areas" in record:
            run = _run(record)
            found[run] = {
                int(side): np.column_stack([np.reshape(areas, (-1, 7)), pixels[(*run[:3], int(side))]])
                for side, areas in record["areas"].items()
            }
    labelled = {_run(record): record["labelled"] for record in images}
    return Known(Table(images), [_run(record) for record in images], found, labelled)


def _run(record: Record) -> tuple[Any, ...]:
    return record["set"], record["seed"], record["strokes"], record["class"]


def _corrections(found: Known, fits: dict[str, Calibration], side: int, areas: int, weight: float) -> Correction:
    """Correct each row of the table by rectangles at random, again and again: arrays (rows, repeats)."""
    by_run = {}
    for run, labelled in found.labelled.items():
        rectangles = found.rectangles[run][side]
        # The same rectangles for all classes; on small images there may be no place that is free of strokes.
        random = np.random.default_rng([run[1], run[2], side, areas])
        draws = [random.permutation(len(rectangles))[:areas] for _ in range(_REPEATS)]
        evidence = Evidence((labelled, 0), is_painted=True)
        each = [
            correction_by([(_area(values), evidence) for values in rectangles[draw]], fits[run[0]], weight)
            or Correction.none(1)
            for draw in draws
        ]
        by_run[run] = [np.array([part[0] for part in parts]) for parts in zip(*each, strict=True)]
    whole = Correction(*(np.stack([by_run[run][n] for run in found.runs]) for n in range(3)))
    pairs = zip(whole, whole.elsewhere(), strict=True)
    return Correction(*(np.where(found.table.painted[:, None], here, elsewhere) for here, elsewhere in pairs))


def _area(values: np.ndarray) -> CheckedArea:
    """Return a rectangle as the class and all others see it."""
    hits, true, *sums, pixels = values
    matrix = np.array([[hits, true - hits], [sums[0] - hits, pixels - true - sums[0] + hits]]).astype(np.int64)
    both = [np.array([own, 0.0]) for own in sums]
    both[0][1] = pixels - sums[0]
    return CheckedArea(0, matrix, DiceSums(*both))


class Answer(NamedTuple):
    """Hold the estimates of all rows of a table: arrays (rows, repeats)."""

    value: np.ndarray
    half: np.ndarray

    def error(self, table: Table) -> np.ndarray:
        """Return by how much each value is too high."""
        return self.value - table.true[:, None]


def _by_set(table: Table, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the mean over the rows of each set, which all count the same."""
    return np.array([values[rows & (table.set == name)].mean() for name in np.unique(table.set)])


def report(found: Known) -> str:
    """Judge every set by what was fitted to the others."""
    table, names = found.table, np.unique(found.table.set)
    fits = {name: calibration(table, table.set != name) for name in names}
    plain = [_plain(row, fits[name]) for row, name in zip(table.features, table.set, strict=True)]
    value, half = np.array(plain).T[..., None]
    answers = {
        (side, areas, weight): Answer(*corrected(value, half, _corrections(found, fits, side, areas, weight)))
        for side in _SIDES
        for areas in _AREAS
        for weight in _WEIGHTS
    }
    chosen = _chosen(table, answers)
    weight_of = dict(zip(names, chosen, strict=True))
    lines = [
        "| rectangles | images | error of all (bias) | told | error of those | in the interval | width "
        "| off by over 0.15, all | difference of the error of all | sets better, worse |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    none = Answer(*corrected(value, half, Correction(*np.zeros((3, len(table.true), 1)))))
    judged = {"none": none}
    for side in _SIDES:
        for areas in _AREAS:
            of_rows = [answers[side, areas, weight_of[name]] for name in table.set]
            parts = (np.stack([each[part][n] for n, each in enumerate(of_rows)]) for part in range(2))
            judged[f"{areas} of {side} px"] = Answer(*parts)
    for name, each in judged.items():
        for kind, rows in (("painted", table.painted), ("others", ~table.painted)):
            lines.append(_line(f"{name} | {kind}", table, each, none, rows))
    return "\n".join([*lines, "", f"weights chosen {sorted(chosen)}, shipped {PRIOR_PIXELS}"])


def _plain(row: np.ndarray, fit: Calibration) -> tuple[float, float]:
    """Return value and half interval of a row of features without a correction."""
    return float(expit(row[: len(fit.dice)] @ fit.dice)), float(fit.reach * np.exp(row @ fit.spread))


def _chosen(table: Table, answers: dict[tuple[int, int, float], Answer]) -> list[float]:
    """Return for each set the weight with the smallest error on all the others."""
    errors = []
    for weight in _WEIGHTS:
        of_weight = [abs(each.error(table)) for (_, _, own), each in answers.items() if own == weight]
        kinds = [_by_set(table, values, rows) for values in of_weight for rows in (table.painted, ~table.painted)]
        errors.append(np.mean(kinds, axis=0))
    others = np.sum(errors, axis=1, keepdims=True) - errors
    return [_WEIGHTS[n] for n in others.argmin(axis=0)]


def _line(name: str, table: Table, found: Answer, none: Answer, rows: np.ndarray) -> str:
    """Return a line of the table."""
    low, high = np.clip(found.value - found.half, 0, 1), np.clip(found.value + found.half, 0, 1)
    told = (high - low <= WIDEST) & (rows & table.tellable)[:, None]
    true, weights = table.true[:, None], table.weight[:, None] * np.ones_like(low)

    def mean(values: np.ndarray, of: np.ndarray) -> float:
        return float(np.average(values[of], weights=weights[of]))

    error, all_of = found.error(table), np.broadcast_to(rows[:, None], low.shape)
    gain = _by_set(table, abs(error), rows) - _by_set(table, abs(none.error(table)), rows)
    deviation = gain.std(ddof=1) / np.sqrt(len(gain))
    return (
        f"| {name} | {mean(abs(error), all_of):.4f} ({mean(error, all_of):+.3f}) | {mean(told, all_of):.2f} "
        f"| {mean(abs(error), told):.3f} | {mean((low <= true) & (true <= high), told):.2f} "
        f"| {np.median((high - low)[told]):.3f} | {mean(abs(error) > 0.15, all_of):.3f} "
        f"| {gain.mean():+.4f} ± {deviation:.4f} | {(gain < -_SAME).sum()}, {(gain > _SAME).sum()} |"
    )


def main() -> None:
    """Collect records, or report on them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=["collect", "report"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--seconds", type=float, default=0.0, help="of training before the answer is judged")
    parser.add_argument("--base-folder", type=Path, help="with SET.safetensors, base weights that have not seen SET")
    options = parser.parse_args()
    if options.task == "report":
        print(report(known([json.loads(line) for line in options.file.read_text().splitlines()])))
        return
    set_threads(1)
    with options.file.open("a") as file:
        for seed in options.seeds:
            for labelled_set in (*UNSEEN_SETS, *SETS, TUNING_SET):
                base = base_for(labelled_set, "auto", options.base_folder)
                for strokes in STROKES:
                    for record in collect(labelled_set, seed, strokes, options.seconds, base):
                        file.write(json.dumps(record) + "\n")
                file.flush()
                print(f"{labelled_set.name}, seed {seed}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
