"""Whole planes beside the bare network on the same pixels, in one run: what reading, cutting and fetching cost.

The program gets raw pixels of 8 bits in memory, whose percentiles were measured before, as for every plane of a stack
but the first, and returns a mask in memory. The bare network gets normalised pixels that lie on its device already,
as one tensor, or, where the plane is larger than the program's tiles, in tiles of that size without halos; nobody
looks at its answers. All take turns.

Times are processor times of one thread on a CPU, so that whatever else the machine does weighs on all of them alike,
and the memory is that of the process. On a GPU they are wall times after everything is computed.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context

import msgspec
import numpy as np
import torch

from benchmarks.report import machine, table
from napari_unet.config import Settings
from napari_unet.freed_memory import keep_freed_memory
from napari_unet.images.image import Image
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import grid
from napari_unet.network.base import base_weights
from napari_unet.network.device import choose_device, give_back_memory, set_threads
from napari_unet.network.inference import Predictor
from napari_unet.network.presets import PRESETS
from napari_unet.prediction.mask import predict_mask
from napari_unet.prediction.plane import whole_plane_tile
from napari_unet.training.starting import Start, starting_network

GOALS = {"cuda": 0.85, "cpu": 0.9}
BARE = "bare network"


@dataclass(frozen=True)
class Case:
    """Say what is predicted, by what and where; ``once`` measures it."""

    device: str
    preset: str
    side: int
    channels: int
    keep_memory: bool


@dataclass
class Outcome:
    """Hold what one way to predict took, round by round."""

    seconds: list[float] = field(default_factory=list)
    peak: int = 0  # bytes


@cache
def prepared(case: Case) -> tuple[Predictor, NormalisedPlanes, torch.Tensor]:
    """Return what predicts, the image, and its normalised pixels on the device."""
    set_threads(1)
    if case.keep_memory:
        keep_freed_memory()
    device = choose_device(case.device)
    start = Start(base=base_weights())
    settings = msgspec.structs.replace(Settings(), preset=case.preset)
    network = starting_network(case.channels, (1, 2), settings, start).eval()
    pixels = np.random.default_rng(0).integers(0, 255, (case.side, case.side, case.channels), np.uint8)
    planes = NormalisedPlanes(Image("noise", pixels, "yxc"))
    normal = torch.from_numpy(planes.normalisation.apply(pixels)).permute(2, 0, 1)[None].to(device.torch_device)
    return Predictor(network.to(device.torch_device), (1, 2), device), planes, normal


@torch.inference_mode()
def run_bare(predictor: Predictor, normal: torch.Tensor, tile: int) -> None:
    height, width = normal.shape[2:]
    for region in grid(height, width, tile):
        with predictor.device.autocast():
            predictor.network(normal[:, :, *region.slices])


def once(case: Case, tile: int, *, bare: bool) -> tuple[float, int]:
    """Return seconds, and the most memory that was taken."""
    predictor, planes, normal = prepared(case)
    if case.device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    clock = time.process_time if case.device == "cpu" else time.perf_counter
    began = clock()
    if bare:
        run_bare(predictor, normal, tile)
    else:
        predict_mask(predictor, planes, tile)
    if case.device == "cuda":
        torch.cuda.synchronize()
        return clock() - began, torch.cuda.max_memory_allocated()
    if case.device == "mps":
        torch.mps.synchronize()
    return clock() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(case: Case, tiles: Sequence[int], rounds: int) -> dict[str, Outcome]:
    """Return what the bare network took, then each tile; a first round does not count.

    On a CPU each has a process of its own: what others leave in the heap decided how much memory was fetched anew.
    """
    chosen = whole_plane_tile(prepared(case)[0])
    jobs = {BARE: (chosen, True)} | {f"tiles of {tile} px": (tile, False) for tile in tiles or [chosen]}
    outcomes = {name: Outcome() for name in jobs}
    with ExitStack() as stack:
        start = get_context("spawn")
        processes = {name: stack.enter_context(ProcessPoolExecutor(1, start)) for name in jobs}
        for number in range(rounds + 1):
            for name, (tile, bare) in jobs.items():
                if case.device == "cpu":
                    seconds, peak = processes[name].submit(once, case, tile, bare=bare).result()
                else:
                    seconds, peak = once(case, tile, bare=bare)
                if number:
                    outcomes[name].seconds.append(seconds)
                    outcomes[name].peak = peak
    prepared.cache_clear()
    give_back_memory()
    return outcomes


def rows_of(case: Case, outcomes: dict[str, Outcome]) -> list[list[str]]:
    goal = GOALS.get(case.device, GOALS["cpu"])
    medians = {name: statistics.median(outcome.seconds) for name, outcome in outcomes.items()}
    return [
        [
            case.preset,
            f"{case.side} x {case.side}",
            name,
            f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms",
            f"{case.side**2 / value / 1e6:.3g}",
            "" if name == BARE else f"{medians[BARE] / value:.2f} (goal {goal})",
            f"{outcomes[name].peak / 2**20:.0f} MiB",
        ]
        for name, value in medians.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda", "mps"])
    parser.add_argument("--preset", nargs="+", default=["fast"], choices=list(PRESETS))
    parser.add_argument("--sides", type=int, nargs="+", default=[2048], help="px, multiples of 16")
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--tiles", type=int, nargs="*", default=[], help="by default what the program chooses")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--give-back", action="store_true", help="leave the C library as it is")
    options = parser.parse_args(arguments)
    device, keep_memory = choose_device(options.device), not options.give_back
    rows = []
    for preset in options.preset:
        for side in options.sides:
            case = Case(options.device, preset, side, options.channels, keep_memory)
            rows += rows_of(case, measure(case, options.tiles, options.rounds))
    clock, memory = ("processor time", "") if device.kind == "cpu" else ("time", " of the GPU")
    head = ["preset", "px", "", clock, "MPix/s", "share of the bare network", f"peak memory{memory}"]
    freed = f"; freed memory {'kept, as the worker does' if keep_memory else 'given back to the system'}"
    note = (
        f"uint8 noise, {options.channels} channels, median of {options.rounds} rounds, "
        f"{'bfloat16' if device.bfloat16 else 'float32'}{freed if device.kind == 'cpu' else ''}. "
        f"{device.reason}. {machine('torch')}"
    )
    print("\n\n".join(["## Throughput of whole planes", table(head, rows), note]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
