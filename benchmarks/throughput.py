"""A whole plane in tiles beside the bare network on the same pixels, on one thread, in one run.

The bare network sees the plane as one tensor: nothing is read, cut, mirrored, classified or put together. All take
turns, and times are processor times, so that whatever else the machine does weighs on all of them alike.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from benchmarks.report import machine, table
from napari_unet.freed_memory import keep_freed_memory
from napari_unet.network.base import from_base, package_base
from napari_unet.network.device import choose_device, set_threads
from napari_unet.network.inference import Predictor
from napari_unet.prediction.plane import predict_plane, whole_plane_tile

GOAL = 0.9


def measure(side: int, channels: int, tiles: Sequence[int], rounds: int) -> dict[str, list[float]]:
    """Return the processor seconds of each round: the bare network first, then each tile."""
    network = from_base(package_base(), channels, 2).eval()
    predictor = Predictor(network, (1, 2), choose_device("cpu"))
    plane = np.random.default_rng(0).random((side, side, channels), np.float32)
    whole = torch.from_numpy(plane).permute(2, 0, 1)[None]

    def bare() -> None:
        with torch.inference_mode():
            network(whole)

    jobs: dict[str, Callable[[], object]] = {"bare network, one piece": bare}
    for tile in tiles or [whole_plane_tile(predictor)]:
        jobs[f"tiles of {tile} px"] = lambda tile=tile: predict_plane(predictor, plane, tile)
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            began = time.process_time()
            job()
            seconds[name].append(time.process_time() - began)
    return seconds


def report(seconds: dict[str, list[float]], side: int, channels: int, kept: bool) -> str:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    bare = next(iter(medians.values()))
    rows = [
        [name, f"{value:.2f} s", f"{side * side / value / 1e6:.2f}", f"{bare / value:.2f}"]
        for name, value in medians.items()
    ]
    rounds = len(next(iter(seconds.values())))
    note = (
        f"{side} x {side} px, {channels} channels, preset `fast`, median of {rounds} rounds; "
        f"freed memory {'kept, as the worker does' if kept else 'given back to the system'}. {machine()}"
    )
    head = ["", "processor time", "MPix/s", f"share of the bare network (goal {GOAL})"]
    return "\n\n".join(["## Throughput of whole planes", table(head, rows), note])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--tiles", type=int, nargs="*", default=[], help="by default what the program chooses")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--give-back", action="store_true", help="leave the C library as it is")
    options = parser.parse_args(arguments)
    set_threads(1)
    kept = not options.give_back and keep_freed_memory()
    print(
        report(
            measure(options.side, options.channels, options.tiles, options.rounds), options.side, options.channels, kept
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
