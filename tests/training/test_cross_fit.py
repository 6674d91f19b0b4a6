"""Which labels the other strokes do not foretell."""

from pathlib import Path

import numpy as np
import pytest
import torch
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.base import base_weights
from napari_unet.network.device import Device
from napari_unet.network.unet import DeepShallowHead
from napari_unet.training.cross_fit import CrossFit, cross_fit
from napari_unet.training.device_settings import for_device
from napari_unet.training.labelled_features import LabelledFeatures, LabelledTile
from napari_unet.training.starting import Start
from napari_unet.training.trainer import Trainer

CPU = Device("cpu", "test", bfloat16=False)
USED, _ = for_device(Settings(hold_out=False), CPU)  # the settings as they are used

SIDE, FEATURES = 128, 6
ODD = slice(120, 123)  # rows of a stroke that looks like the other class


def strokes(of_each: int) -> LabelledFeatures:
    """Paint so many strokes of two classes, told apart by every feature; the last one of class 1 looks odd."""
    random = np.random.default_rng(0)
    labels = np.zeros((SIDE, SIDE), np.int64)
    for number in range(of_each):
        labels[8 * number : 8 * number + 3, 10:40] = 1
        labels[8 * number : 8 * number + 3, 60:90] = 2
    if of_each:
        labels[ODD, 10:40] = 1
    looks = np.where(labels == 1, -1.0, 1.0)
    looks[ODD] = 1.0
    trained = labels > 0
    features = torch.from_numpy(looks[trained][:, None] + random.normal(0, 0.3, (trained.sum(), FEATURES))).float()
    # One pixel in ten of class 1 looks as odd.
    anywhere = torch.from_numpy(np.where(random.random(1000) < 0.45, -1.0, 1.0)[:, None].repeat(FEATURES, 1)).float()
    return LabelledFeatures(
        features,
        torch.from_numpy(labels[trained] - 1),
        torch.ones(len(features), dtype=torch.bool),
        [LabelledTile((1, 0), Region(0, 0, SIDE, SIDE), trained)],
        anywhere,
        anywhere,
    )


def found_of(known: LabelledFeatures) -> CrossFit | None:
    """Fit crosswise with a head of the size that the features need."""
    return cross_fit(DeepShallowHead(FEATURES - 2, 2, 2), known, seed=0)


def test_a_stroke_that_looks_like_another_class_is_not_foretold() -> None:
    """It is found, and nothing else; few pixels are expected to be like it."""
    known = strokes(10)
    found = found_of(known)
    assert found is not None
    rows = torch.from_numpy(np.argwhere(known.tiles[0].trained)[:, 0])
    is_odd = (rows >= ODD.start) & (known.target == 0)
    assert found.unforeseen[is_odd].float().mean() > 0.9
    assert found.unforeseen[~is_odd].float().mean() < 0.05
    assert found.shares[0] < 0.2
    assert (found.shares >= 0).all()


@pytest.mark.parametrize("of_each", [2, 3])
def test_few_strokes_foretell_nothing(of_each: int) -> None:
    """Every part needs a stroke of each class."""
    assert found_of(strokes(of_each)) is None


def test_labels_of_every_pixel_are_a_fair_sample() -> None:
    """Nothing was chosen there."""
    known = strokes(10)
    everywhere = np.ones((SIDE, SIDE), np.bool_)
    target = torch.from_numpy(np.arange(SIDE * SIDE) // SIDE % 2)
    features = torch.randn(SIDE * SIDE, FEATURES, generator=torch.Generator().manual_seed(0))
    tile = known.tiles[0]._replace(trained=everywhere)
    assert found_of(known._replace(features=features, target=target, new=target >= 0, tiles=[tile])) is None


def test_a_network_that_begins_anew_counts_them_less(tmp_path: Path) -> None:
    """One stroke lies on pixels of the other class; the marks and weights are saved with the state of training."""
    pixels = np.random.default_rng(0).normal(0, 0.2, (256, 256)).astype(np.float32)
    pixels[:, 128:] += 1
    labels = np.zeros(pixels.shape, np.uint8)
    for row in range(10, 220, 30):
        labels[row : row + 5, 10:110], labels[row : row + 5, 150:240] = 1, 2
    odd = (slice(230, 235), slice(150, 240))
    labels[odd] = 1
    drawing = Drawing(Image("halves", pixels, "yx"), labels, settings=Settings(hold_out=False))
    with drawing.open_in(tmp_path) as project:
        annotations = Annotations(project)
        annotations.refresh(project.settings.read())
        trainer = Trainer(annotations, USED, CPU, Start(base=base_weights("auto")))
        trainer.fit_head()
        plane = annotations.planes[1, 0]
        marks = np.array(plane.unforeseen)
        assert marks[odd].mean() > 0.8
        assert marks[:220].sum() < 0.1 * (labels[:220] > 0).sum()
        weights = plane.weights(Region(0, 0, 256, 256))
        assert weights[232, 200] < 0.9 < weights[12, 50]
        resumed = Annotations(project)
        resumed.refresh(project.settings.read())
        Trainer(resumed, USED, CPU, Start(checkpoint=trainer.checkpoint(), base=base_weights("auto")))
        assert (np.array(resumed.planes[1, 0].unforeseen) == marks).all()
        assert (resumed.planes[1, 0].weights(Region(0, 0, 256, 256)) == weights).all()
