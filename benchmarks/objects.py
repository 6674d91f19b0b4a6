"""Separating touching objects: SEG and error of the count, beside plain connected components.

On two masks of each image: the expert's foreground, in which touching objects are one piece, and that of a random
forest that learned simulated strokes on two other images. Settings are chosen on the tuning images alone.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from skimage import io

from benchmarks.report import machine, table
from benchmarks.rivals.forest import train_forest
from benchmarks.sets import LARGEST_SIDE, LabelledSet, read_picture, set_named
from benchmarks.simulated_strokes import painted, strokes_over
from napari_unet.config import DEFAULT_SETTINGS, Settings
from napari_unet.evaluation.scores import segmentation_accuracy
from napari_unet.objects.objects import AS_PAINTED, objects_of_plane

SETS = ("dsb2018-fluo", "bbbc039-u2os", "usiigaci-phc")
TUNING, JUDGED = 5, 8  # images of each set at most
_SEEN = {"dsb2018-fluo": 12}  # of which more were looked at while choosing: they are not judged
_FOREST_IMAGES = 2
_ORDER = 7  # seed of the order of the images: the first are for tuning, the rest is judged
_BBBC039 = (520, 696)  # px; dsb2018 holds images of bbbc039 of this size, which would be on both sides


@dataclass(frozen=True, slots=True)
class Case:
    """A mask of an image and its numbered objects."""

    kind: str
    mask: np.ndarray
    truth: np.ndarray


def main() -> int:
    options = _options()
    every_size = msgspec.structs.replace(DEFAULT_SETTINGS, object_range=0)
    ways = {
        "connected components": AS_PAINTED,
        "small ones and holes cleaned": msgspec.structs.replace(every_size, object_split=0.0),
    }
    ways |= {f"split {s:g}": msgspec.structs.replace(every_size, object_split=s) for s in options.splits}
    rows = []
    for name in options.sets:
        cases = list(_cases(set_named(name), tuning=options.tuning))
        for kind in ("expert", "forest"):
            of_kind = [case for case in cases if case.kind == kind]
            print(f"{name}, {kind}: {len(of_kind)} images", file=sys.stderr, flush=True)
            rows.append([name, kind, str(len(of_kind)), *(_result(of_kind, ways[way]) for way in ways)])
    print(f"## Objects{' (tuning images)' if options.tuning else ''}\n")
    print(table(["set", "mask", "n", *ways], rows))
    print(f"\nSEG, then the error of the count, |found - true| / true; means over n images. {machine('scikit-image')}.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.objects", description=__doc__)
    parser.add_argument("--tuning", action="store_true", help="the images on which settings are chosen")
    parser.add_argument("--splits", type=float, nargs="+", default=[DEFAULT_SETTINGS.object_split])
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    return parser.parse_args()


def _cases(labelled_set: LabelledSet, *, tuning: bool) -> Iterator[Case]:
    paths = _paths(labelled_set)
    learned = paths[:_FOREST_IMAGES]
    chosen = paths[_FOREST_IMAGES:TUNING] if tuning else paths[_SEEN.get(labelled_set.name, TUNING) :][:JUDGED]
    pictures = [read_picture(labelled_set, path) for path in learned]
    labels = [painted(strokes_over(p.truth, 2, [_ORDER, k]), p.truth) for k, p in enumerate(pictures)]
    forest = train_forest(pictures, labels, _ORDER)
    for path in chosen:
        truth = _numbered(path)
        picture = read_picture(labelled_set, path)
        yield Case("expert", (truth > 0).astype(np.uint8), truth)
        yield Case("forest", forest.classify(picture), truth)


def _paths(labelled_set: LabelledSet) -> list[Path]:
    """Return the images with objects, in the order of the split."""
    paths = sorted(path for path in labelled_set.images.glob(f"{labelled_set.prefix}*") if path.suffix != ".unet")
    shared = labelled_set.folder.startswith("dsb2018")
    found = []
    for index in np.random.default_rng(_ORDER).permutation(len(paths)):
        truth = _numbered(paths[index])
        if truth.any() and not (shared and truth.shape == _BBBC039):
            found.append(paths[index])
        if len(found) == max(TUNING, *_SEEN.values()) + JUDGED:
            break
    return found


def _numbered(path: Path) -> np.ndarray:
    (mask,) = (path.parent.parent / "masks").glob(f"{path.stem}.*")
    truth: np.ndarray = io.imread(mask)[:LARGEST_SIDE, :LARGEST_SIDE].astype(np.int32)
    return truth


def _result(cases: Sequence[Case], settings: Settings) -> str:
    scores, errors = [], []
    for case in cases:
        numbers, values = objects_of_plane(case.mask, settings)
        true = len(np.unique(case.truth)) - 1
        scores.append(segmentation_accuracy(case.truth, numbers) or 0.0)
        errors.append(abs(len(values) - 1 - true) / true)
    return f"{np.mean(scores):.3f}, {np.mean(errors):.3f}"


if __name__ == "__main__":
    sys.exit(main())
