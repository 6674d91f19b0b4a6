"""Hours of work in minutes: strokes, new overlays, changes of image and deaths of the worker; what grows is printed.

    python -m benchmarks.soak --strokes 20000 --overlays 2000 --switches 200 --restarts 50

Everything but the window itself takes part: project, controller, worker. Memory is read from the system after a
collection of garbage; the slope is a straight line through its last three quarters.
"""

import argparse
import gc
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.config import Settings
from napari_unet.controller.controller import Controller
from napari_unet.controller.worker_process import WorkerProcess
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project
from napari_unet.protocol.messages import Tile

_SIDE = 256
_IMAGES = 4
_PATIENCE_S = 120.0
_OVERLAY_S = 2.0  # at most to wait for a tile; a plane that is shown already brings none


@dataclass
class Usage:
    """The resources that the process and its worker held, over time."""

    own: list[float] = field(default_factory=list)  # MiB
    worker: list[float] = field(default_factory=list)  # MiB
    handles: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    children: list[int] = field(default_factory=list)

    def look(self, worker: int) -> None:
        """Take note of the present."""
        gc.collect()
        self.own.append(resident(os.getpid()))
        self.worker.append(resident(worker))
        self.handles.append(len(os.listdir("/proc/self/fd")))
        self.threads.append(len(os.listdir("/proc/self/task")))
        self.children.append(len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))

    def summary(self, strokes: int) -> dict[str, Any]:
        """Return what was held after the warm-up and at the end, and the growth per 1000 of these strokes."""
        return {
            "own MiB after warm-up and at the end": _ends(self.own),
            "own MiB per 1000 strokes": round(_slope(self.own) * len(self.own) / max(1, strokes) * 1000, 2),
            "worker MiB, highest": round(max(self.worker), 1),
            "handles": _ends(self.handles), "threads": _ends(self.threads), "children": _ends(self.children),
        }  # fmt: skip


def main() -> None:
    """Run one soak and print what it found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("strokes", 400), ("overlays", 40), ("switches", 10), ("restarts", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    os.environ.setdefault("NAPARI_UNET_DEVICE", "cpu")
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder), options.strokes, options.overlays, options.switches, options.restarts)
    print(json.dumps(found, indent=1))


def soak(folder: Path, strokes: int, overlays: int, switches: int, restarts: int) -> dict[str, Any]:
    """Do so many of each, evenly mixed; return what was held at the beginning and at the end, and what was lost."""
    clients: list[WorkerProcess] = []
    tiles = [0]

    def start(log: Path) -> WorkerProcess:
        clients.append(WorkerProcess(log))
        return clients[-1]

    def count_tile(*_: object) -> None:
        tiles[0] += 1

    controller = Controller(start)
    controller.subscribe(Tile, count_tile)
    began = time.monotonic()
    records = _add_images(controller.open_project(folder / "soak.unet"))
    labels = {record.id: np.zeros((_SIDE, _SIDE), np.uint8) for record in records}
    chance = np.random.default_rng(0)
    usage = Usage()
    every = {name: max(1, strokes // max(1, count)) for name, count in
             (("overlay", overlays), ("switch", switches), ("restart", restarts))}  # fmt: skip
    shown, recovery, slowest = records[0], [], 0.0
    controller.show_image(shown)
    for number in range(strokes):
        painted = labels[shown.id]
        y, x = chance.integers(0, _SIDE - 20, 2)
        painted[y : y + 4, x : x + 20] = chance.integers(0, 3)
        stroke_began = time.monotonic()
        controller.strokes.commit(0, painted.copy())
        slowest = max(slowest, time.monotonic() - stroke_began)
        controller.tick()
        if number % every["overlay"] == 0:
            controller.view.look(0, Region(0, 0, int(chance.integers(100, _SIDE)), _SIDE))
            wanted = tiles[0] + 1
            _until(controller, lambda wanted=wanted: tiles[0] >= wanted, _OVERLAY_S)
        if number % every["switch"] == every["switch"] - 1:
            shown = records[int(chance.integers(_IMAGES))]
            controller.show_image(shown)
            controller.view.look(0, Region(0, 0, _SIDE, _SIDE))
        if number % every["restart"] == every["restart"] - 1:
            controller.worker.forget_deaths()  # so many in a minute would be given up
            killed, count, wanted = time.monotonic(), len(clients) + 1, tiles[0] + 1
            os.kill(clients[-1].pid, signal.SIGKILL)
            _until(controller, lambda count=count: len(clients) >= count)
            if _until(controller, lambda wanted=wanted: tiles[0] >= wanted):
                recovery.append(time.monotonic() - killed)
        if number % max(1, strokes // 200) == 0 and clients[-1].exit_code is None:
            usage.look(clients[-1].pid)
    seconds = time.monotonic() - began
    controller.close()
    return {
        "seconds": round(seconds, 1), "strokes": strokes, "overlay tiles": tiles[0], "switches": switches,
        "restarts": len(recovery), "strokes lost": _lost(folder / "soak.unet", labels),
        "slowest commit ms": round(slowest * 1000, 1),
        "recovery s, median and longest": [round(float(f(recovery)), 1) for f in (np.median, max)] if recovery else [],
        **usage.summary(strokes),
    }  # fmt: skip


def _add_images(project: Project) -> list[ImageRecord]:
    """Give a project a small network and images of noise, and return the records of the images."""
    project.settings.write(Settings(tile=64, width=4, batch=1, prediction_tile=128))
    noise = [np.random.default_rng(number).integers(0, 255, (_SIDE, _SIDE), np.uint8) for number in range(_IMAGES)]
    return [project.add_image(Image(f"noise {number}", pixels, "yx")) for number, pixels in enumerate(noise)]


def _until(controller: Controller, holds: Callable[[], bool], limit: float = _PATIENCE_S) -> bool:
    """Turn the controller until something holds, or for so many seconds; tell whether it holds."""
    end = time.monotonic() + limit
    while not holds() and time.monotonic() < end:
        controller.tick()
        time.sleep(0.01)
    return holds()


def _lost(folder: Path, labels: dict[int, np.ndarray]) -> int:
    """Count the images whose strokes are not those that were painted."""
    with Project(folder, read_only=True) as project:
        return sum(
            not np.array_equal(project.strokes.plane(image_id, 0), painted) for image_id, painted in labels.items()
        )


def resident(pid: int) -> float:
    """Return the MiB that a process holds in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _ends(values: list[Any]) -> list[Any]:
    quarter = values[len(values) // 4 :]
    return [round(quarter[0], 1), round(quarter[-1], 1)]


def _slope(values: list[float]) -> float:
    """Return the slope of a straight line through the last three quarters, per reading."""
    last = np.array(values[len(values) // 4 :])
    return float(np.polyfit(np.arange(len(last)), last, 1)[0]) if len(last) > 1 else 0.0


if __name__ == "__main__":
    main()
