"""Five strokes per class on two images: what a minute of training reaches, beside a random forest on the same strokes.

Both methods get one thread, the same normalised pixels and the same strokes, one after the other in the same run. The
forest learns from every labelled pixel; so does the network.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality import Quality, quality
from benchmarks.report import machine, table
from benchmarks.rivals.forest import SAMPLES, train_forest
from benchmarks.sets import LARGEST_SIDE, SETS, LabelledSet, Picture, base_for, choose_pictures, set_named
from benchmarks.simulated_strokes import add_strokes, strokes_over
from benchmarks.sloppy_hand import laid, sloppy_strokes
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.network.base import base_weights
from napari_unet.network.device import choose_device, set_threads
from napari_unet.prediction.mask import predict_mask
from napari_unet.project.project import Project
from napari_unet.training.image_estimates import image_estimates
from napari_unet.training.learner import Learner

MARKS = (0.0, 1 / 6, 1 / 3, 1 / 2, 3 / 4, 1.0)  # of the training time: the first answer, then 10 to 60 s
_SETTLED = 1  # index of the mark from which on a drop counts
_SHOW_EVERY = 50  # steps, as napari_unet.api.train
_TEST_TILE = 512


@dataclass(frozen=True, slots=True)
class Task:
    """The images of a set for one seed, with strokes over those that are learned from."""

    set: LabelledSet
    seed: int
    training: list[Picture]
    test: list[Picture]
    labels: list[np.ndarray]

    @property
    def labelled_percent(self) -> float:
        """Share of the training images' pixels that strokes cover, in percent."""
        return 100 * sum(np.count_nonzero(x) for x in self.labels) / sum(x.size for x in self.labels)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of both methods on one set and seed."""

    task: Task
    forest: Quality
    forest_seconds: float
    network: list[Quality]  # at the marks
    first_seconds: float  # from the strokes to a network that has learned them, without predicting
    steps: int
    claimed: float | None  # the mean estimated Dice of the painted images that the program tells at the end

    @property
    def drop(self) -> float:
        """Largest fall of the Dice below its best so far, from 10 s on."""
        values = np.array([at.all_classes for at in self.network[_SETTLED:]])
        return float((np.maximum.accumulate(values) - values).max())


def prepare(labelled_set: LabelledSet, seed: int, *, dense: bool = False, careless: bool = False) -> Task:
    """Choose images and strokes of a seed, by an exact or a ``careless`` hand; with ``dense``, label every pixel."""
    training, test = choose_pictures(labelled_set, seed)
    if dense:
        return Task(labelled_set, seed, training, test, [picture.truth + 1 for picture in training])
    classes = len(labelled_set.classes)
    labels = []
    for number, picture in enumerate(training):
        strokes = (sloppy_strokes if careless else strokes_over)(picture.truth, classes, [seed, number])
        labels.append(laid(strokes, picture.truth, careless=careless))
    return Task(labelled_set, seed, training, test, labels)


def measure(task: Task, seconds: float, base: str) -> Outcome:
    forest = train_forest(task.training, task.labels, task.seed)
    forest_quality = quality(task.test, task.set, forest.classify)
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "benchmark.unet") as project:
        for picture, labels in zip(task.training, task.labels, strict=True):
            add_strokes(project, picture.image, labels, task.set.classes)
        network = _train(project, task, [seconds * share for share in MARKS], base)
    return Outcome(task, forest_quality, forest.seconds, *network)


# The network


def _train(
    project: Project, task: Task, marks: list[float], base: str
) -> tuple[list[Quality], float, int, float | None]:
    """Return the quality at the marks, seconds to the first answer, steps, and the estimated Dice of the program."""
    device, weights = choose_device("cpu"), base_weights(base)
    planes = {id(picture): NormalisedPlanes(picture.image) for picture in task.test}
    began, testing, steps = time.monotonic(), 0.0, 0
    learner = Learner(project, device, task.seed, weights)
    first = time.monotonic() - began
    results: list[Quality] = []
    while len(results) < len(marks):
        if time.monotonic() - began - testing >= marks[len(results)]:
            paused = time.monotonic()
            learner.show_newest(score=True)
            results.append(quality(task.test, task.set, lambda picture: _classify(learner, planes[id(picture)])))
            testing += time.monotonic() - paused
            continue
        learner.step()
        steps += 1
        if steps % _SHOW_EVERY == 0:
            learner.show_newest()
    return results, first, steps, _claimed(learner)


def _claimed(learner: Learner) -> float | None:
    predictor, looked_at = learner.predictor, learner.selection.looked_at
    if predictor is None:
        raise RuntimeError("nothing was trained")
    image_estimates(predictor, learner.annotations, looked_at)
    return looked_at.painted_mean(predictor.class_ids)


def _classify(learner: Learner, planes: NormalisedPlanes) -> np.ndarray:
    predictor = learner.predictor
    if predictor is None:
        raise RuntimeError("nothing was trained")
    return predict_mask(predictor, planes, _TEST_TILE)[0]


# The table


def report(outcomes: list[Outcome], seconds: float, base: str, labelled: str) -> str:
    times = [f"{seconds * share:g} s" for share in MARKS]
    header = ["set", "modality", "classes", "n", "labelled", "forest (its time)", "network at once (its time)"]
    header += [f"{time}" for time in times[1:]]
    header += [
        "largest drop after 10 s",
        "steps",
        f"Dice the program shows at {times[-1]}",
        f"without background: forest, network {times[-1]}",
    ]
    names = list(dict.fromkeys(outcome.task.set.name for outcome in outcomes))
    rows = [_row([outcome for outcome in outcomes if outcome.task.set.name == name]) for name in names]
    return "\n\n".join(
        ["## Learning", table(header, [*rows, _mean_row(outcomes)]), _note(outcomes, seconds, base, labelled)]
    )


def _row(runs: list[Outcome]) -> list[str]:
    labelled_set = runs[0].task.set
    tests = "+".join(str(len(run.task.test)) for run in runs)
    first = [labelled_set.name, labelled_set.modality, str(len(labelled_set.classes)), tests]
    return first + _numbers(runs)


def _mean_row(outcomes: list[Outcome]) -> list[str]:
    """Average over the sets each set's median over the seeds."""
    names = dict.fromkeys(outcome.task.set.name for outcome in outcomes)
    runs = [[outcome for outcome in outcomes if outcome.task.set.name == name] for name in names]

    def mean(of: Callable[[Outcome], float]) -> str:
        return f"{np.mean([np.median([of(run) for run in group]) for group in runs]):.3f}"

    cells = [mean(lambda run: run.forest.all_classes)]
    cells += [mean(lambda run, mark=mark: run.network[mark].all_classes) for mark in range(len(MARKS))]  # type: ignore[misc]
    cells += [f"{max(float(np.median([run.drop for run in group])) for group in runs):.3f} (worst)", "", ""]
    apart = mean(lambda run: run.forest.without_background), mean(lambda run: run.network[-1].without_background)
    return ["**mean**", "", "", str(sum(len(run.task.test) for run in outcomes)), "", *cells, ", ".join(apart)]


