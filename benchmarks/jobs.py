"""Six jobs of a new user in a real window, from napari's empty window to the table: clicks, keys, strokes, seconds.

A simulated user paints two strokes per class and then corrects the largest error that the overlay shows, looking three
seconds at it before each correction.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage import io
from skimage.segmentation import find_boundaries

from benchmarks.job_user import JobUser
from benchmarks.report import machine, table
from benchmarks.sets import DATA, LabelledSet, read_picture, set_named
from napari_unet.evaluation.scores import confusion, dice

_CORRECTIONS = 8
_FEW_CORRECTIONS = 3  # of an image or plane where there are several
_SMALLEST_PX = 30  # of an object that counts
_IMAGES = 4
_STACK = DATA / "plantseg-3d" / "images" / "ovule_32x128x128.tif"
_PLANES = (10, 20)


@dataclass(slots=True)
class Outcome:
    """The result of a job.

    Attributes
    ----------
    seconds : since napari's empty window, by what there was then
    dice : mean over the classes when the overlay was first complete, and of the last one
    found, true : what the table says, and what it should say
    """

    user: JobUser
    device: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    dice: list[float] = field(default_factory=list)
    found: str = ""
    true: str = ""

    def score(self, truth: np.ndarray, classes: int) -> None:
        """Compare the overlay with the truth."""
        self.dice.append(float(np.mean(dice(confusion(truth, self.user.shown, range(classes))))))

    def reached(self, what: str) -> None:
        """Note the time."""
        self.seconds[what], self.device = self.user.protocol.seconds, self.user.device


@dataclass(frozen=True, slots=True)
class Setting:
    """Say where a job is done."""

    folder: Path
    pictures: Path | None
    seed: int


def one_image(set_name: str) -> Callable[[Setting], Outcome]:
    """Return the job of counting and measuring in the first image of a set."""

    def job(setting: Setting) -> Outcome:
        labelled_set = set_named(set_name)
        outcome = Outcome(JobUser(set_name, first_images(labelled_set, 1), setting.folder, setting.pictures))
        measure(outcome, labelled_set, setting.seed)
        outcome.user.leave()
        return outcome

    return job


def measure(outcome: Outcome, labelled_set: LabelledSet, seed: int) -> None:
    """Paint, correct and export one image."""
    user, classes = outcome.user, len(labelled_set.classes)
    truth = truth_of(labelled_set, first_images(labelled_set, 1)[0])
    for name in labelled_set.classes[2:]:
        user.add_class(name)
    user.paint_first(truth, classes, seed)
    user.wait_for_overlay()
    outcome.reached("overlay")
    outcome.score(truth, classes)
    user.see("first")
    user.correct(truth, _CORRECTIONS, seed)
    outcome.reached("corrected")
    user.see("corrected")
    rows = user.export()
    outcome.reached("files")
    outcome.score(truth, classes)
    shown = user.shown
    outcome.found = numbers([count(rows, k) for k in range(1, classes)], shown, classes)
    outcome.true = numbers([objects(truth == k) for k in range(1, classes)], truth, classes)


def four_images(setting: Setting) -> Outcome:
    """Count the nuclei of four RGB images, in one project with one table."""
    labelled_set = set_named("dsb2018-stained")
    files = first_images(labelled_set, _IMAGES)
    user = JobUser("four-images", files, setting.folder, setting.pictures)
    outcome = Outcome(user)
    for number, file in enumerate(files):
        truth = truth_of(labelled_set, file)
        if number:
            user.next_image()
            user.wait_for_overlay()
        else:
            user.paint_first(truth, 2, setting.seed)
            user.wait_for_overlay()
            outcome.reached("overlay")
            outcome.score(truth, 2)
        user.see(f"image-{number + 1}")
        user.correct(truth, _FEW_CORRECTIONS, setting.seed)
    outcome.reached("corrected")
    rows = user.export()
    outcome.reached("files")
    outcome.score(truth, 2)
    images = {row["image"] for row in rows}
    truths = [truth_of(labelled_set, file) == 1 for file in files]
    outcome.found = f"{count(rows, 1)} objects in one table of {len(images)} images"
    outcome.true = f"{sum(map(objects, truths))} objects"
    user.leave()
    return outcome


def stack(setting: Setting) -> Outcome:
    """Paint two planes of a z-stack, export all of them, and look at them in 3-D."""
    truth = stack_truth()
    user = JobUser("stack", [_STACK], setting.folder, setting.pictures)
    outcome = Outcome(user)
    for plane in _PLANES:
        user.go_to_plane(plane)
        user.paint_first(truth[plane], 2, setting.seed)
        user.wait_for_overlay()
        if plane == _PLANES[0]:
            outcome.reached("overlay")
            outcome.score(truth[plane], 2)
        user.correct(truth[plane], _FEW_CORRECTIONS, setting.seed)
        user.see(f"plane-{plane}")
    outcome.reached("corrected")
    rows = user.export()
    outcome.reached("files")
    user.look_in_3d()
    unpainted = _PLANES[-1] + 5
    user.go_to_plane(unpainted)
    user.wait_for_overlay()
    outcome.score(truth[unpainted], 2)
    outcome.found = f"{count(rows, 1)} objects in {len({row['plane'] for row in rows})} planes"
    outcome.true = f"{len(truth)} planes"
    user.leave()
    return outcome


def next_day(setting: Setting) -> Outcome:
    """Count nuclei, close everything, come back to the project, correct once more and export again."""
    labelled_set = set_named("bbbc039-u2os")
    files = first_images(labelled_set, 1)
    user = JobUser("next-day", files, setting.folder, setting.pictures)
    outcome = Outcome(user)
    truth = truth_of(labelled_set, files[0])
    user.paint_first(truth, 2, setting.seed)
    user.wait_for_overlay()
    user.correct(truth, _FEW_CORRECTIONS, setting.seed)
    user.come_back()
    user.wait_for_overlay()
    outcome.reached("overlay")
    outcome.score(truth, 2)
    user.see("back")
    user.start()
    user.correct(truth, _FEW_CORRECTIONS, setting.seed + 1)
    outcome.reached("corrected")
    rows = user.export()
    outcome.reached("files")
    outcome.score(truth, 2)
    outcome.found = numbers([count(rows, 1)], user.shown, 2)
    outcome.true = numbers([objects(truth == 1)], truth, 2)
    user.leave()
    return outcome


JOBS: dict[str, Callable[[Setting], Outcome]] = {
    "count nuclei in fluorescence (bbbc039-u2os)": one_image("bbbc039-u2os"),
    "confluence in phase contrast (usiigaci-phc)": one_image("usiigaci-phc"),
    "area of axon and myelin in EM (axon-myelin-sem)": one_image("axon-myelin-sem"),
    "nuclei in four RGB images, one table (dsb2018-stained)": four_images,
    "a z-stack from two painted planes (plantseg-3d)": stack,
    "coming back the next day (bbbc039-u2os)": next_day,
}


def first_images(labelled_set: LabelledSet, wanted: int) -> list[Path]:
    """Return the first image files of a set."""
    if not labelled_set.images.is_dir():
        raise SystemExit(f"{labelled_set.images} is missing: the benchmarks need the labelled sets there")
    files = (path for path in labelled_set.images.glob(f"{labelled_set.prefix}*") if path.is_file())
    return sorted(files)[:wanted]


def truth_of(labelled_set: LabelledSet, file: Path) -> np.ndarray:
    """Return the class index of each pixel of an image."""
    return read_picture(labelled_set, file).truth


def stack_truth() -> np.ndarray:
    """Return 1 inside of the cells of the stack, 0 on their walls and outside; (planes, y, x)."""
    numbered = io.imread(_STACK.parent.parent / "masks" / _STACK.name)
    return np.stack([(plane > 0) & ~find_boundaries(plane) for plane in numbered]).astype(np.uint8)


def count(rows: Sequence[dict[str, str]], mask_value: int) -> int:
    """Return how many rows of a table of objects are of a class and not specks."""
    return sum(int(row["class"]) == mask_value and float(row["area_px"]) >= _SMALLEST_PX for row in rows)


def objects(where: np.ndarray) -> int:
    """Return the number of connected pieces that are not specks."""
    parts, _ = ndimage.label(where, np.ones((3, 3)))
    return int((np.bincount(parts.ravel())[1:] >= _SMALLEST_PX).sum())


def numbers(counts: Sequence[int], mask: np.ndarray, classes: int) -> str:
    """Return objects and share of the image of each class but the background."""
    parts = [f"{found} objects, {(mask == k).mean():.1%}" for k, found in zip(range(1, classes), counts, strict=True)]
    return "; ".join(parts)


def report(outcomes: dict[str, Outcome], device: str) -> str:
    rows = [
        [
            job,
            f"{o.user.protocol.clicks}, {o.user.protocol.keys}, {o.user.protocol.strokes}",
            ", ".join(f"{value:.0f} s" for value in o.seconds.values()),
            " → ".join(f"{value:.3f}" for value in o.dice),
            o.found,
            o.true,
        ]
        for job, o in outcomes.items()
    ]
    header = ["job", "clicks, keys, strokes", "overlay complete, corrected, files written", "Dice: first, last",
              "found", "true"]  # fmt: skip
    note = (
        f"Two strokes per class, then at most {_CORRECTIONS} corrections of the largest error ({_FEW_CORRECTIONS} on "
        "each of several images or planes), three seconds of looking before each. Seconds since napari's empty window. "
        "Dice is the mean over the classes on the image on screen; of the stack the last is that of a plane without "
        f"strokes. Objects are those of the exported table and the connected pixels of the truth, of at least "
        f"{_SMALLEST_PX} px. The package's base weights, which have seen these sets. "
        f"Worker: {device}. {machine('napari', 'torch')}."
    )
    return "\n\n".join(["## Jobs", table(header, rows), note, ""])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", type=int, help="numbers of the jobs, from 1")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of the window at every step")
    options = parser.parse_args(arguments)
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    outcomes, device, protocols = {}, "", []
    for number, (name, job) in enumerate(JOBS.items(), 1):
        if options.only and number not in options.only:
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            outcomes[name] = outcome = job(Setting(Path(folder), options.pictures, options.seed))
        device = outcome.device
        protocols.append(f"### Protocol: {name}\n\n```text\n" + "\n".join(outcome.user.protocol.lines) + "\n```\n")
    print("\n".join([report(outcomes, device), *protocols]))


if __name__ == "__main__":
    main()
