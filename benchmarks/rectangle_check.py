"""Compare the Dice in rectangles at random with that of the whole images, and fit the interval that is shown with it.

    OMP_NUM_THREADS=1 python -m benchmarks.rectangle_check --seeds 0 1

On each labelled set a network answers to five strokes per class on two images, and predicts these and four others.
Rectangles of the panel's size are laid on these images at random, a number at a time, many times over; the Dice of all
of them together is compared with that of all images. The interval is fitted to all sets but one and judged on that one,
for each set in turn; the last line is the fit to all sets, which the package ships.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from benchmarks.sets import SETS, TUNING_SET, UNSEEN_SETS, LabelledSet, choose_pictures
from benchmarks.simulated_strokes import add_strokes, painted, strokes_over
from napari_unet.evaluation.checked_areas import LEAST_AREAS, SCALE, interval_features
from napari_unet.evaluation.estimated_dice import LEVEL, WIDEST
from napari_unet.evaluation.scores import bootstrap_interval, confusion, dice
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import grid
from napari_unet.network.base import base_weights
from napari_unet.network.device import choose_device, set_threads
from napari_unet.prediction.mask import predict_mask
from napari_unet.project.project import Project
from napari_unet.training.area_proposal import area_side, random_square
from napari_unet.training.learner import Learner

_OTHERS = 4  # images that nothing was painted on
_AREAS = (4, 8, 16, 32)
_REPEATS = 60
_BLOCK = 32  # px, of the bootstrap that is compared
_SMALLEST_HALF = 0.005  # error that counts as none


class Draw(NamedTuple):
    """Hold what some rectangles said of a class, and what is true.

    Attributes
    ----------
    areas : rectangles in all
    seen : rectangles in which the class is
    value, true : Dice in the rectangles, and over all images
    by_blocks : whether a bootstrap over blocks of the rectangles holds the true one
    """

    labelled_set: str
    areas: int
    seen: int
    value: float
    true: float
    by_blocks: bool


Answer = tuple[np.ndarray, np.ndarray]  # truth and mask of an image


def answers(labelled_set: LabelledSet, seed: int) -> list[Answer]:
    """Return truth and mask of the painted images and of the others."""
    training, others = choose_pictures(labelled_set, seed)
    pictures, classes = [*training, *others[:_OTHERS]], len(labelled_set.classes)
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "check.unet") as project:
        for number, picture in enumerate(training):
            labels = painted(strokes_over(picture.truth, classes, [seed, number]), picture.truth)
            add_strokes(project, picture.image, labels, labelled_set.classes)
        learner = Learner(project, choose_device("cpu"), seed, base_weights())
        learner.show_newest()
        predictor = learner.predictor
        if predictor is None:
            raise RuntimeError("nothing was trained")
        return [
            (picture.truth, predict_mask(predictor, NormalisedPlanes(picture.image), 512)[0]) for picture in pictures
        ]


def draws(name: str, images: list[Answer], classes: int, seed: int) -> Iterator[Draw]:
    """Yield what rectangles at random say of each class."""
    ids = range(classes)
    random = np.random.default_rng(seed)
    true = dice(sum(confusion(truth, mask, ids) for truth, mask in images))
    for areas in np.repeat(_AREAS, _REPEATS):
        blocks, matrices = [], []
        for number in random.integers(len(images), size=areas):
            truth, mask = images[number]
            area = random_square(truth.shape, area_side(*truth.shape), random)
            places = [part.moved(area.y0, area.x0).slices for part in grid(*area.shape, _BLOCK)]
            parts = [confusion(truth[place], mask[place], ids) for place in places]
            blocks += parts
            matrices.append(sum(parts))
        value = dice(sum(matrices))
        low, high = bootstrap_interval(np.stack(blocks))
        for k in ids:
            if np.isfinite(value[k]):
                seen = sum(matrix[k].any() for matrix in matrices)
                yield Draw(name, int(areas), int(seen), value[k], true[k], bool(low[k] <= true[k] <= high[k]))


class Table:
    """The draws as arrays; every set counts the same."""

    def __init__(self, found: list[Draw]) -> None:
        self.set, self.areas, self.seen, self.value, self.true, self.by_blocks = map(np.array, zip(*found, strict=True))
        self.weight = np.array([1 / (self.set == name).sum() for name in self.set])
        self.x = interval_features(self.value, self.seen)

    def fit(self, rows: np.ndarray) -> np.ndarray:
        """Return the weights of ``interval_features`` for the logarithm of half an interval."""
        x, weight = self.x[rows], self.weight[rows]
        error = np.abs(self.value - self.true)[rows]
        wanted = np.log(error + _SMALLEST_HALF)
        plain = np.array([0, -0.5, 0.5])

        def loss(c: np.ndarray) -> float:
            miss = np.sqrt((x @ c - wanted) ** 2 + 0.1)
            return float((weight * miss).sum() / weight.sum() + 3e-3 * ((c - plain)[1:] ** 2).sum())

        c = np.asarray(minimize(loss, plain).x)
        ratio = error / np.exp(x @ c)
        order = np.argsort(ratio)
        reached = np.searchsorted(np.cumsum(weight[order]) / weight.sum(), LEVEL)
        c[0] += np.log(ratio[order][reached])
        return c


def report(table: Table) -> str:
    """Judge every set by what was fitted to the others."""
    enough = table.seen >= LEAST_AREAS
    half = np.zeros(len(table.value))
    for name in np.unique(table.set):
        own = table.set == name
        half[own] = np.exp(table.x[own] @ table.fit(~own & enough))
    low, high = np.clip(table.value - half, 0, 1), np.clip(table.value + half, 0, 1)
    told = enough & (high - low <= WIDEST)
    inside, error = (low <= table.true) & (table.true <= high), np.abs(table.value - table.true)
    lines = [
        "| rectangles | told | error of those | in the interval | worst set | width | off by over 0.15 "
        "| bootstrap over blocks holds the true one, all |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for areas in _AREAS:
        rows = table.areas == areas
        shown = rows & told

        def mean(values: np.ndarray, of: np.ndarray) -> float:
            return float(np.average(values[of], weights=table.weight[of])) if of.any() else np.nan

        sets = [inside[shown & (table.set == name)] for name in np.unique(table.set)]
        worst = min((each.mean() for each in sets if len(each)), default=np.nan)
        width = np.median((high - low)[shown]) if shown.any() else np.nan
        lines.append(
            f"| {areas} | {mean(told, rows):.2f} | {mean(error, shown):.3f} | {mean(inside, shown):.2f} | {worst:.2f} "
            f"| {width:.2f} | {mean(error > 0.15, shown):.3f} | {mean(table.by_blocks, rows):.2f} |"
        )
    return "\n".join([*lines, f"fit {np.round(table.fit(enough), 3).tolist()}, shipped {list(SCALE)}"])


def main() -> None:
    """Draw rectangles on all sets and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    options = parser.parse_args()
    set_threads(1)
    found = [
        draw
        for seed in options.seeds
        for each in (*UNSEEN_SETS, *SETS, TUNING_SET)
        for draw in draws(each.name, answers(each, seed), len(each.classes), seed)
    ]
    print(report(Table(found)))


if __name__ == "__main__":
    main()
