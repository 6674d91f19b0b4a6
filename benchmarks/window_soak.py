"""An hour of painting, switching and training in a window: what the window's process and the worker hold in memory.

    python -m benchmarks window_soak --minutes 60

A hand paints a stroke every few seconds on phase contrast images in a window 1400 px wide, and goes to another image
after every twenty strokes, while the worker trains. Memory is read from the system; the slope is a straight line
through the second half.
"""

import argparse
import gc
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from benchmarks.simulated_strokes import Stroke, strokes_over
from benchmarks.soak import resident
from benchmarks.window import PaintingWindow, scene

_SIDE = 1024  # px of an image
_IMAGES = 3
_STROKES_PER_IMAGE = 20
_LOOK_EVERY_S = 20.0
_WINDOW_PX = (1400, 900)


def main() -> None:
    """Run one soak and print what it found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two strokes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(soak(Path(folder), options.minutes, options.pause), indent=1))


def soak(folder: Path, minutes: float, pause: float) -> dict[str, Any]:
    """Paint for so long; return what the two processes held over time, in MiB."""
    painted = scene(_SIDE)
    paths = [folder / f"image {number}.tif" for number in range(_IMAGES)]
    for number, path in enumerate(paths):
        tifffile.imwrite(path, np.rot90(painted.pixels, number))
    strokes = [_strokes(np.rot90(painted.truth, number), number) for number in range(_IMAGES)]
    window = PaintingWindow(paths[0])
    window.panel.added_files.add(paths[1:])
    window.viewer.window._qt_window.resize(*_WINDOW_PX)
    readings: list[tuple[float, float, float]] = []
    began, count = time.monotonic(), 0
    images = [record.id for record in window.panel.controller.project.images.all()]
    while time.monotonic() < began + 60 * minutes:
        shown = count // _STROKES_PER_IMAGE % len(images)
        if count % _STROKES_PER_IMAGE == 0 and count:
            window.panel.project_images.switch(images[shown])
            window.wait(1.0)
        stroke = strokes[shown][count * 7 % len(strokes[shown])]  # both classes from the beginning
        window.paint_with(stroke.class_index + 1)
        window.drag(stroke.path + np.random.default_rng(count).integers(-30, 30, 2))
        window.wait(pause)
        count += 1
        if not readings or time.monotonic() - began - readings[-1][0] > _LOOK_EVERY_S:
            gc.collect()
            worker = window.panel.controller.worker.client
            readings.append(
                (time.monotonic() - began, resident(os.getpid()), resident(worker.pid) if worker else float("nan"))
            )
    progress = window.panel.training.progress
    window.close()
    times, own, worker_mib = (np.array(column) for column in zip(*readings, strict=True))
    return {
        "minutes": minutes, "strokes": count, "steps": progress.step if progress else 0,
        "seconds": [round(float(t)) for t in times],
        "window MiB": [round(float(v)) for v in own], "worker MiB": [round(float(v)) for v in worker_mib],
        "window MiB per hour": _slope(times, own), "worker MiB per hour": _slope(times, worker_mib),
    }  # fmt: skip


def _strokes(truth: np.ndarray, seed: int) -> list[Stroke]:
    return strokes_over(truth, 2, seed, count=20)


def _slope(times: np.ndarray, values: np.ndarray) -> float:
    """Return the MiB per hour of a straight line through the second half."""
    late = times > times[-1] / 2
    return round(float(np.polyfit(times[late], values[late], 1)[0]) * 3600, 1)


if __name__ == "__main__":
    main()
