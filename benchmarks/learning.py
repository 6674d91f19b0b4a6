"""Five strokes per class on two images: what a minute of training reaches, beside a random forest on the same strokes.

Both methods get one thread, the same normalised pixels and the same strokes, one after the other in the same run. The
forest learns from every labelled pixel; the network keeps about a fifth of the blocks back for the score that it shows.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality import Quality, quality
from benchmarks.report import machine, table
from benchmarks.rivals.forest import SAMPLES, train_forest
from benchmarks.sets import LARGEST_SIDE, SETS, LabelledSet, Picture, choose_pictures, set_named
from benchmarks.simulated_strokes import painted, strokes_over
from napari_unet.annotations.project import Project
from napari_unet.api import add_annotation
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.network.device import choose_device, set_threads
from napari_unet.results.prediction_files import predict_mask
from napari_unet.training.learner import Learner

MARKS = (1 / 6, 1 / 2, 1.0)  # of the training time: 10, 30 and 60 s
_SHOW_EVERY = 50  # steps, as napari_unet.api.train
_TEST_TILE = 512


@dataclass(frozen=True, slots=True)
class Task:
    """A set's images for one seed, with strokes over those that are learned from."""

    set: LabelledSet
    seed: int
    training: list[Picture]
    test: list[Picture]
    labels: list[np.ndarray]

    @property
    def labelled_percent(self) -> float:
        """Share of the training images' pixels that strokes cover."""
        return 100 * sum(np.count_nonzero(x) for x in self.labels) / sum(x.size for x in self.labels)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One set and seed, both methods."""

    task: Task
    forest: Quality
    forest_seconds: float
    network: list[Quality]  # at the marks
    steps: int
    claimed: float | None  # the mean held-out Dice that the program shows at the end


def prepare(labelled_set: LabelledSet, seed: int) -> Task:
    training, test = choose_pictures(labelled_set, seed)
    classes = len(labelled_set.classes)
    labels = [
        painted(strokes_over(picture.truth, classes, [seed, number]), picture.truth)
        for number, picture in enumerate(training)
    ]
    return Task(labelled_set, seed, training, test, labels)


def measure(task: Task, seconds: float) -> Outcome:
    forest = train_forest(task.training, task.labels, task.seed)
    forest_quality = quality(task.test, task.set, forest.classify)
    network, steps, claimed = train_network(task, seconds)
    return Outcome(task, forest_quality, forest.seconds, network, steps, claimed)


# The network


def train_network(task: Task, seconds: float) -> tuple[list[Quality], int, float | None]:
    """Quality at the marks, steps, and the held-out Dice that the program claims at the end."""
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "benchmark.unet") as project:
        for picture, labels in zip(task.training, task.labels, strict=True):
            add_annotation(project, picture.image, labels[np.newaxis], task.set.classes)
        return _train(project, task, [seconds * share for share in MARKS])


def _train(project: Project, task: Task, marks: list[float]) -> tuple[list[Quality], int, float | None]:
    device = choose_device("cpu")
    planes = {id(picture): NormalisedPlanes(picture.image) for picture in task.test}
    began, testing, steps = time.monotonic(), 0.0, 0
    learner = Learner(project, device, task.seed)
    results: list[Quality] = []
    claimed = None
    while len(results) < len(marks):
        learner.step()
        steps += 1
        if steps % _SHOW_EVERY == 0:
            learner.show_newest()
        if time.monotonic() - began - testing < marks[len(results)]:
            continue
        paused = time.monotonic()
        score = learner.show_newest(score=True)
        claimed = score.mean_dice if score else None
        results.append(quality(task.test, task.set, lambda picture: _classify(learner, planes[id(picture)])))
        testing += time.monotonic() - paused
    return results, steps, claimed


def _classify(learner: Learner, planes: NormalisedPlanes) -> np.ndarray:
    predictor = learner.predictor
    if predictor is None:
        raise RuntimeError("nothing was trained")
    return predict_mask(predictor, planes, _TEST_TILE)[0]


# The table


def report(outcomes: list[Outcome], seconds: float) -> str:
    times = [f"{seconds * share:g} s" for share in MARKS]
    header = ["set", "modality", "classes", "n", "labelled", "forest (its time)"]
    header += [f"network {time}" for time in times]
    header += ["steps", f"Dice the program shows at {times[-1]}", f"without background: forest, network {times[-1]}"]
    names = list(dict.fromkeys(outcome.task.set.name for outcome in outcomes))
    rows = [_row([outcome for outcome in outcomes if outcome.task.set.name == name]) for name in names]
    return "\n\n".join(["## Learning", table(header, [*rows, _mean_row(outcomes)]), _note(outcomes, seconds)])


def _row(runs: list[Outcome]) -> list[str]:
    labelled_set = runs[0].task.set
    tests = "+".join(str(len(run.task.test)) for run in runs)
    first = [labelled_set.name, labelled_set.modality, str(len(labelled_set.classes)), tests]
    return first + _numbers(runs)


def _mean_row(outcomes: list[Outcome]) -> list[str]:
    return ["**mean**", "", "", str(sum(len(run.task.test) for run in outcomes)), *_numbers(outcomes, spread=False)]


def _numbers(runs: list[Outcome], *, spread: bool = True) -> list[str]:
    def show(values: list[float]) -> str:
        several = spread and len(values) > 1
        extent = f" [{min(values):.2f}, {max(values):.2f}]" if several else ""
        return f"{np.mean(values):.3f}{extent}"

    claims = [run.claimed for run in runs if run.claimed is not None]
    known = "" if len(claims) == len(runs) else f" (n/a in {len(runs) - len(claims)} of {len(runs)})"
    apart = (
        np.mean([run.forest.without_background for run in runs]),
        np.mean([run.network[-1].without_background for run in runs]),
    )
    return [
        f"{np.mean([run.task.labelled_percent for run in runs]):.1f} %",
        f"{show([run.forest.all_classes for run in runs])} ({np.mean([run.forest_seconds for run in runs]):.1f} s)",
        *(show([run.network[mark].all_classes for run in runs]) for mark in range(len(MARKS))),
        f"{np.mean([run.steps for run in runs]):.0f}",
        f"{show(claims)}{known}" if claims else "n/a",
        f"{apart[0]:.3f}, {apart[1]:.3f}",
    ]


def _note(outcomes: list[Outcome], seconds: float) -> str:
    seeds = sorted({outcome.task.seed for outcome in outcomes})
    return (
        f"Mean-class Dice (background included) on n images that were not learned from, counted over each whole image, "
        f"mean over images{'; smallest and largest of the seeds in brackets' if len(seeds) > 1 else ''}. "
        f"Two images learned from, five simulated strokes per class and image; seeds {', '.join(map(str, seeds))}, "
        f"which draw the images, the strokes, the forest and the network's start. Network from scratch, no base "
        f"weights; {seconds:g} s of wall-clock training, testing not counted. One thread for either method "
        f"(OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}, torch {torch.get_num_threads()}, forest 1). "
        f"Images larger than {LARGEST_SIDE} x {LARGEST_SIDE} are cropped to their top left part for both. The forest "
        f"learns from all strokes (at most {SAMPLES} pixels per tree), the network from those that it does not "
        f"hold out for the Dice that it shows, which is measured on strokes, not on whole images. "
        f"{machine('torch', 'scikit-learn', 'scikit-image')}."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    if os.environ.get("OMP_NUM_THREADS") != "1":
        raise SystemExit("run it as 'python -m benchmarks learning', which gives both methods one thread")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--sets", nargs="+", default=[labelled_set.name for labelled_set in SETS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    options = parser.parse_args(arguments)
    set_threads(1)
    chosen = [set_named(name) for name in options.sets]
    outcomes = []
    for labelled_set in chosen:
        for seed in options.seeds:
            outcomes.append(measure(prepare(labelled_set, seed), options.seconds))
            print(f"{labelled_set.name}, seed {seed}: {_numbers(outcomes[-1:])}", file=sys.stderr, flush=True)
    print(report(outcomes, options.seconds))


if __name__ == "__main__":
    main()
