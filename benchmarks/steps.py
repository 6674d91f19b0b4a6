"""Training steps as the program does them beside the bare step of the network, and the first answer, on one device.

The bare step computes the loss of a batch that lies on the device, its gradient, and the optimiser's step: no tile is
drawn, no average follows, nothing is checked or told. Both take turns. A GPU's times are those of the clock, between
moments at which it had nothing left to do; a CPU's are processor times. The memory is that of the GPU
or of the process; each preset has a process of its own.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch

from benchmarks.report import machine, table
from benchmarks.sets import choose_pictures, set_named
from benchmarks.simulated_strokes import painted, strokes_over
from napari_unet.api import ensure_classes
from napari_unet.config import Settings
from napari_unet.images.tiles import Region
from napari_unet.network.base import base_weights
from napari_unet.network.device import Device, choose_device, set_threads
from napari_unet.network.feature_cache import CachedPlane
from napari_unet.network.presets import preset_named
from napari_unet.project.project import Project
from napari_unet.training.device_group import ALONE
from napari_unet.training.learner import Learner
from napari_unet.training.rehearsal import rehearse
from napari_unet.training.step_loss import StepLoss

_SIDE = 512  # px, of the image that is painted on
_WARM = 3  # steps before any is timed


class Result(NamedTuple):
    """Hold the seconds of a bare step, of a step, and to the first answer, and the bytes that were taken at most."""

    settings: Settings
    bare: float
    step: float
    answer: float
    memory: int


def measure(preset: str, device_name: str, set_name: str, steps: int) -> Result:
    """Time one preset on a picture with a stroke of each class."""
    set_threads()
    device = choose_device(device_name)
    rehearse()
    labelled_set = set_named(set_name)
    picture = choose_pictures(labelled_set, 0)[0][0]
    truth = picture.truth[:_SIDE, :_SIDE]
    image = replace(picture.image, pixels=np.asarray(picture.image.pixels)[:_SIDE, :_SIDE])
    classes = len(labelled_set.classes)
    labels = painted(strokes_over(truth, classes, 0), truth)
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "benchmark.unet") as project:
        project.settings.write(msgspec.structs.replace(project.settings.read(), preset=preset))
        ensure_classes(project, classes, labelled_set.classes)
        image_id = project.add_image(image).id
        if device.kind == "cuda":
            torch.cuda.reset_peak_memory_stats()
        learner = Learner(project, device, 0, base_weights("auto"))
        project.commit(image_id, 0, np.where(labels == 1, labels, 0))
        learner.refresh()
        while learner.screen_cache.fill(
            [(CachedPlane(image_id, 0), Region(0, 0, *truth.shape))], learner.settings, device
        ):
            pass
        project.commit(image_id, 0, labels)
        answer = _seconds(lambda: _answer(learner, image_id, truth.shape), device)
        bare, step = _steps(learner, device, steps)
        return Result(learner.settings, bare, step, answer, _largest_memory(device))


def _largest_memory(device: Device) -> int:
    if device.kind == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _answer(learner: Learner, image_id: int, shape: tuple[int, ...]) -> None:
    """Predict the whole picture from its strokes; a network that cannot answer at once makes a step first."""
    learner.refresh()
    if not learner.answers_at_once:
        learner.step()
    learner.answer()
    predictor = learner.predictor
    if predictor is None:
        raise SystemExit("there is no network after two strokes")
    learner.screen_cache.attach(predictor, CachedPlane(image_id, 0))
    predictor.classes(learner.annotations.with_context((image_id, 0), predictor.context_planes), Region(0, 0, *shape))


def _steps(learner: Learner, device: Device, steps: int) -> tuple[float, float]:
    """Return the median seconds of a bare step and of a step."""
    trainer, settings = learner.trainer, learner.settings
    if trainer is None:
        raise SystemExit("there is nothing to train")
    batch = trainer.batches.draw(settings, trainer.class_ids)
    network = trainer.candidate().requires_grad_(True)
    loss_of = StepLoss(network, trainer.candidate(), device, np.random.default_rng(0), ALONE)
    optimiser = preset_named(settings.preset).optimiser_for(network.parameters())

    def bare() -> None:
        optimiser.zero_grad(set_to_none=True)
        _, total = loss_of(batch, settings)
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def product() -> None:
        trainer.step()

    seconds: dict[Callable[[], None], list[float]] = {bare: [], product: []}
    for turn in range(-_WARM, steps):
        for job, times in seconds.items():
            found = _seconds(lambda job=job: [job() for _ in range(5)], device) / 5
            if turn >= 0:
                times.append(found)
    return statistics.median(seconds[bare]), statistics.median(seconds[product])


def _seconds(job: Callable[[], object], device: Device) -> float:
    is_gpu = device.kind == "cuda"
    clock = time.perf_counter if is_gpu else time.process_time
    if is_gpu:
        torch.cuda.synchronize()
    began = clock()
    job()
    if is_gpu:
        torch.cuda.synchronize()
    return clock() - began


def report(results: Sequence[Result], device: Device, set_name: str) -> str:
    rows = [
        [
            f"`{result.settings.preset}`",
            f"{result.settings.batch} of {result.settings.tile} px",
            f"{result.settings.batch / result.bare:.0f}",
            f"{result.settings.batch / result.step:.0f}",
            f"{result.bare / result.step:.2f}",
            f"{result.answer:.2f} s",
            f"{result.memory / 2**20:.0f} MiB",
        ]
        for result in results
    ]
    head = ["preset", "tiles of a step", "bare, tiles/s", "program, tiles/s", "share", "first answer", "largest memory"]
    note = f"{_SIDE} x {_SIDE} px of {set_name}; {device.reason}. {machine('torch')}"
    return "\n\n".join(["## Steps", table(head, rows), note])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steps", description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--presets", nargs="+", default=["fast", "accurate", "unet-2015"])
    parser.add_argument("--set", default="usiigaci-phc", dest="set_name")
    parser.add_argument("--steps", type=int, default=5, help="how often five steps are timed")
    options = parser.parse_args(arguments)
    results = []
    for preset in options.presets:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            results.append(process.submit(measure, preset, options.device, options.set_name, options.steps).result())
    print(report(results, choose_device(options.device), options.set_name))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
