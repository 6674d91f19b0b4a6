"""How long the window stands still while the panel opens, the first overlay comes and the window closes.

A first use: an empty home, strokes of two classes, and the first answer. With ``--stacks`` it prints what Python did
whenever the event loop stood still.
"""

import argparse
import sys
import threading
import time
import traceback
from collections.abc import Sequence

import numpy as np

from benchmarks.report import machine, table
from benchmarks.responsiveness import ticking
from benchmarks.simulated_strokes import strokes_over
from benchmarks.window import PaintingWindow, scene

SIDE = 1024
_LONG_MS = 80.0
_AFTER_S = 10.0  # of watching once the overlay is there
_WITHIN_S = 120.0


def watch(ticks: list[float]) -> None:
    """Print the stack of the main thread, from another thread, whenever the ticks of its event loop stay away."""
    main, told = threading.main_thread().ident or 0, 0.0
    while True:
        time.sleep(0.01)
        last = ticks[-1] if ticks else 0.0
        late = 1000 * (time.perf_counter() - last)
        if last and late > _LONG_MS and last != told:
            told = last
            lines = traceback.format_stack(sys._current_frames()[main])[-14:]
            print(f"--- {late:.0f} ms\n{''.join(lines)}", file=sys.stderr)


def measure(side: int, stacks: bool) -> dict[str, float]:
    """Return milliseconds by what they are of, and seconds to the overlay."""
    painted = scene(side)
    found: dict[str, float] = {}
    window = PaintingWindow(painted.pixels)
    found["opening the panel"] = 1000 * window.opening_s
    ticks: list[float] = []
    timer = ticking(ticks)
    processor: list[float] = []  # seconds that the window's thread has computed, at every tick
    timer.timeout.connect(lambda: processor.append(time.thread_time()))
    if stacks:
        threading.Thread(target=watch, args=(ticks,), daemon=True).start()
    strokes = strokes_over(painted.truth, 2, 0)
    for stroke in (strokes[0], strokes[5]):
        window.paint_with(stroke.class_index + 1)
        window.drag(stroke.path)
    began = time.monotonic()
    prediction = window.panel.canvas.prediction
    if not window.wait(_WITHIN_S, lambda: bool(np.asarray(prediction.data).any())):
        raise RuntimeError(f"no overlay: {window.panel.status_line.text()}")
    found["first part of the overlay"] = 1000 * (time.monotonic() - began)
    window.wait(_AFTER_S)
    timer.stop()
    gaps = 1000 * np.diff(ticks)
    found |= {"event loop, p50": float(np.median(gaps)), "event loop, p99": float(np.percentile(gaps, 99))}
    found["event loop, worst"] = float(gaps.max())
    found["computed between two ticks, worst"] = 1000 * float(np.diff(processor).max())
    began = time.monotonic()
    window.viewer.close()
    found["closing the window"] = 1000 * (time.monotonic() - began)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=SIDE, help="of the image in pixels")
    parser.add_argument("--stacks", action="store_true", help="print what goes on while the event loop stands still")
    options = parser.parse_args(arguments)
    found = measure(options.side, options.stacks)
    rows = [[name, f"{value:,.0f} ms"] for name, value in found.items()]
    note = (
        f"One run on a {options.side} px square. Event loop: gaps between the ticks of a 20 ms timer, from "
        f"the first stroke to {_AFTER_S:g} s after the first part of the overlay. Computed is what the window's thread "
        f"itself did; the rest of a gap is other programs. {machine('napari', 'torch')}."
    )
    print("\n\n".join(["## The first overlay", table(["what", "time"], rows), note, ""]))


if __name__ == "__main__":
    main()
