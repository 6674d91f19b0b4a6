"""Does "Where next" lead to better strokes? Test Dice after each stroke, the places chosen by different methods.

A simulated annotator makes a stroke per class on one image, and then one stroke in every place that a method names:
over the largest error that is seen there, or, where nothing is wrong, of the class with the fewest labelled pixels of
those that are there. Beside the methods that the program can offer stand random places, and the largest error of the
whole image, which needs the truth, or the eye of the user.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.annotator_hand import Hand, hand_for
from benchmarks.quality import quality
from benchmarks.report import machine, table
from benchmarks.sets import LabelledSet, Picture, choose_pictures, mirrored, set_named
from benchmarks.simulated_strokes import Stroke, painted, strokes_over
from napari_unet.api import ensure_classes
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import Region, grid
from napari_unet.network.base import base_weights
from napari_unet.network.device import choose_device, set_threads
from napari_unet.prediction.mask import predict_mask
from napari_unet.project.project import Project
from napari_unet.training.acquisition import REGION_SIDE, TERM_FACTORS, Acquisition, tile_side
from napari_unet.training.learner import Learner

SIDE = 512  # px of the images, cropped or mirrored
_TEST_IMAGES = 2
_RANDOM, _ERROR = "random place", "largest error"
METHODS: dict[str, tuple[float, float, float]] = {
    "unsure": (1.0, 0.0, 0.0),
    "unlike": (0.0, 1.0, 0.0),
    "where next": TERM_FACTORS,
}


class Session:
    """One image, one learner, one stroke after the other."""

    def __init__(self, folder: Path, labelled_set: LabelledSet, picture: Picture, seed: int, base: str) -> None:
        self.truth = picture.truth
        self._classes = len(labelled_set.classes)
        self._project = Project(folder)
        ensure_classes(self._project, self._classes, labelled_set.classes)
        self._image_id = self._project.add_image(picture.image).id
        self.labels = np.zeros(picture.truth.shape, np.uint8)
        self._hand: Hand = hand_for(picture.truth.shape)
        self.random = np.random.default_rng([seed, 2])
        first = strokes_over(
            self.truth, self._classes, [seed, 0], count=1, length=self._hand.length, width=self._hand.width
        )
        for stroke in first:
            self._paint(stroke)
        self.learner = Learner(self._project, choose_device("cpu"), seed, base_weights(base))
        self.learner.show_newest()

    def close(self) -> None:
        """Let go of the project."""
        self._project.close()

    def correct(self, place: Region, steps: int) -> None:
        """Paint one stroke in a place, and learn from it."""
        self._paint(self._stroke_in(place))
        self.learner.refresh()
        for _ in range(steps):
            self.learner.step()
        self.learner.show_newest()

    def random_place(self) -> Region:
        """Return any tile."""
        height, width = self.truth.shape
        tiles = list(grid(height, width, tile_side(height, width)))
        return tiles[self.random.integers(len(tiles))]

    def useful_place(self, weights: tuple[float, float, float]) -> Region:
        """Return the best tile of the whole image."""
        learner = self.learner
        shown = learner.selection.shown
        assert shown is not None
        acquisition = Acquisition(shown.network, shown.class_ids, learner.annotations, learner.device)
        for region in grid(*self.truth.shape, REGION_SIDE):
            acquisition.add((self._image_id, 0), region)
        return acquisition.ranked_tiles(weights)[0].region

    def _stroke_in(self, place: Region) -> Stroke:
        truth, labels = self.truth[place.slices], self.labels[place.slices]
        predictor = self.learner.predictor
        assert predictor is not None
        shown = predictor.classes(self.learner.annotations.pixels(self._image_id)[0], place)
        stroke = self._hand.correction(truth, shown, labels, self.random) or self._rarest(truth)
        return replace(stroke, path=stroke.path + np.array([place.y0, place.x0]))

    def _rarest(self, truth: np.ndarray) -> Stroke:
        counts = np.bincount(self.labels.ravel(), minlength=self._classes + 1)[1:]
        rarest = min(np.unique(truth).tolist(), key=lambda k: counts[k])
        only = np.where(truth == rarest, 0, 1)
        (stroke,) = strokes_over(only, 1, self.random, count=1, length=self._hand.length, width=self._hand.width)
        return replace(stroke, class_index=rarest)

    def _paint(self, stroke: Stroke) -> None:
        added = painted([stroke], self.truth)
        self.labels[added > 0] = added[added > 0]
        self._project.commit(self._image_id, 0, self.labels)


def dice_by_stroke(
    labelled_set: LabelledSet, seed: int, method: str, options: argparse.Namespace
) -> tuple[list[float], int]:
    """Return mean Dice on the test images before and after each correction, and labelled pixels at the end."""
    (picture, *_), test = choose_pictures(labelled_set, seed)
    picture, *test = (mirrored(each, SIDE) for each in [picture, *test[:_TEST_IMAGES]])
    planes = {id(each): NormalisedPlanes(each.image) for each in test}
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Path(folder) / "benchmark.unet", labelled_set, picture, seed, options.base)

        def tested() -> float:
            predictor = session.learner.predictor
            assert predictor is not None
            found = quality(test, labelled_set, lambda each: predict_mask(predictor, planes[id(each)], SIDE)[0])
            return found.all_classes

        choose: Callable[[], Region]
        if method == _RANDOM:
            choose = session.random_place
        elif method == _ERROR:
            choose = lambda: Region(0, 0, SIDE, SIDE)  # noqa: E731 - the annotator corrects the largest error in it
        else:
            choose = lambda: session.useful_place(METHODS[method])  # noqa: E731
        values = [tested()]
        for number in range(1, options.strokes + 1):
            session.correct(choose(), options.steps)
            if number % options.every == 0:
                values.append(tested())
        labelled = int(np.count_nonzero(session.labels))
        session.close()
    return values, labelled


def main() -> int:
    options = _options()
    set_threads(1)
    marks = range(0, options.strokes + 1, options.every)
    rows = []
    for name in options.sets:
        for method in (_RANDOM, *METHODS, _ERROR):
            results = [dice_by_stroke(set_named(name), seed, method, options) for seed in options.seeds]
            values, labelled = np.array([dice for dice, _ in results]), np.mean([count for _, count in results])
            means = [f"{mean:.3f}" for mean in values.mean(axis=0)]
            each = ", ".join(f"{value:.3f}" for value in values[:, -1])
            rows.append([name, method, *means, each, f"{labelled:.0f}"])
            print(rows[-1], file=sys.stderr, flush=True)
    header = ["set", "places", *(f"{mark} strokes" for mark in marks), "each seed at the end", "labelled px"]
    learning = f"{options.steps} training steps" if options.steps else "no training steps, only the head corrected"
    print("## Where next\n")
    print(table(header, rows))
    print(
        f"\nMean-class Dice on {_TEST_IMAGES} images that were not painted, mean over seeds "
        f"{', '.join(map(str, options.seeds))}; strokes beyond one per class, on one image of {SIDE} x {SIDE} px; "
        f"after each stroke {learning}. {machine('torch')}."
    )
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.where_next", description=__doc__)
    parser.add_argument("--sets", nargs="+", default=["usiigaci-phc", "axon-myelin-sem"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--strokes", type=int, default=6, help="that follow the first ones")
    parser.add_argument("--every", type=int, default=2, help="strokes between two tests")
    parser.add_argument("--steps", type=int, default=5, help="of training after each stroke")
    parser.add_argument("--base", default="auto", help="base weights that have not seen the sets, else Dice flatters")
    options = parser.parse_args()
    options.base = options.base if options.base in {"auto", "none"} else os.path.abspath(options.base)
    return options


if __name__ == "__main__":
    sys.exit(main())