def _lead(outcomes: list[Outcome], mark: int) -> float:
    """Return the lead of the network over the forest on the same strokes: mean of sets, median of seeds."""
    seeds = {outcome.task.seed for outcome in outcomes}
    leads = [
        np.mean([run.network[mark].all_classes - run.forest.all_classes for run in outcomes if run.task.seed == seed])
        for seed in seeds
    ]
    return float(np.median(leads))


def _numbers(runs: list[Outcome]) -> list[str]:
    def show(values: list[float]) -> str:
        extent = f" [{min(values):.2f}, {max(values):.2f}]" if len(values) > 1 else ""
        return f"{np.median(values):.3f}{extent}"

    claims = [run.claimed for run in runs if run.claimed is not None]
    known = "" if len(claims) == len(runs) else f" (n/a in {len(runs) - len(claims)} of {len(runs)})"
    apart = (
        np.median([run.forest.without_background for run in runs]),
        np.median([run.network[-1].without_background for run in runs]),
    )
    at = [show([run.network[mark].all_classes for run in runs]) for mark in range(len(MARKS))]
    return [
        f"{np.mean([run.task.labelled_percent for run in runs]):.1f} %",
        f"{show([run.forest.all_classes for run in runs])} ({np.median([run.forest_seconds for run in runs]):.1f} s)",
        f"{at[0]} ({np.median([run.first_seconds for run in runs]):.1f} s)",
        *at[1:],
        show([run.drop for run in runs]),
        f"{np.median([run.steps for run in runs]):.0f}",
        f"{show(claims)}{known}" if claims else "n/a",
        f"{apart[0]:.3f}, {apart[1]:.3f}",
    ]


def _note(outcomes: list[Outcome], seconds: float, base: str, labelled: str) -> str:
    seeds = sorted({outcome.task.seed for outcome in outcomes})
    return (
        f"Mean-class Dice (background included) on n images that were not learned from, counted over each whole image, "
        f"mean over images{'; median over seeds, smallest and largest in brackets' if len(seeds) > 1 else ''}. "
        f"Two images learned from, {labelled}; seeds {', '.join(map(str, seeds))}, "
        f"which draw the images, the strokes, the forest and the training. Network: {base}; "
        f"{seconds:g} s of wall-clock training, testing not counted. One thread for either method "
        f"(OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}, torch {torch.get_num_threads()}, forest 1). "
        f"Images larger than {LARGEST_SIDE} x {LARGEST_SIDE} are cropped to their top left part for both. The forest "
        f"learns from all strokes (at most {SAMPLES} pixels per tree), and so does the network; the Dice that the "
        f"program shows is its estimate of the painted images. "
        f"Lead over the forest, mean over the sets, median over the seeds: {_lead(outcomes, 0):+.3f} at once, "
        f"{_lead(outcomes, -1):+.3f} at the end. "
        f"{machine('torch', 'scikit-learn', 'scikit-image')}."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    if os.environ.get("OMP_NUM_THREADS") != "1":
        raise SystemExit("run it as 'python -m benchmarks learning', which gives both methods one thread")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--sets", nargs="+", default=[labelled_set.name for labelled_set in SETS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--base", default="none", help="what the network starts from: auto, none or a file")
    parser.add_argument("--base-folder", type=Path, help="with SET.safetensors, base weights that have not seen SET")
    parser.add_argument("--dense", action="store_true", help="label every pixel: what strokes could reach at best")
    parser.add_argument("--careless", action="store_true", help="one to five strokes that stray and spill over")
    options = parser.parse_args(arguments)
    set_threads(1)
    chosen = [set_named(name) for name in options.sets]
    outcomes = []
    for labelled_set in chosen:
        for seed in options.seeds:
            base = base_for(labelled_set, options.base, options.base_folder)
            task = prepare(labelled_set, seed, dense=options.dense, careless=options.careless)
            outcomes.append(measure(task, options.seconds, base))
            print(f"{labelled_set.name}, seed {seed}: {_numbers(outcomes[-1:])}", file=sys.stderr, flush=True)
    base = "base weights that have not seen the set" if options.base_folder else f"base {options.base}"
    labelled = (
        "every pixel of them labelled" if options.dense
        else "one to five careless strokes per class and image" if options.careless
        else "five simulated strokes per class and image"
    )  # fmt: skip
    print(report(outcomes, options.seconds, base, labelled))


if __name__ == "__main__":
    main()
