"""Laws of the pixels that tell how often each class is found: anywhere in the painted planes, and a bounded number."""

import numpy as np
import pytest
import torch
from drawing import Drawing

from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.unet import Architecture, UNet
from napari_unet.training import random_pixels
from napari_unet.training.random_pixels import RandomPixels

HEIGHT, WIDTH = 1000, 1300  # 88 tiles, those at the rim smaller
CPU = Device("cpu", "test", bfloat16=False)


@pytest.fixture
def drawing() -> Drawing:
    """Draw a large plane with one small stroke, in its first tile."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[10:20, 10:60] = 1
    return Drawing(Image("noise", np.zeros((HEIGHT, WIDTH), np.uint8), "yx"), labels)


def test_a_few_tiles_anywhere_are_looked_at_each_time_and_the_newest_remembered(
    annotations: Annotations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features are as many as ever fit in, those of the last look among them; and most tiles have no stroke."""
    seen: list[Region] = []

    def look_at(network: object, known: Annotations, device: Device, key: PlaneKey, region: Region, cache: object):  # type: ignore[no-untyped-def]
        assert key in known.planes
        assert region.clipped(HEIGHT, WIDTH) == region
        seen.append(region)
        return torch.full((2, *region.shape), float(len(seen)))

    monkeypatch.setattr(random_pixels, "tile_features", look_at)
    network = UNet(Architecture(channels=1, classes=2, width=2, depth=1))
    pixels = RandomPixels(annotations, CPU, np.random.default_rng(0))
    found = pixels.look(network)
    assert len(set(found[:, 0].tolist())) == len(set(seen)) <= len(seen)
    first = len(seen)
    for _ in range(40):
        found = pixels.look(network)
    assert len(seen) == 41 * first
    counts = torch.bincount(found[:, 0].long())[1:]
    remembered = torch.nonzero(counts)[:, 0] + 1
    assert len(remembered) == 32
    assert set(remembered.tolist()) >= set(range(len(seen) - first + 1, len(seen) + 1))
    assert counts.max() == 256
    assert len(set(seen)) > 60
