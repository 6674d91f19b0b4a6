"""How base weights should meet the context planes: class accuracy on drawn stacks, by what their weights begin with.

``python -m benchmarks.context``: some minutes on one core. Three kinds of stacks of noisy discs are drawn: the class
of a pixel is told by the plane below ("below"), by the plane itself among unrelated ones ("own"), or by all of them,
for discs move slowly through strong noise ("drift"). Lines of three planes are labelled; another stack of the kind is
scored after the head is fitted and after some steps.
"""

import tempfile
from pathlib import Path

import numpy as np

from napari_unet.api import add_annotation
from napari_unet.config import Settings
from napari_unet.images.image import Image
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.network import base
from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.prediction.mask import predict_mask
from napari_unet.project.project import Project
from napari_unet.training.learner import Learner

_SIDE, _PLANES, _DISCS, _RADIUS = 128, 6, 7, 9  # px, planes, discs of each plane, px
_NOISE = {"below": 0.9, "own": 0.9, "drift": 1.5}  # standard deviation; discs are 1 brighter
_LABELLED = ((1, 3, 4), (20, 50, 80, 110))  # planes, rows
_STEPS = (0, 60)
_SEEDS = (0, 1)


def drawn(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw pixels and classes of a stack, (z, y, x)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:_SIDE, :_SIDE]
    discs = np.zeros((_PLANES, _SIDE, _SIDE), bool)
    centres = random.uniform(10, _SIDE - 10, (_DISCS, 2))
    for plane in discs:
        moved = centres + random.normal(0, 1.5, centres.shape)
        centres = moved if kind == "drift" else random.uniform(10, _SIDE - 10, centres.shape)
        for row, column in centres:
            plane |= (y - row) ** 2 + (x - column) ** 2 <= _RADIUS**2
    pixels = (random.normal(0, _NOISE[kind], discs.shape) + discs).astype(np.float32)
    inside = discs[[0, *range(_PLANES - 1)]] if kind == "below" else discs
    return pixels, np.where(inside, 2, 1).astype(np.uint8)


def accuracies(kind: str, seed: int, context_planes: int) -> list[float]:
    """Return the mean over both classes of the share that is right on an unseen stack, its first plane left out."""
    pixels, truth = drawn(kind, seed)
    strokes, (planes, rows) = np.zeros_like(truth), _LABELLED
    for plane in planes:
        for row in rows:
            strokes[plane, row : row + 2] = truth[plane, row : row + 2]
    unseen, wanted = drawn(kind, seed + 100)
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "stack.unet") as project:
        project.settings.write(Settings(tile=64, context_planes=context_planes))
        add_annotation(project, Image("stack", pixels, "zyx"), strokes)
        learner = Learner(project, Device("cpu", "", False), seed, base.BaseWeights())
        trainer, found = learner.trainer, []
        assert trainer is not None
        for steps in _STEPS:
            while trainer.step_count < steps:
                learner.step()
            predictor = Predictor(trainer.candidate(), trainer.class_ids, learner.device)
            mask = predict_mask(predictor, NormalisedPlanes(Image("unseen", unseen, "zyx"))) + 1
            found.append(float(np.mean([(mask[1:] == k)[wanted[1:] == k].mean() for k in (1, 2)])))
    return found


def main() -> None:
    """Print a table."""
    print("stack, context planes begin with: accuracy after", *_STEPS, "steps")
    kept = base.MIDDLE
    for kind in _NOISE:
        for name, context_planes, middle in (
            ("no context planes", 0, kept),
            ("zero", 1, 1.0),
            ("a quarter each", 1, 0.5),
            ("a third each", 1, 1 / 3),
        ):
            base.MIDDLE = middle
            mean = np.mean([accuracies(kind, seed, context_planes) for seed in _SEEDS], axis=0)
            print(f"{kind}, {name}:", *(f"{value:.3f}" for value in mean), flush=True)
    base.MIDDLE = kept


if __name__ == "__main__":
    main()
