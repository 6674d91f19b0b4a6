"""Strokes against kills and power cuts: how many were acknowledged, how many were lost.

    python -m benchmarks.reliability --kills 50 --cuts 500

Prints JSON. The painter is a process of its own that commits strokes as fast as it can and acknowledges each on its
standard output; what is in the project afterwards is compared with the same strokes painted where nobody kills.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from napari_unet.images.image import Image
from napari_unet.project.database import DATABASE
from napari_unet.project.project import Project

SIDE = 300
_WAL = f"{DATABASE}-wal"
_PAGE = 4096


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--paint", nargs=3, help="be the painter: project, first stroke, seed")
    options = parser.parse_args()
    if options.paint:
        paint(Path(options.paint[0]), int(options.paint[1]), int(options.paint[2]))
    with tempfile.TemporaryDirectory() as folder:
        found = {"kills": kills(Path(folder), options.kills), "power cuts": power_cuts(Path(folder), options.cuts)}
    print(json.dumps(found, indent=1))


def stroke(labels: UInt8[np.ndarray, "y x"], number: int, seed: int) -> UInt8[np.ndarray, "y x"]:
    """Return the labels after one more stroke."""
    y, x = np.random.default_rng((seed, number)).integers(0, SIDE - 40, 2)
    after = labels.copy()
    after[y : y + 9, x : x + 40] = 1 + number % 2
    return after


def new_project(folder: Path) -> Path:
    """Make a project with an image and no strokes."""
    with Project(folder) as project:
        for _ in range(2):
            project.add_class()
        project.add_image(Image("drawn", np.arange(SIDE * SIDE).reshape(SIDE, SIDE), "yx"))
    return folder


def paint(folder: Path, number: int, seed: int) -> None:
    """Paint until killed, and acknowledge each stroke when it is committed."""
    with Project(folder) as project:
        while True:
            project.commit(1, 0, stroke(project.strokes.plane(1, 0), number, seed))
            print(number, flush=True)
            number += 1


def kills(folder: Path, count: int) -> dict[str, Any]:
    """Kill the painter so often, at random times, and go on in the same project."""
    project_folder = new_project(folder / "kills.unet")
    chance = np.random.default_rng(0)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    painted, lost, openings = 0, 0, []
    for _ in range(count):
        command = [sys.executable, "-m", "benchmarks.reliability", "--paint", str(project_folder), str(painted), "0"]
        painter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
        assert painter.stdout is not None
        painter.stdout.readline()
        time.sleep(float(chance.uniform(0, 1)))
        os.kill(painter.pid, signal.SIGKILL)
        last = max([painted, *(int(line) for line in painter.stdout.read().split("\n") if line)])
        painter.wait()
        painter.stdout.close()
        began = time.monotonic()
        with Project(project_folder) as project:
            stored = project.strokes.plane(1, 0)
            openings.append(time.monotonic() - began)
            assert project.integrity() == []
        while painted <= last:
            labels, painted = stroke(labels, painted, 0), painted + 1
        if not np.array_equal(stored, labels):  # the stroke in hand may be there already
            labels, painted = stroke(labels, painted, 0), painted + 1
            lost += not np.array_equal(stored, labels)
    return {
        "kills": count, "strokes acknowledged": painted, "kills after which a stroke was missing": lost,
        "opening after it ms, median and longest": [round(1000 * float(f(openings)), 1) for f in (np.median, max)],
    }  # fmt: skip


def power_cuts(folder: Path, count: int, strokes: int = 24) -> dict[str, Any]:
    """Cut the power so often while strokes are painted, the log flushed at every sixth; then open what is left."""
    states = [np.zeros((SIDE, SIDE), np.uint8)]
    source = new_project(folder / "power.unet")
    moments = []
    with Project(source) as project:
        synced = 0
        for number in range(strokes):
            states.append(stroke(states[-1], number, 1))
            project.commit(1, 0, states[-1])
            if number % 6 == 5:
                project.flush()
                synced = (source / _WAL).stat().st_size
            moments.append((number + 1, number // 6 * 6 + 6 * (number % 6 == 5), synced, (source / _WAL).read_bytes()))
        data = (source / DATABASE).read_bytes()
    chance = np.random.default_rng(0)
    unreadable, missing, most = 0, 0, 0
    for _ in range(count):
        painted, safe, synced, log = moments[int(chance.integers(len(moments)))]
        left = folder / "left.unet"
        left.mkdir()
        (left / DATABASE).write_bytes(data)
        (left / _WAL).write_bytes(after_power_loss(log, synced, chance))
        with Project(left) as project:
            stored = project.strokes.plane(1, 0)
            matches = [n for n, state in enumerate(states[: painted + 1]) if np.array_equal(stored, state)]
            unreadable += bool(project.integrity()) or not matches
        found = max(matches, default=0)
        missing += found < safe
        most = max(most, painted - found)
        shutil.rmtree(left)
    return {
        "cuts": count, "projects not whole": unreadable, "cuts after which a flushed stroke was missing": missing,
        "most strokes lost that were not flushed": most,
    }  # fmt: skip


def after_power_loss(log: bytes, synced: int, chance: np.random.Generator) -> bytes:
    """Return what may be left of an appended file after a power cut: what was flushed, then anything.

    Pages that were not flushed are, each by itself, there, zero, half or garbage, and the end is cut anywhere.
    """
    left = bytearray(log)
    for start in range(synced, len(left), _PAGE):
        end = min(start + _PAGE, len(left))
        match chance.integers(4):
            case 0:
                left[start:end] = bytes(end - start)
            case 1:
                left[start:end] = chance.bytes(end - start)
            case 2:
                half = (start + end) // 2
                left[half:end] = bytes(end - half)
    return bytes(left[: int(chance.integers(synced, len(left) + 1))])


if __name__ == "__main__":
    main()
