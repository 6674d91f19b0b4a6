"""What training costs the hand: gaps in the window's event loop and the delay of the brush, idle against training.

Measured twice, each time in a fresh process: with the worker as it is, a process, and with the same engine in a thread
of the window's own process, which is why it is a process.
"""

import argparse
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer

from benchmarks.report import machine, table
from benchmarks.simulated_strokes import strokes_over
from benchmarks.window import PaintingWindow, scene
from napari_unet.protocol.child_process import child_environment
from napari_unet.protocol.messages import Alive, Ready

SIDE = 2048
Home = Literal["process", "thread"]
_TIMER_MS = 20
_BINS_MS = (25, 40, 60, 100, 200)  # upper ends of the histogram
_MOVE_PAUSE_MS = 30  # from a drawing to the next move
_MOVES_PER_STROKE = 20
_STROKE_PX = 12  # of the image between two moves
_WARM_STEPS = 3
_WARM_WITHIN_S = 400.0
_SETTLE_S = 2.0
_DRAW_WITHIN_MS = 5000


@dataclass(frozen=True, slots=True)
class Feel:
    """Delays that the user feels, in milliseconds."""

    gaps: list[float]  # between two ticks of the timer while nothing is painted
    gaps_painting: list[float]
    latencies: list[float]  # from the moment a brush move is due to the drawing that shows it
    steps: int  # of training meanwhile


class ThreadWorker:
    """The worker's engine in a thread of this process, spoken to as the panel speaks to the worker process."""

    exit_code = None

    def __init__(self, log: Path) -> None:
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def send(self, message: Any) -> None:
        """Take a message, as the client of the worker process does."""
        self._inbox.put(message)

    def kill(self) -> None:
        """Do nothing: there is no process to end."""

    def poll(self) -> list[Any]:
        """Return what was answered, as the client of the worker process does."""
        return [Alive(), *(self._outbox.get_nowait() for _ in range(self._outbox.qsize()))]

    def close(self) -> None:
        """End the thread, as the client ends the worker process."""
        self._inbox.put(None)
        self._thread.join()

    def _serve(self) -> None:
        # Here, not above: torch must not be in the process that measures the real worker.
        from napari_unet.network.device import choose_device, set_threads
        from napari_unet.worker.__main__ import turn
        from napari_unet.worker.engine import Engine
        from napari_unet.worker.heartbeat import Heartbeat

        set_threads()
        device = choose_device(os.environ.get("NAPARI_UNET_DEVICE", "auto"))
        self._outbox.put(Ready(device.kind, device.reason))
        engine = Engine(self._outbox.put, device)
        heartbeat = Heartbeat(self._outbox.put)
        while turn(engine, self._inbox, heartbeat):
            pass
        engine.save()


def feel(window: PaintingWindow, seconds: float, moves: int, seed: int) -> Feel:
    first_step = _step(window)
    gaps = timer_gaps(window, seconds)
    with_brush: list[float] = []
    latencies = brush_latencies(window, moves, with_brush, seed)
    return Feel(gaps, with_brush, latencies, _step(window) - first_step)


def timer_gaps(window: PaintingWindow, seconds: float) -> list[float]:
    ticks: list[float] = []
    timer = ticking(ticks)
    window.wait(seconds)
    timer.stop()
    return _gaps(ticks)


def brush_latencies(window: PaintingWindow, moves: int, gaps: list[float], seed: int) -> list[float]:
    """Paint strokes of 20 moves, each waiting for its drawing; fill ``gaps`` with those of the timer meanwhile."""
    random = np.random.default_rng(seed)
    brush = _Brush(window)
    latencies: list[float] = []
    while len(latencies) < moves:
        side = window.panel.canvas.annotation.data.shape[-1]
        start = random.uniform(side * 0.1, side * 0.9 - _STROKE_PX * _MOVES_PER_STROKE, 2)
        window.paint_with(1 + int(random.integers(2)))
        window.press(start)
        ticks: list[float] = []
        timer = ticking(ticks)
        latencies += [brush.move(start + _along(number + 1)) for number in range(_MOVES_PER_STROKE)]
        timer.stop()
        gaps += _gaps(ticks)
        window.release(start + _along(_MOVES_PER_STROKE))
        window.wait(0.5)
    return latencies[:moves]


