"""Features of painted tiles, kept between two strokes."""

import numpy as np
import pytest
import torch
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.base import from_base, package_base
from napari_unet.network.device import Device
from napari_unet.network.unet import UNet
from napari_unet.project.project import Project
from napari_unet.training.labelled_features import LabelledFeatures, labelled_features
from napari_unet.training.tile_samples import TileSample, TileSamples

CPU = Device("cpu", "test", bfloat16=False)


@pytest.fixture
def drawing() -> Drawing:
    """Draw a stroke of either class in each of two tiles of 128 px."""
    pixels = np.random.default_rng(0).integers(0, 255, (128, 256), np.uint8)
    strokes = np.zeros_like(pixels)
    for column in (10, 140):
        strokes[20:24, column : column + 60], strokes[90:94, column : column + 60] = 1, 2
    return Drawing(Image("noise", pixels, "yx"), strokes, ("dark", "bright"))


@pytest.fixture
def network() -> UNet:
    """Return a network with base weights."""
    return from_base(package_base(), 1, 2).eval()


class Counting:
    """Gathers features of a project, and counts the tiles that the network looks at."""

    def __init__(self, project: Project, network: UNet, monkeypatch: pytest.MonkeyPatch) -> None:
        self._project, self._network = project, network
        self.samples = TileSamples()
        self.annotations = Annotations(project)
        self.tiles = 0
        features = network.features

        def counted(batch: torch.Tensor) -> torch.Tensor:
            self.tiles += 1
            return features(batch)

        monkeypatch.setattr(network, "features", counted)

    def gather(self, *, kept: bool = True) -> tuple[LabelledFeatures, int]:
        """Return features after new strokes are read, and from how many tiles they were computed."""
        self.annotations.refresh(Settings())
        before = self.tiles
        random, samples = np.random.default_rng(0), self.samples if kept else None
        found = labelled_features(self._network, self.annotations, CPU, random, samples=samples)
        return found, self.tiles - before

    def paint(self, region: Region, class_id: int) -> None:
        """Add a stroke to the project."""
        image_id = self._project.images.all()[0].id
        labels = self._project.strokes.plane(image_id, 0).copy()
        labels[region.slices] = class_id
        self._project.commit(image_id, 0, labels)


@pytest.fixture
def counting(project: Project, network: UNet, monkeypatch: pytest.MonkeyPatch) -> Counting:
    return Counting(project, network, monkeypatch)


def by_class(found: LabelledFeatures) -> list[torch.Tensor]:
    """Return the features of each class; tiles may come in any order."""
    return [torch.sort(found.features[found.target == k], dim=0).values for k in (0, 1)]


def test_a_stroke_has_its_own_tile_computed(counting: Counting) -> None:
    """What is gathered is what it would be without the samples: the new labels, and the old ones of the other tile."""
    assert counting.gather()[1] == 2
    assert counting.gather()[1] == 0
    counting.paint(Region(40, 150, 44, 200), 1)
    found, computed = counting.gather()
    assert computed == 1
    for one, other in zip(by_class(found), by_class(counting.gather(kept=False)[0]), strict=True):
        torch.testing.assert_close(one, other)


def test_paint_of_another_class_over_a_stroke_is_seen(counting: Counting) -> None:
    """The label of each pixel is the one that it has now."""
    before = counting.gather()[0]
    counting.paint(Region(10, 5, 60, 125), 2)
    found, computed = counting.gather()
    assert computed == 1
    changed = torch.bincount(found.target) - torch.bincount(before.target)
    assert changed[0] < 0 < changed[1]
    for one, other in zip(by_class(found), by_class(counting.gather(kept=False)[0]), strict=True):
        torch.testing.assert_close(one, other)


def test_training_has_all_tiles_computed_again(counting: Counting, network: UNet) -> None:
    """The head may change; a change of the body makes every kept feature wrong."""
    counting.gather()
    with torch.no_grad():
        next(network.head.parameters()).add_(1)
    assert counting.gather()[1] == 0
    body = next(parameter for name, parameter in network.named_parameters() if not name.startswith("head."))
    with torch.no_grad():
        body.mul_(1.01)
    found, computed = counting.gather()
    assert computed == 2
    for one, other in zip(by_class(found), by_class(counting.gather(kept=False)[0]), strict=True):
        torch.testing.assert_close(one, other)


def test_the_oldest_go_when_there_is_no_room(network: UNet) -> None:
    """Ten samples of 16 MB do not stay."""
    samples, painted = TileSamples(), np.ones((1, 1), np.int16)
    samples.hold_for(network)
    regions = [Region(0, n, 1, n + 1) for n in range(10)]
    for region in regions:
        sample = TileSample(painted, torch.zeros(2**22, 1), torch.zeros(0, 1), torch.zeros(0, 1))
        samples.keep((1, 0), region, sample)
    kept = [samples.find((1, 0), region, painted) is not None for region in regions]
    assert kept == [False] * 7 + [True] * 3
