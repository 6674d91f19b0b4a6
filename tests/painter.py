"""A process that paints strokes one after the other, and the labels that it should leave in the project."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from benchmarks.reliability import SIDE, stroke
from napari_unet.project.project import Project

PAINT = """
import sys, zlib, numpy as np
from napari_unet.project.project import Project
project = Project(sys.argv[1])
first, last, seed = (int(number) for number in sys.argv[2:5])
side = {side}
for number in range(first, last):
    hand = np.random.default_rng((seed, number))
    labels = project.strokes.plane(1, 0)
    y, x = hand.integers(0, side - 40, 2)
    labels[y : y + 9, x : x + 40] = 1 + number % 2
    project.commit(1, 0, labels)
    print(number, zlib.crc32(labels.tobytes()), flush=True)
""".replace("{side}", str(SIDE))


def states(count: int, seed: int) -> list[UInt8[np.ndarray, "y x"]]:
    """Return the labels after 0, 1, ... strokes."""
    found = [np.zeros((SIDE, SIDE), np.uint8)]
    for number in range(count):
        found.append(stroke(found[-1], number, seed))
    return found


def stored(folder: Path) -> UInt8[np.ndarray, "y x"]:
    """Return the labels that a new process finds, in a database that is sound."""
    with Project(folder) as project:
        assert project.integrity() == []
        assert project.notices == []
        labels = project.strokes.plane(1, 0)
        assert project.strokes.damaged_tiles() == []
    return labels


def acknowledged(out: str) -> int:
    """Return the number of the last stroke that was answered for; -1 when none was."""
    return max((int(line.split()[0]) for line in out.splitlines() if len(line.split()) == 2), default=-1)
