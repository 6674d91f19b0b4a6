"""Fixtures of the worker: a project of bright squares, as it is and with a trained network."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from squares import HEIGHT, TILE, WIDTH

from napari_unet.config import Settings
from napari_unet.images.image import Image
from napari_unet.project.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Bright squares on noise, no strokes yet."""
    pixels = np.random.default_rng(0).normal(0, 0.2, (HEIGHT, WIDTH)).astype(np.float32)
    pixels[20:50, 20:60] += 1
    pixels[90:130, 100:160] += 1
    with Project(tmp_path / "squares.unet") as made:
        for _ in range(2):
            made.add_class()
        made.settings.write(Settings(tile=64, width=4, prediction_tile=TILE))
        made.add_image(Image("squares", pixels, "yx"))
        yield made


@pytest.fixture
def trained(project: Project) -> Project:
    """The same with a network that calls bright pixels class 2."""
    import torch

    from napari_unet.network.checkpoint import Checkpoint, save_checkpoint
    from napari_unet.network.unet import Architecture, build

    network = build(Architecture(1, 2, 4))
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.weight[1, 4] = 9
    weights = dict(network.state_dict())
    checkpoint = Checkpoint(network.architecture, (1, 2), ("a", "b"), 40, weights)
    save_checkpoint(checkpoint, project.models / "best.safetensors")
    return project