def _along(moves: int) -> np.ndarray:
    return np.array((0, _STROKE_PX * moves))


class _Brush:
    """A brush that moves once at a time, timed from when it is due, so that a busy event loop counts as delay."""

    def __init__(self, window: PaintingWindow) -> None:
        self._window = window
        self._loop = QEventLoop()
        self._moved = False
        self._drawn = 0.0
        window.on_draw(self._note)

    def move(self, point: np.ndarray) -> float:
        """Return the milliseconds of a move; NaN when nothing was drawn within five seconds."""
        self._moved = False
        self._drawn = float("nan")
        due = time.perf_counter() + _MOVE_PAUSE_MS / 1000
        start, end = (QTimer(singleShot=True) for _ in range(2))
        start.setTimerType(Qt.TimerType.PreciseTimer)
        start.timeout.connect(lambda: self._send(point))
        end.timeout.connect(self._loop.quit)
        start.start(_MOVE_PAUSE_MS)
        end.start(_DRAW_WITHIN_MS)
        self._loop.exec()
        end.stop()
        return 1000 * (self._drawn - due)

    def _send(self, point: np.ndarray) -> None:
        self._window.move(point)
        self._moved = True  # the stroke is in the layer: the next drawing shows it

    def _note(self, now: float) -> None:
        if self._moved:
            self._moved = False
            self._drawn = now
            self._loop.quit()


def ticking(ticks: list[float]) -> QTimer:
    """Note the time at every tick of a 20 ms timer, until it is stopped."""
    timer = QTimer(interval=_TIMER_MS)
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start()
    return timer


def _gaps(ticks: list[float]) -> list[float]:
    return [1000 * float(gap) for gap in np.diff(ticks)]


def _step(window: PaintingWindow) -> int:
    progress = window.panel.training.progress
    return progress.step if progress else 0


# One home of the engine, in a process of its own


def measure_home(home: Home, seconds: float, moves: int, side: int) -> dict[str, Any]:
    """Measure idle and training, in this process."""
    painted = scene(side)
    window = PaintingWindow(painted.pixels)
    if np.any(window.panel.canvas.annotation.data):
        raise SystemExit("the home folder has a project of an earlier run: let HOME name an empty folder")
    controller = window.panel.controller
    if home == "thread":
        controller.training.stop()
        controller.worker.start_process = ThreadWorker
        controller.training.allow()
        controller.worker.launch()
    strokes = strokes_over(painted.truth, 2, 0)
    window.warm_up([strokes[0], strokes[5], strokes[1], strokes[6]], _WARM_STEPS, _WARM_WITHIN_S)
    device = window.panel.details.device.text()
    controller.training.stop()
    window.wait(_SETTLE_S)
    idle = feel(window, seconds, moves, seed=1)
    before = _step(window)
    controller.training.start()
    if not window.wait(_WARM_WITHIN_S, lambda: _step(window) > before + 2):
        raise RuntimeError(f"training did not go on: {window.panel.status_line.text()}")
    training = feel(window, seconds, moves, seed=2)
    has_torch = "torch" in sys.modules
    window.close()
    if has_torch != (home == "thread"):
        raise RuntimeError(f"torch in the window's process: {has_torch}, with the engine in a {home}")
    facts = {"image": f"{side} x {side} image ({painted.origin})", "device": device}
    return {"idle": asdict(idle), "training": asdict(training), "facts": facts}


