"""RootPainter's trainer, from PyPI and in an environment of its own, on the strokes that our network got.

Its network, loss, tiles, augmentation and segmentation are used as they are (``root_painter_run.py``). Two things
are in its favour: it trains on all annotated images, while the program itself keeps the first one back for validation,
and its newest network is tested, while the program shows the last one that was better in validation. Images of more
than 8 bits are scaled from smallest to largest value, as its window does for training data; its trainer would cut them
off.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.sets import Picture

RATE = 0.01  # as it comes
RATES = (0.01, 0.03, 0.1, 0.3)  # those that tuning tries
_GRACE_S = 900.0  # beyond the limit, for the step and the test that are under way then
_SCRIPT = Path(__file__).with_name("root_painter_run.py")


@dataclass(frozen=True, slots=True)
class RootPainter:
    """An installed trainer and what it may use.

    Attributes
    ----------
    python : of the environment that ``root-painter-trainer`` is installed in; None where there is none
    tile : side of its input, 572 as it comes
    batch : tiles per step; it takes one where there is no GPU
    limit : seconds for a training with its tests, after which it is tested once more and ends
    """

    python: Path | None
    tile: int = 572
    batch: int = 1
    limit: float = 1800.0

    @property
    def settings(self) -> str:
        """Settings for the report."""
        return (
            f"RootPainter: root-painter-trainer from PyPI; input tiles of {self.tile} px, {self.batch} a step, at most "
            f"{self.limit:g} s for a training with its tests, SGD with a rate of {RATE:g} as it comes."
        )

    @property
    def obstacle(self) -> str:
        """Reason why it cannot run; "" when it can."""
        if self.python is None:
            return "no environment with root-painter-trainer was named (--root-painter)"
        if not self.python.is_file():
            return f"{self.python} is missing: install root-painter-trainer in an environment of its own"
        command = [str(self.python), "-c", "import root_painter_trainer, torch"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the user's choice
        return done.stderr.strip().splitlines()[-1] if done.returncode else ""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Strokes that come while a rival learns.

    Attributes
    ----------
    pictures : learned from
    moments : when each revision of the strokes is there, in steps or seconds of training
    revisions : label images of all pictures, one list per moment: 0 unlabelled, else class index + 1
    unit : of moments and marks
    marks : when it is tested
    """

    pictures: Sequence[Picture]
    moments: Sequence[float]
    revisions: Sequence[Sequence[np.ndarray]]
    unit: Literal["steps", "seconds"]
    marks: Sequence[float]


@dataclass(frozen=True, slots=True)
class Reached:
    """A test of a rival.

    Attributes
    ----------
    on_time : False when the limit came before the mark
    masks : class index per pixel of each test image
    """

    mark: float
    steps: int
    seconds: float
    on_time: bool
    masks: list[np.ndarray] = field(repr=False)


def train_root_painter(
    program: RootPainter, lesson: Lesson, test: Sequence[Picture], rate: float, seed: int
) -> tuple[list[Reached], str]:
    """Train it; return what it reached, and why it did not reach more ("" when it did)."""
    with tempfile.TemporaryDirectory(prefix="root-painter-") as name:
        folder = Path(name)
        _write(folder, program, lesson, test, rate, seed)
        problem = _run(folder, program)
        reached = [_read(path, lesson, len(test)) for path in _marks(folder)]
    if not problem and (len(reached) < len(lesson.marks) or not reached[-1].on_time):
        problem = f"its limit of {program.limit:g} s came first"
    return reached, problem


def _write(folder: Path, program: RootPainter, lesson: Lesson, test: Sequence[Picture], rate: float, seed: int) -> None:
    arrays = {f"image_{index}": eight_bit_colour(picture) for index, picture in enumerate(lesson.pictures)}
    arrays |= {f"test_{index}": eight_bit_colour(picture) for index, picture in enumerate(test)}
    arrays["moments"] = np.asarray(lesson.moments, float)
    for number, labels in enumerate(lesson.revisions):
        arrays |= {f"labels_{number}_{index}": label for index, label in enumerate(labels)}
    np.savez_compressed(folder / "task.npz", **arrays)  # type: ignore[arg-type]
    task = {
        "images": len(lesson.pictures),
        "tests": len(test),
        "tile": program.tile,
        "batch": program.batch,
        "limit": program.limit,
        "rate": rate,
        "seed": seed,
        "unit": lesson.unit,
        "marks": list(lesson.marks),
    }
    (folder / "task.json").write_text(json.dumps(task))


def _run(folder: Path, program: RootPainter) -> str:
    command = [str(program.python), str(_SCRIPT), str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(  # noqa: S603 - our script in the environment that the user named
            command, capture_output=True, text=True, check=False, env=environment, timeout=program.limit + _GRACE_S
        )
    except subprocess.TimeoutExpired:
        return f"ended after its limit of {program.limit:g} s and {_GRACE_S:g} s more"
    return (done.stderr.strip().splitlines() or ["no word"])[-1] if done.returncode else ""


def _marks(folder: Path) -> list[Path]:
    return sorted(folder.glob("mark-*.npz"), key=lambda path: int(path.stem.partition("-")[2]))


def _read(path: Path, lesson: Lesson, tests: int) -> Reached:
    mark = lesson.marks[int(path.stem.partition("-")[2])]
    with np.load(path) as arrays:
        masks = [arrays[f"test_{index}"].astype(np.uint8) for index in range(tests)]
        return Reached(mark, int(arrays["steps"]), float(arrays["seconds"]), bool(arrays["on_time"]), masks)


def eight_bit_colour(picture: Picture) -> np.ndarray:
    """Turn pixels into the only ones that it takes, (y, x, 3): grey three times, scaled to eight bits if deeper."""
    pixels = picture.image.read(0)[:, :, :3]
    if pixels.dtype != np.uint8:
        low, high = float(pixels.min()), float(pixels.max())
        pixels = np.round((pixels.astype(np.float64) - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels[:, :, :1], 3, axis=2)
