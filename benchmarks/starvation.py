"""Measure how long the overlay stands still while strokes come faster than a head is fitted.

    python -m benchmarks.starvation

Project, controller and worker take part, without a window: a hand paints short strokes of two classes on a photograph
of 512 x 512 px, one after each interval, and looks at all of it. Printed for each interval, after a first answer: the
longest time in which no tile came while strokes did, the number of tiles, and how long after the last stroke the
worker had answered all of them (the backlog). ``--load`` keeps so many processors busy besides.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage import data

from napari_unet.controller.controller import Controller
from napari_unet.controller.worker_process import WorkerProcess
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.protocol.messages import Progress, Tile

_INTERVALS_S = (0.2, 0.3, 0.5, 1.0)
_BURST_S = 15.0
_PATIENCE_S = 180.0
_POLL_S = 0.02
_ON_THE_WAY_S = 0.1  # that a message takes at most


class Session:
    """Paints in a project with a worker, and notes when tiles came.

    Attributes
    ----------
    tiles : seconds of the monotonic clock at which each tile came
    progress : the newest report of the worker; None before the first
    """

    def __init__(self, folder: Path) -> None:
        pixels = data.camera()
        self.tiles: list[float] = []
        self.progress: Progress | None = None
        self._controller = Controller(WorkerProcess)
        self._controller.subscribe(Tile, lambda *_: self.tiles.append(time.monotonic()))
        self._controller.subscribe(Progress, self._note)
        self._project = self._controller.open_project(folder / "burst.unet")
        record = self._project.add_image(Image("camera", pixels, "yx"))
        for name in ("dark", "bright"):
            self._project.add_class(name)
        self._controller.show_image(record)
        self._controller.view.look(0, Region(0, 0, *pixels.shape))
        self._bright = pixels > np.median(pixels)
        self._labels = np.zeros(pixels.shape, np.uint8)
        self._random = np.random.default_rng(0)

    def paint(self) -> None:
        """Commit a stroke of 3 x 30 px at random; each pixel gets the class that its brightness says."""
        height, width = self._labels.shape
        y, x = self._random.integers(0, (height - 3, width - 30))
        part = slice(y, y + 3), slice(x, x + 30)
        self._labels[part] = 1 + self._bright[part]
        self._controller.strokes.commit(0, self._labels.copy())

    def begin(self) -> None:
        """Paint slowly until the first tile comes."""
        while not self.tiles:
            self.paint()
            self.wait(lambda: bool(self.tiles), 1.0)

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Hear the worker until something holds; tell whether it does after so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._controller.tick()
            if until():
                return True
            time.sleep(_POLL_S)
        return until()

    @property
    def is_answered(self) -> bool:
        """Tell whether the network on screen answers to every stroke."""
        return self.progress is not None and not self.progress.behind

    def close(self) -> None:
        """End the worker."""
        self._controller.close()

    def _note(self, report: Progress) -> None:
        self.progress = report


def burst(session: Session, interval: float, seconds: float) -> dict[str, float | int]:
    """Paint a stroke after each interval for so many seconds."""
    before, began = len(session.tiles), time.monotonic()
    strokes = 0
    while time.monotonic() < began + seconds:
        session.paint()
        strokes += 1
        session.wait(lambda: False, max(0.0, began + strokes * interval - time.monotonic()))
    ended = time.monotonic()
    during = [came for came in session.tiles[before:] if came <= ended]
    session.wait(lambda: False, _ON_THE_WAY_S)
    session.progress = None  # what was said before the last stroke came says nothing about it
    session.wait(lambda: session.is_answered, _PATIENCE_S)
    gaps = np.diff([began, *during, ended])
    return {
        "interval s": interval, "strokes": strokes, "tiles": len(during),
        "longest without a tile s": round(float(gaps.max()), 2), "backlog s": round(time.monotonic() - ended, 2),
    }  # fmt: skip


def _spin() -> None:
    while True:
        pass


def main() -> None:
    """Run every interval in a session of its own, and print what was found as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=_BURST_S)
    parser.add_argument("--load", type=int, default=0, help="processes that keep processors busy")
    options = parser.parse_args()
    os.environ.setdefault("NAPARI_UNET_DEVICE", "cpu")
    others = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(options.load)]
    for other in others:
        other.start()
    for interval in _INTERVALS_S:
        with tempfile.TemporaryDirectory() as folder:
            session = Session(Path(folder))
            session.begin()
            print(json.dumps(burst(session, interval, options.seconds)), flush=True)
            session.close()
    for other in others:
        other.terminate()


if __name__ == "__main__":
    main()
