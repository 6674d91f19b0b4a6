"""Images larger than memory, from OME-Zarr to OME-Zarr: throughput and peak memory by size and by Dask workers.

Every prediction runs in a fresh process, so that its peak memory is its own. Speed is given by the clock and by the
processor: where other programs share the cores, the clock says less.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import zarr

from benchmarks.report import machine, table
from napari_unet.api import load_model, predict_files
from napari_unet.freed_memory import keep_freed_memory
from napari_unet.network.checkpoint import Checkpoint, save_checkpoint
from napari_unet.network.device import set_threads
from napari_unet.network.unet import Architecture, build
from napari_unet.prediction import large_image

MIB = 2**20


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="*", default=[2048, 8192], help="of the square image [px]")
    parser.add_argument(
        "--spread", type=int, default=8192, help="side of the image that Dask workers predict [px]; 0: none"
    )
    parser.add_argument("--width", type=int, default=4, help="of the network; a preset has 16")
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)  # what a fresh process runs
    options = parser.parse_args(arguments)
    if options.one:
        image, network, folder, scheduler = options.one
        print(json.dumps(predict_one(Path(image), Path(network), Path(folder), options.tile, scheduler)))
        return 0
    with tempfile.TemporaryDirectory(prefix="napari-unet-out-of-core-") as name:
        print(report(Path(name), options.sides, options.spread, options.width, options.tile))
    return 0


def predict_one(image: Path, network: Path, folder: Path, tile: int, scheduler: str) -> dict[str, float]:
    """Return seconds by clock and by processor of this process, and its peak memory in bytes, without imports."""
    set_threads(1)
    keep_freed_memory()
    large_image.LARGE = 0  # small images too
    model = load_model(network, "cpu")
    began, processor = time.perf_counter(), time.process_time()
    batch = predict_files(model, [image], folder, ["ome-zarr"], tile=tile, scheduler=scheduler, device="cpu")
    assert batch.failed == [], batch.failed
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - processor,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def report(folder: Path, sides: Sequence[int], spread: int, width: int, tile: int) -> str:
    network = _network(folder / "network.safetensors", width)
    rows = []
    for side in sides:
        found = _fresh(_image(folder, side), network, folder / f"out-{side}", tile)
        rows.append([f"{side} x {side}", *_numbers(side, found["seconds"], found["processor"], found["peak"])])
    first = table(["px", "time", "processor time", "MPix/s", "MPix per processor second", "peak memory"], rows)
    note = (
        f"One channel, uint8 noise; a network of width {width} (a preset has 16), random weights, tiles of {tile} px, "
        f"one thread a process. {machine()}"
    )
    parts = ["## Out of core", first, _spread(folder, network, spread, tile) if spread else "", note]
    return "\n\n".join(part for part in parts if part)


def _spread(folder: Path, network: Path, side: int, tile: int) -> str:
    """Predict the same image on one worker, then on two."""
    rows, alone = [], 0.0
    for workers in (1, 2):
        with _cluster(folder, workers) as (address, processes):
            # Once before, so that every worker has torch and the network: a long job starts them once.
            _fresh(_image(folder, 2048 * workers), network, folder / f"warm-{workers}", tile, address)
            before = [_spent(process) for process in processes]
            found = _fresh(_image(folder, side), network, folder / f"spread-{workers}", tile, address)
            spent = sum(_spent(process) - then for process, then in zip(processes, before, strict=True))
            peak = max(_peak(process) for process in processes)
        alone = alone or found["seconds"]
        numbers = _numbers(side, found["seconds"], spent, peak)
        rows.append([str(workers), *numbers, f"{alone / found['seconds']:.2f}"])
    head = [f"workers, {side} x {side} px", "time", "processor time of workers", "MPix/s", "MPix per processor second",
            "peak memory of a worker", "times one worker (goal 1.7)"]  # fmt: skip
    return table(head, rows)


def _numbers(side: int, seconds: float, processor: float, peak: float) -> list[str]:
    pixels = side**2 / 1e6
    return [f"{seconds:.1f} s", f"{processor:.1f} s", f"{pixels / seconds:.2f}", f"{pixels / processor:.2f}",
            f"{peak / MIB:.0f} MiB"]  # fmt: skip


def _network(path: Path, width: int) -> Path:
    architecture = replace(Architecture(), width=width)
    weights = {name: tensor.clone() for name, tensor in build(architecture).state_dict().items()}
    save_checkpoint(Checkpoint(architecture, (1, 2), ("background", "cell"), 0, weights), path)
    return path


def _image(folder: Path, side: int) -> Path:
    """Write an OME-Zarr-like array in chunks of 1024 px, row by row of chunks."""
    path = folder / f"image-{side}.zarr"
    if not path.exists():
        array = zarr.create_array(path, shape=(side, side), dtype=np.uint8, chunks=(1024, 1024),
                                  dimension_names=["y", "x"])  # fmt: skip
        random = np.random.default_rng(side)
        for y in range(0, side, 1024):
            array[y : y + 1024] = random.integers(0, 255, (min(1024, side - y), side), np.uint8)
    return path


def _fresh(image: Path, network: Path, out: Path, tile: int, scheduler: str = "") -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.out_of_core", "--tile", str(tile)]
    command += ["--one", str(image), str(network), str(out), scheduler]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own module
    found: dict[str, float] = json.loads(done.stdout)
    return found


@contextmanager
def _cluster(folder: Path, count: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Start a scheduler and so many worker processes of one thread; yield its address."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    dask, quiet = [sys.executable, "-m", "dask"], ["--no-dashboard"]
    scheduler = subprocess.Popen(  # noqa: S603 - Dask's own command
        [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *quiet], stderr=subprocess.PIPE, text=True
    )
    assert scheduler.stderr is not None
    words = (word for line in scheduler.stderr for word in line.split())
    address = next(word for word in words if word.startswith("tcp://"))
    options = ["--nthreads", "1", "--no-nanny", *quiet, "--local-directory", str(folder / "dask")]
    workers = [
        subprocess.Popen([*dask, "worker", address, *options], stderr=subprocess.DEVNULL, env=environment)  # noqa: S603
        for _ in range(count)
    ]
    try:
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.terminate()
            process.wait()
        scheduler.stderr.close()


def _spent(process: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def _peak(process: subprocess.Popen[bytes]) -> int:
    """Return the highest memory of a process so far (Linux)."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    raise SystemExit(main())
