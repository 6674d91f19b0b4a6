"""What drawing and augmenting the tiles of a step costs beside the rest of the step, in one run and on one thread.

The presets take turns from step to step, so that whatever else the machine does weighs on all of them alike. Times are
processor times. With ``--picture`` the tiles themselves are saved too: numbers cannot tell whether a tile looks right.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Bitmap
from torch import Tensor

from benchmarks.report import machine, table
from benchmarks.sets import LabelledSet, choose_pictures, set_named
from benchmarks.simulated_strokes import add_strokes, painted, strokes_over
from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.augmentation import DEFAULT, MILD, NONE, STRONG, Augmentation
from napari_unet.dataset.sampler import Sampler
from napari_unet.network.base import base_weights
from napari_unet.network.device import choose_device, set_threads
from napari_unet.project.project import Project
from napari_unet.training.batch import Batch, Batches
from napari_unet.training.device_settings import for_device
from napari_unet.training.intensities import with_intensities
from napari_unet.training.starting import Base, Start
from napari_unet.training.tile_reader import TileReader
from napari_unet.training.trainer import Trainer

PRESETS = {"none": NONE, "mild": MILD, "default": DEFAULT, "strong": STRONG}
BUDGET_PERCENT = 10.0
_SETS = ("usiigaci-phc", "axon-myelin-sem", "dsb2018-stained")
_WARM_STEPS = 3
_CPU = choose_device("cpu")
_COLOURS = np.array([[0, 0, 0], [0, 90, 255], [255, 140, 0], [0, 220, 90]], float)


class Stopwatch(Batches):
    """Draws batches and notes the processor time that it takes."""

    seconds = 0.0

    def draw(self, settings: Settings, class_ids: tuple[int, ...]) -> Batch:
        """Draw as others do, and note the time."""
        began = time.process_time()
        batch = super().draw(settings, class_ids)
        self.seconds += time.process_time() - began
        return batch


def measure(project: Project, settings: Settings, steps: int, base: Base) -> dict[str, tuple[float, float]]:
    """Return the milliseconds of a step per preset: drawing its tiles, and all the rest."""
    annotations = Annotations(project)
    annotations.refresh(settings)
    trainer = Trainer(annotations, settings, _CPU, Start(0, None, base))
    trainer.fit_head()
    watches = {name: _watch(annotations, trainer, settings, preset) for name, preset in PRESETS.items()}
    steps_seconds = dict.fromkeys(PRESETS, 0.0)
    for step in range(-_WARM_STEPS, steps):
        for name, watch in watches.items():
            trainer.batches = watch
            if step == 0:
                watch.seconds = steps_seconds[name] = 0.0
            began = time.process_time()
            trainer.step()
            steps_seconds[name] += time.process_time() - began
    return {
        name: (1000 * watch.seconds / steps, 1000 * (steps_seconds[name] - watch.seconds) / steps)
        for name, watch in watches.items()
    }


def _watch(annotations: Annotations, trainer: Trainer, settings: Settings, preset: Augmentation) -> Stopwatch:
    random = np.random.default_rng(0)
    watch = Stopwatch(annotations, trainer.architecture, settings, _CPU, random)
    watch.sampler = Sampler(annotations, settings.tile, random, preset)
    return watch


def paint(project: Project, labelled_set: LabelledSet, seed: int) -> None:
    classes = len(labelled_set.classes)
    for number, picture in enumerate(choose_pictures(labelled_set, seed)[0]):
        labels = painted(strokes_over(picture.truth, classes, [seed, number]), picture.truth)
        add_strokes(project, picture.image, labels, labelled_set.classes)


def save_picture(project: Project, settings: Settings, path: Path, columns: int = 8) -> None:
    """Draw a row of tiles per preset, around the same labelled pixels as far as chance goes, labels tinted."""
    annotations = Annotations(project)
    annotations.refresh(settings)
    reader = TileReader(annotations, annotations.channels(), 0, _CPU)
    rows = []
    for preset in PRESETS.values():
        random = np.random.default_rng(0)
        plans = Sampler(annotations, settings.tile, random, preset).draw(columns)
        tiles = reader.read(plans)
        pixels = with_intensities(tiles.pixels, plans.intensities, random).permute(0, 2, 3, 1).numpy()
        rows.append(np.hstack([_tinted(*tile) for tile in zip(pixels, tiles.labels, tiles.weights, strict=True)]))
    Bitmap.fromarray(np.vstack(rows)).save(path)


def _tinted(pixels: np.ndarray, labels: Tensor, weights: Tensor) -> np.ndarray:
    grey = np.clip((pixels + 1) / 2, 0, 1) * 255
    shown = np.repeat(grey, 3, axis=2) if grey.shape[2] == 1 else grey[:, :, :3]
    trained = weights.numpy() > 0
    shown[trained] = 0.6 * shown[trained] + 0.4 * _COLOURS[labels.numpy()[trained] % len(_COLOURS)]
    return np.pad(shown.astype(np.uint8), ((1, 1), (1, 1), (0, 0)), constant_values=255)


def report(results: dict[str, dict[str, tuple[float, float]]], settings: Settings, steps: int) -> str:
    rows = [
        [name, preset, f"{drawing:.2f}", f"{rest:.1f}", f"{100 * drawing / (drawing + rest):.1f}"]
        for name, presets in results.items()
        for preset, (drawing, rest) in presets.items()
    ]
    header = ("set", "augmentation", "drawing, ms a step", "rest of the step, ms", "share of the step, %")
    return (
        "## Sampling and augmentation\n\n"
        f"{settings.batch} tiles of {settings.tile} px a step, {steps} steps each by turns, one thread, processor "
        f"time. The default is to take at most {BUDGET_PERCENT:.0f} %.\n\n"
        f"{table(header, rows)}\n\n{machine('torch', 'numpy', 'scipy')}\n"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sampling", description=__doc__)
    parser.add_argument("--sets", nargs="+", default=_SETS)
    parser.add_argument("--steps", type=int, default=40, help="a preset")
    parser.add_argument("--base", default="none", help="auto for the base weights of the package")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, help="folder that gets a PNG of augmented tiles per set")
    options = parser.parse_args(arguments)
    set_threads(1)
    settings, _ = for_device(Settings(), _CPU)
    results = {}
    for name in options.sets:
        with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "benchmark.unet") as project:
            paint(project, set_named(name), options.seed)
            results[name] = measure(project, settings, options.steps, base_weights(options.base))
            if options.picture:
                save_picture(project, settings, options.picture / f"tiles-{name}.png")
    print(report(results, settings, options.steps))


if __name__ == "__main__":
    main()
