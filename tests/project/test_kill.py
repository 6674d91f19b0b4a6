"""kill -9 of the whole napari while somebody paints and a network trains: no completed stroke is lost."""

import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from napari_unet.project.project import Project

if not sys.platform.startswith("linux") or not os.environ.get("DISPLAY"):
    pytest.skip("needs a Linux display: run under xvfb-run", allow_module_level=True)

PAINTER = """
import sys, zlib
import numpy as np, napari
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer(show=True)
viewer.add_image(np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8), name="noise")
_, panel = viewer.window.add_plugin_dock_widget("napari-unet-live")
while panel.canvas.annotation is None:
    QApplication.processEvents()
layer = panel.canvas.annotation
print("project", panel.controller.project.folder, flush=True)
hand = np.random.default_rng(int(sys.argv[1]))
number = 0
while True:
    number += 1
    if number % 5 == 0:
        layer.undo()
    else:
        with layer.block_history():
            y, x = hand.integers(10, 190, 2)
            for step in range(15):
                layer.paint((int(y), int(min(x + step, 199))), 1 + number % 2)
    QApplication.processEvents()
    print("stroke", number, zlib.crc32(np.ascontiguousarray(layer.data).tobytes()), flush=True)
"""


FIRST = 6  # strokes after which the kill may come, on a machine of any speed


def test_no_completed_stroke_is_lost(tmp_path: Path) -> None:
    """After every kill the project holds the last acknowledged state, or the one after it."""
    chance = np.random.default_rng(0)
    for seed in range(50 if os.environ.get("FAULTS") == "whole" else 3):
        home = tmp_path / str(seed)
        home.mkdir()
        environment = {**os.environ, "HOME": str(home), "NAPARI_CONFIG": str(home / "settings.yaml")}
        painter = subprocess.Popen(
            [sys.executable, "-c", PAINTER, str(seed)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert painter.stdout is not None
        seen, last = {}, 0
        folder, until = None, float("inf")
        for line in painter.stdout:
            match line.split(maxsplit=1):
                case ["project", name]:
                    folder = Path(name.strip())
                case ["stroke", rest]:
                    last, crc = (int(part) for part in rest.split())
                    seen[last] = crc
                    if last == FIRST:
                        until = time.monotonic() + chance.uniform(0, 4)
            if time.monotonic() > until:
                os.kill(painter.pid, signal.SIGKILL)
                until = float("inf")
        painter.wait()
        painter.stdout.close()
        assert folder is not None
        assert last >= FIRST
        with Project(folder, read_only=True) as project:
            assert project.integrity() == []
            stored = project.strokes.plane(1, 0)
        # The stroke in hand when the kill came may be there already: painted, committed, not yet acknowledged.
        after = replay(seed, last + 1)
        assert zlib.crc32(np.ascontiguousarray(stored).tobytes()) in {seen[last], after}


def replay(seed: int, strokes: int) -> int:
    """Checksum after so many strokes in a layer that nobody kills."""
    from napari.layers import Labels

    layer = Labels(np.zeros((200, 200), np.uint8))
    layer.brush_size = 9
    hand = np.random.default_rng(seed)
    for number in range(1, strokes + 1):
        if number % 5 == 0:
            layer.undo()
            continue
        with layer.block_history():
            y, x = hand.integers(10, 190, 2)
            for step in range(15):
                layer.paint((int(y), int(min(x + step, 199))), 1 + number % 2)
    return zlib.crc32(np.ascontiguousarray(layer.data).tobytes())
