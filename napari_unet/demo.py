"""The whole job on a real bundled image: paint given strokes, train, overlay, Dice, export."""

import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.errors import UserError

if TYPE_CHECKING:
    from napari_unet.gui.panel import Panel  # not earlier than the window, whose start it would delay

_SCREEN = "-screen 0 1400x900x24 +extension GLX"
_STROKE_S = 0.4  # between two strokes: a quick hand
_PATIENCE_S = 120.0
_UNDER_XVFB = "NAPARI_UNET_DEMO_SCREEN"


def run_demo(out: Path, seconds: float, say: Callable[[str], object], *, headless: bool) -> int:
    """Show the plugin at work; return the exit status.

    Parameters
    ----------
    out : gets the project, the mask, the objects table and a screenshot of the window
    seconds : of training
    say : told each line of the result
    headless : under a virtual screen, and the window closes at the end
    """
    out.mkdir(parents=True, exist_ok=True)
    no_screen = sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if (headless or no_screen) and sys.platform == "linux" and _UNDER_XVFB not in os.environ:
        return _run_under_virtual_screen(out, seconds)
    return _run_in_window(out, seconds, say, headless=headless)


def _run_under_virtual_screen(out: Path, seconds: float) -> int:
    runner = shutil.which("xvfb-run")
    if runner is None:
        raise UserError(
            "NU-C07", "there is no display and no xvfb-run", "demo", "run `sudo apt-get install xvfb xauth`"
        )
    module = [
        sys.executable,
        "-m",
        "napari_unet.cli",
        "demo",
        "--headless",
        "--out",
        str(out),
        "--seconds",
        str(seconds),
    ]
    environment = {**os.environ, _UNDER_XVFB: "1", "QT_QPA_PLATFORM": "xcb"}
    return subprocess.run([runner, "-a", "-s", _SCREEN, *module], env=environment, check=False).returncode


def _run_in_window(out: Path, seconds: float, say: Callable[[str], object], *, headless: bool) -> int:
    import napari
    from qtpy.QtCore import QTimer

    viewer = napari.Viewer()
    viewer.window.resize(1380, 860)
    output = sys.stdout

    def say_result(line: str) -> None:
        with contextlib.redirect_stdout(output):
            say(line)

    script = Script(viewer, out, seconds, say_result, headless=headless)
    timer = QTimer(interval=20)
    timer.timeout.connect(script.advance)
    timer.start()
    # napari prints what it notifies of, also where nobody reads the output.
    with contextlib.redirect_stdout(sys.stderr):
        napari.run()
    timer.stop()
    if script.failure is not None:
        raise script.failure
    return 0


class Script:
    """Plays the biologist: ``advance`` goes on as soon as what it waits for has come."""

    def __init__(self, viewer: Any, out: Path, seconds: float, say: Callable[[str], object], *, headless: bool) -> None:
        self.failure: Exception | None = None
        self._panel: Panel
        self._viewer = viewer
        self._out = out
        self._seconds = seconds
        self._say = say
        self._headless = headless
        self._acts: Iterator[Callable[[], bool]] = self._play()
        self._wait: Callable[[], bool] = lambda: True
        self._deadline = time.monotonic() + _PATIENCE_S

    def advance(self) -> None:
        """Do the next act if the last one has had its effect."""
        try:
            if not self._wait():
                if time.monotonic() > self._deadline:
                    status, fix = self._panel.status_line.text(), "see worker.log in the project"
                    raise UserError("NU-C08", "the demo waits in vain", status, fix)
                return
            self._wait = next(self._acts, _never)
            # After the last act the window is the user's, for as long as they like.
            patience = math.inf if self._wait is _never else self._seconds + _PATIENCE_S
            self._deadline = time.monotonic() + patience
        except Exception as error:  # noqa: BLE001 - it ends the demo, and is raised again once the window is closed
            self.failure = error
            self._viewer.close()

    def _play(self) -> Iterator[Callable[[], bool]]:
        given = json.loads(files("napari_unet").joinpath("demo_strokes.json").read_text(encoding="utf-8"))
        yield from self._open(given["classes"])
        for class_id, points in given["strokes"]:
            self._paint(class_id, points, given["brush"][class_id - 1])
            yield _after(_STROKE_S)
        yield _after(self._seconds / 2)
        self._picture("training.png")
        yield _after(self._seconds / 2)
        self._panel.training.button.click()
        yield self._is_settled
        self._panel.export_row.export(self._out, ("tiff", "png", "csv"))
        yield lambda: bool(self._panel.export_row.exported.text())
        yield _after(0.5)
        self._finish()

    def _open(self, classes: list[str]) -> Iterator[Callable[[], bool]]:
        from napari_unet.gui.hooks.sample import stained_tissue

        (pixels, place, _), *_ = stained_tissue()
        _, self._panel = self._viewer.window.add_plugin_dock_widget("napari-unet-live")
        # The demo has its own fresh project, so the panel must not make one of its own first.
        self._panel.open_project(_unused(self._out, place["name"]))
        layer = self._viewer.add_image(pixels, **place)
        yield _after(0.5)
        self._panel.choose_image(layer)
        project = self._panel.controller.present_project()
        while len(project.classes.all()) < len(classes):
            self._panel.class_table.added.emit()
        for label, name in zip(project.classes.all(), classes, strict=True):
            self._panel.class_table.renamed.emit(label.id, name)
        self._viewer.reset_view()
        yield _after(0.5)
        self._picture("start.png")

    def _paint(self, class_id: int, points: list[list[int]], brush: int) -> None:
        self._panel.class_table.select(class_id)
        layer: Any = self._panel.canvas.annotation  # of napari
        layer.brush_size = brush
        with layer.block_history():
            for (y0, x0), (y1, x1) in pairwise(points):
                count = int(max(abs(y1 - y0), abs(x1 - x0))) + 1
                for y, x in zip(np.linspace(y0, y1, count), np.linspace(x0, x1, count), strict=True):
                    layer.paint((round(y), round(x)), class_id)

    def _is_settled(self) -> bool:
        state = self._panel.training.progress
        return state is not None and state.state == "paused" and state.waiting_tiles == 0

    def _finish(self) -> None:
        picture = self._picture("window.png")
        project = self._panel.controller.present_project()
        estimate = self._panel.score_card.estimate
        for line in (
            f"project     {project.folder}",
            f"screenshot  {picture.absolute()}",
            self._panel.export_row.exported.text(),
            estimate.headline.text(),
            *(f"  {name.text()}: {said.text()}" for name, said in estimate.rows),
        ):
            self._say(line)
        if self._headless:
            self._viewer.close()

    def _picture(self, name: str) -> Path:
        """Save the whole window as it is."""
        path = self._out / name
        self._viewer.screenshot(str(path), canvas_only=False, flash=False)
        return path


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def _never() -> bool:
    return False


def _unused(folder: Path, stem: str) -> Path:
    number = 1
    while (path := folder / (f"{stem}.unet" if number == 1 else f"{stem}-{number}.unet")).exists():
        number += 1
    return path
