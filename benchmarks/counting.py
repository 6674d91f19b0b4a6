"""Counting objects in the first answer: which sizes count, and how far the count is off.

Two short simulated strokes per class are painted on an image, the network answers at once from base weights, and the
objects of this image are counted with each range of sizes: those whose diameter is at least the typical one divided by
the range and at most the typical one times it. The typical diameter is that of the predicted objects themselves.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from skimage import io

from benchmarks.report import machine, table
from benchmarks.sets import LARGEST_SIDE, TUNING_SET, LabelledSet, Picture, read_picture, set_named
from benchmarks.simulated_strokes import add_strokes, painted, strokes_over
from napari_unet.config import DEFAULT_SETTINGS, Settings
from napari_unet.evaluation.scores import segmentation_accuracy
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.network.base import base_weights
from napari_unet.network.device import choose_device
from napari_unet.objects.objects import AS_PAINTED, objects_of_plane
from napari_unet.prediction.mask import predict_mask
from napari_unet.project.project import Project
from napari_unet.training.learner import Learner

SETS = (
    *(set_named(name) for name in ("usiigaci-phc", "bbbc039-u2os", "dsb2018-fluo", "dsb2018-stained")),
    LabelledSet("dsb2018-bright", "dsb2018-stage1", "brightfield", prefix="bright"),
    TUNING_SET,
    set_named("axon-myelin-sem"),
)
_EVERY_SIZE = msgspec.structs.replace(AS_PAINTED, object_minimum=DEFAULT_SETTINGS.object_minimum)
_SEED = 7
_STROKES, _LENGTH = 2, 60  # per class, and px


def main() -> int:
    options = _options()
    ways = {f"{r:g} times": msgspec.structs.replace(DEFAULT_SETTINGS, object_range=r) for r in options.ranges}
    rows = []
    for labelled_set in SETS:
        cases = list(_cases(labelled_set, options.images))
        print(f"{labelled_set.name}: {len(cases)} images", file=sys.stderr, flush=True)
        true = np.median([len(np.unique(truth)) - 1 for _, truth in cases])
        row = [labelled_set.name, str(len(cases)), f"{true:g}"]
        value = len(labelled_set.classes) - 1
        rows.append([*row, *(_result(cases, value, settings) for settings in ways.values())])
    print("## Counting in the first answer\n")
    print(table(["set", "n", "true", *ways], rows))
    print(
        "\nMedian count, mean |found - true| / true, mean SEG; 0 times: every size.", machine("torch", "scikit-image")
    )
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counting", description=__doc__)
    parser.add_argument("--images", type=int, default=6, help="of each set")
    parser.add_argument("--ranges", type=float, nargs="+", default=[0, 3**0.5, 3])
    return parser.parse_args()


def _cases(labelled_set: LabelledSet, images: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the predicted mask and the numbered truth of the first images in a fixed order that hold objects."""
    paths = sorted(path for path in labelled_set.images.glob(f"{labelled_set.prefix}*") if path.suffix != ".unet")
    for index in np.random.default_rng(_SEED).permutation(len(paths)):
        (mask,) = (labelled_set.images.parent / "masks").glob(f"{paths[index].stem}.*")
        truth = io.imread(mask)[:LARGEST_SIDE, :LARGEST_SIDE].astype(np.int32)
        value = len(labelled_set.classes) - 1
        if value > 1:  # a mask of classes, without numbers
            truth, _ = objects_of_plane((truth == value).astype(np.uint8), _EVERY_SIZE)
        if truth.any():
            yield _first_answer(read_picture(labelled_set, paths[index]), labelled_set, int(index)), truth
            images -= 1
        if not images:
            return


def _first_answer(picture: Picture, labelled_set: LabelledSet, index: int) -> np.ndarray:
    strokes = strokes_over(picture.truth, len(labelled_set.classes), [_SEED, index], count=_STROKES, length=_LENGTH)
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "counting.unet") as project:
        add_strokes(project, picture.image, painted(strokes, picture.truth), labelled_set.classes)
        learner = Learner(project, choose_device("cpu"), 0, base_weights())
        learner.show_newest(score=False)
        if learner.predictor is None:
            raise RuntimeError(f"nothing was learned on {picture.image.name}")
        return predict_mask(learner.predictor, NormalisedPlanes(picture.image), 512)[0]


def _result(cases: Sequence[tuple[np.ndarray, np.ndarray]], value: int, settings: Settings) -> str:
    """Count the objects of a mask value, and compare them with the true ones."""
    counts, errors, scores = [], [], []
    for mask, truth in cases:
        numbers, values = objects_of_plane(mask, settings)
        numbers[values[numbers] != value] = 0
        true = len(np.unique(truth)) - 1
        counts.append(int((values == value).sum()))
        errors.append(abs(counts[-1] - true) / true)
        scores.append(segmentation_accuracy(truth, numbers) or 0.0)
    return f"{np.median(counts):g}, {np.mean(errors):.2f}, {np.mean(scores):.3f}"


if __name__ == "__main__":
    sys.exit(main())