def in_fresh_process(home: Home, seconds: float, moves: int, side: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.responsiveness", "--home", home, "--write", str(result)]
        command += ["--seconds", str(seconds), "--moves", str(moves), "--side", str(side)]
        # A thread cannot have an environment of its own, so its process gets the worker's: the same OpenMP settings.
        environment = child_environment(dict(os.environ)) if home == "thread" else dict(os.environ)
        environment["HOME"] = environment["USERPROFILE"] = folder
        subprocess.run(command, env=environment, check=True)  # noqa: S603 - our own module
        found: dict[str, Any] = json.loads(result.read_text())
        return found


# The tables


def report(homes: dict[Home, dict[str, Any]], seconds: float, moves: int) -> str:
    facts = homes["process"]["facts"]
    note = (
        f"{facts['image']}, worker: {facts['device']}. Event loop: gaps between the ticks of a "
        f"{_TIMER_MS} ms timer, {seconds:g} s without painting and then while painting. Brush: {moves} simulated moves "
        f"of {_STROKE_PX} px, strokes of {_MOVES_PER_STROKE}, from the moment a move is due to the end of the next "
        f"drawing of the canvas. Idle: the worker stopped, prediction still shown. Training: training and predicting, "
        f"every stroke committed. Thread: the same engine in a thread of the window's process, as many torch threads, "
        f"same image and strokes; a thread has no priority of its own. Each home in a fresh process with its own idle "
        f"measurement; ratios are training / idle. One run; a screen without a graphics card (Xvfb) draws on the "
        f"processor. {machine('napari', 'torch')}."
    )
    steps = ", ".join(f"{home} {found['training']['steps']}" for home, found in homes.items())
    parts = ["## Responsiveness", _values_table(homes), _histogram_table(homes), f"Training steps meanwhile: {steps}."]
    return "\n\n".join([*parts, note, ""])


def _values_table(homes: dict[Home, dict[str, Any]]) -> str:
    rows = []
    measures = (("gaps", "event loop gap"), ("gaps_painting", "event loop gap while painting"), ("latencies", "brush"))
    for key, name in measures:
        for statistic in ("p50", "p99", "max"):
            row = [f"{name}, {statistic}"]
            for found in homes.values():
                idle, training = (_statistic(found[state][key], statistic) for state in ("idle", "training"))
                row += [f"{idle:.0f} ms", f"{training:.0f} ms", f"{training / idle:.2f}"]
            rows.append(row)
    header = ["measure"]
    for home in homes:
        header += [f"{home}: idle", f"{home}: training", f"{home}: ratio"]
    return table(header, rows)


def _histogram_table(homes: dict[Home, dict[str, Any]]) -> str:
    edges = (0, *_BINS_MS, float("inf"))
    names = [f"up to {_BINS_MS[0]} ms", *(f"to {end} ms" for end in _BINS_MS[1:]), f"over {_BINS_MS[-1]} ms"]
    rows = []
    for home, found in homes.items():
        for state in ("idle", "training"):
            for key, name in (("gaps", ""), ("gaps_painting", ", painting")):
                counts, _ = np.histogram(found[state][key], edges)
                rows.append([f"{home}, {state}{name}", str(counts.sum()), *map(str, counts)])
    return table(["gaps of the event loop", "n", *names], rows)


def _statistic(values: list[float], name: str) -> float:
    if not np.isfinite(values).any():
        return float("nan")
    return float(np.nanpercentile(values, {"p50": 50, "p99": 99, "max": 100}[name]))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement of the event loop")
    parser.add_argument("--moves", type=int, default=200, help="of the brush in each state")
    parser.add_argument("--side", type=int, default=SIDE, help="of the image in pixels")
    parser.add_argument("--home", choices=("process", "thread"), help="only this one, written as JSON")
    parser.add_argument("--write", type=Path, help="where that goes")
    options = parser.parse_args(arguments)
    if options.home:
        options.write.write_text(json.dumps(measure_home(options.home, options.seconds, options.moves, options.side)))
        return
    homes: dict[Home, dict[str, Any]] = {
        home: in_fresh_process(home, options.seconds, options.moves, options.side) for home in ("process", "thread")
    }
    print(report(homes, options.seconds, options.moves))


if __name__ == "__main__":
    main()
