"""Three whole jobs in a real window, from the open image to the table: seconds, clicks, keys, and what comes out.

A simulated user paints two strokes per class and then corrects the largest error that the overlay shows, looking three
seconds at it before each correction.
"""

import argparse
import csv
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks.annotator_hand import Hand, hand_for
from benchmarks.quality import quality
from benchmarks.report import machine, table
from benchmarks.sets import LabelledSet, Picture, read_picture, set_named
from benchmarks.simulated_strokes import Stroke
from benchmarks.window import PaintingWindow

JOBS = {
    "count nuclei in fluorescence": "bbbc039-u2os",
    "confluence in phase contrast": "usiigaci-phc",
    "area of axon and myelin in EM": "axon-myelin-sem",
}
_CORRECTIONS = 8
_LOOK_S = 3.0
_PATIENCE_S = 90.0
_SMALLEST_PX = 30  # of an object that counts


@dataclass(frozen=True, slots=True)
class Outcome:
    """The time and result of a job.

    Attributes
    ----------
    clicks, keys, strokes : what the user did, opening the image and the panel left out
    seconds : from the first stroke to the overlay of the whole image, to the last correction, to the files
    dice : mean over the classes when the overlay was first complete, and of the exported mask
    found, true : objects of at least 30 px per class, and the share of the image of each class
    """

    clicks: int
    keys: int
    strokes: int
    seconds: tuple[float, float, float]
    dice: tuple[float, float]
    found: str
    true: str


class Protocol:
    """The acts and sights of the user, in seconds since napari's empty window, some with a picture.

    Parameters
    ----------
    folder : gets the pictures; None for none
    """

    def __init__(self, window: PaintingWindow, folder: Path | None) -> None:
        self.lines: list[str] = []
        self._window = window
        self._folder = folder

    def note(self, what: str, picture: str = "") -> None:
        """Write down what has just happened."""
        self.lines.append(f"{time.monotonic() - self._window.opened:6.1f} s  {what}")
        if picture and self._folder is not None:
            self._window.viewer.window._qt_window.grab().save(str(self._folder / f"{picture}.png"))


def do_job(
    labelled_set: LabelledSet, corrections: int, seed: int, pictures: Path | None = None
) -> tuple[Outcome, str, list[str]]:
    """Do the job; return the outcome, the device of the worker, and the protocol."""
    picture = read_picture(labelled_set, min(path for path in labelled_set.images.iterdir() if path.is_file()))
    classes = len(labelled_set.classes)
    window = PaintingWindow(np.asarray(picture.image.pixels))
    panel, hand = window.panel, hand_for(picture.truth.shape)
    protocol = Protocol(window, pictures)
    name = labelled_set.name
    protocol.note("Plugins > U-Net; the image dropped on napari: panel, project and layers are there", f"{name}-1-open")
    for _ in range(classes - 2):
        panel.class_table.added.emit()
        protocol.note("click: + class")
    began = time.monotonic()
    strokes = hand.first_strokes(picture.truth, classes, seed)
    for stroke in strokes:
        _paint(window, stroke, protocol)
    window.wait(_PATIENCE_S, lambda: bool((panel.canvas.prediction.data > 0).all()))
    first = time.monotonic() - began
    first_dice = _dice(picture, labelled_set, window)
    protocol.note(f"the overlay covers the image, Dice {first_dice:.3f}", f"{name}-2-first")
    made = _correct(window, picture, hand, corrections, np.random.default_rng(seed), protocol)
    corrected = time.monotonic() - began
    protocol.note(f"corrected, Dice {_dice(picture, labelled_set, window):.3f}", f"{name}-3-corrected")
    panel.training.button.click()
    window.wait(
        _PATIENCE_S, lambda: panel.training.progress.state == "paused" and not panel.training.progress.waiting_tiles
    )
    protocol.note("click: Pause; the last tile is repainted")
    with tempfile.TemporaryDirectory() as folder:
        panel.export_row.export(Path(folder), ("tiff", "png", "csv"))
        window.wait(_PATIENCE_S, lambda: bool(panel.export_row.exported.text()))
        exported = time.monotonic() - began
        protocol.note("click: Export; mask and table are written", f"{name}-4-exported")
        (table_path,) = (path for path in Path(folder).glob("*.csv") if not path.stem.endswith("-summary"))
        rows = list(csv.DictReader(table_path.open(encoding="utf-8")))
    last_dice = _dice(picture, labelled_set, window)
    mask, device = _shown(window), panel.details.device.text()
    window.close()
    counts = [
        sum(int(row["class"]) == k and float(row["area_px"]) >= _SMALLEST_PX for row in rows) for k in range(1, classes)
    ]
    total = len(strokes) + made
    outcome = Outcome(
        clicks=classes - 2 + 2,  # + class, Pause, Export
        keys=total,
        strokes=total,
        seconds=(first, corrected, exported),
        dice=(first_dice, last_dice),
        found=_numbers(counts, mask, classes),
        true=_numbers([_objects(picture.truth == k) for k in range(1, classes)], picture.truth, classes),
    )
    return outcome, device, protocol.lines


