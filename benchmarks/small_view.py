"""What a prediction at half or a quarter of the resolution loses, and what it saves: the reason for previews.

Two images with five simulated strokes per class are answered at once by a fitted head; the images tested on are
predicted whole, at each resolution, and enlarged again. The base weights may know the set: resolutions are compared,
not methods.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learning import Task, prepare
from benchmarks.quality import quality
from benchmarks.report import machine, table
from benchmarks.sets import SETS, Picture
from benchmarks.simulated_strokes import add_strokes
from napari_unet.images.halved_plane import HalvedPlane
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import Region
from napari_unet.network.base import BaseWeights
from napari_unet.network.device import choose_device, set_threads
from napari_unet.project.project import Project
from napari_unet.training.learner import Learner

_HALVINGS = (0, 1, 2)
_NAMES = ("whole", "half", "quarter")


def measure(task: Task) -> tuple[list[float], list[float]]:
    """Return mean-class Dice, and processor seconds for all test images, at each resolution."""
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "benchmark.unet") as project:
        for picture, labels in zip(task.training, task.labels, strict=True):
            add_strokes(project, picture.image, labels, task.set.classes)
        learner = Learner(project, choose_device("cpu"), task.seed, BaseWeights())
        learner.show_newest()
        predictor = learner.predictor
    if predictor is None:
        raise RuntimeError("the strokes were not answered")
    planes = {id(picture): NormalisedPlanes(picture.image)[0] for picture in task.test}
    dice, seconds = [], []
    for halvings in _HALVINGS:

        def classify(picture: Picture, halvings: int = halvings) -> np.ndarray:
            plane: Any = planes[id(picture)]
            for _ in range(halvings):
                plane = np.asarray(HalvedPlane(plane)[0 : -(-plane.shape[0] // 2), 0 : -(-plane.shape[1] // 2)])
            labels = predictor.classes(plane, Region(0, 0, *plane.shape[:2]))
            height, width = picture.truth.shape
            return labels.repeat(2**halvings, 0).repeat(2**halvings, 1)[:height, :width] - 1

        began = time.process_time()
        dice.append(quality(task.test, task.set, classify).all_classes)
        seconds.append(time.process_time() - began)
    return dice, seconds


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    options = parser.parse_args(arguments)
    set_threads(1)
    rows, shares = [], []
    for labelled_set in SETS:
        found = [measure(prepare(labelled_set, seed)) for seed in options.seeds]
        rows.append([labelled_set.name, *(f"{value:.3f}" for value in np.mean([dice for dice, _ in found], 0))])
        shares += [np.divide(seconds, seconds[0]) for _, seconds in found]
    rows.append(["processor time, median", *(f"{value:.2f}" for value in np.median(shares, 0))])
    note = f"Mean-class Dice at once on up to five images, mean over the seeds {options.seeds}. {machine('torch')}."
    print("\n\n".join(["## Resolution of what is shown small", table(["", *_NAMES], rows), note]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