def _paint(window: PaintingWindow, stroke: Stroke, protocol: Protocol) -> None:
    window.paint_with(stroke.class_index + 1)
    window.panel.canvas.annotation.brush_size = 2 * stroke.radius + 1
    window.drag(stroke.path)
    protocol.note(f"key {stroke.class_index + 1}, a stroke {len(stroke.path)} px long, {2 * stroke.radius + 1} px wide")
    window.wait(0.5)


def _correct(
    window: PaintingWindow,
    picture: Picture,
    hand: Hand,
    corrections: int,
    random: np.random.Generator,
    protocol: Protocol,
) -> int:
    """Paint strokes over the largest errors and return how many there were."""
    canvas = window.panel.canvas
    for number in range(corrections):
        window.wait(_LOOK_S)
        shown, labels = np.asarray(canvas.prediction.data), np.asarray(canvas.annotation.data)
        stroke = hand.correction(picture.truth, shown, labels, random)
        if stroke is None:
            return number
        _paint(window, stroke, protocol)
    window.wait(_LOOK_S)
    return corrections


def _shown(window: PaintingWindow) -> np.ndarray:
    """Return the predicted class index of each pixel; 255 where nothing is predicted."""
    return np.asarray(window.panel.canvas.prediction.data) - np.uint8(1)


def _dice(picture: Picture, labelled_set: LabelledSet, window: PaintingWindow) -> float:
    return quality([picture], labelled_set, lambda _: _shown(window)).all_classes


def _objects(where: np.ndarray) -> int:
    parts, _ = ndimage.label(where, np.ones((3, 3)))
    return int((np.bincount(parts.ravel())[1:] >= _SMALLEST_PX).sum())


def _numbers(counts: Sequence[int], mask: np.ndarray, classes: int) -> str:
    parts = [f"{count} objects, {(mask == k).mean():.1%}" for k, count in zip(range(1, classes), counts, strict=True)]
    return "; ".join(parts)


def report(outcomes: dict[str, Outcome], device: str, corrections: int) -> str:
    rows = [
        [
            f"{job} ({JOBS[job]})",
            f"{o.clicks}, {o.keys}, {o.strokes}",
            ", ".join(f"{value:.0f} s" for value in o.seconds),
            " → ".join(f"{value:.3f}" for value in o.dice),
            o.found,
            o.true,
        ]
        for job, o in outcomes.items()
    ]
    header = ["job", "clicks, keys, strokes", "overlay complete, corrected, files written", "Dice: first, exported",
              "found: objects, share of the image", "true"]  # fmt: skip
    note = (
        f"The first image of each set; two strokes per class, then at most {corrections} corrections of the largest "
        f"error, {_LOOK_S:g} s of looking before each. Seconds from the first stroke. Dice is the mean over the "
        f"classes, on the painted image itself. Objects are connected pixels, of at least {_SMALLEST_PX} px, in mask "
        "and truth alike, so touching ones count once. The package's base weights, which have seen these sets. "
        "Worker: "
        f"{device}. {machine('napari', 'torch')}."
    )
    return "\n\n".join(["## Jobs", table(header, rows), note, ""])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corrections", type=int, default=_CORRECTIONS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=Path, help="folder for a picture of the window at every step")
    options = parser.parse_args(arguments)
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    outcomes, device, protocols = {}, "", []
    for job, name in JOBS.items():
        outcomes[job], device, lines = do_job(set_named(name), options.corrections, options.seed, options.pictures)
        protocols.append(f"### Protocol: {job}\n\n```text\n" + "\n".join(lines) + "\n```\n")
    print("\n".join([report(outcomes, device, options.corrections), *protocols]))


if __name__ == "__main__":
    main()
