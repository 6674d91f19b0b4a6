"""Features of pixels at random places of the painted planes, gathered a few tiles at a time."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.feature_cache import FeatureCache
from napari_unet.network.unet import UNet
from napari_unet.training.labelled_features import TILE, tile_features

_NEW_TILES = 4  # looked at each time: a stroke is waiting for its answer
_TILES = 32  # that are remembered; the newest count
_PIXELS = 256  # of each tile


class RandomPixels:
    """Remembers features of pixels anywhere in the painted planes, to count how often each class is found there.

    Painted tiles alone say little about that: corrections are painted where the network errs. Features of tiles that
    were looked at earlier are those of the network of that time, which has learned little since.
    """

    def __init__(self, annotations: Annotations, device: Device, random: np.random.Generator) -> None:
        self._annotations = annotations
        self._device = device
        self._random = random
        self._tiles: dict[tuple[PlaneKey, Region], Float[Tensor, "n f"]] = {}  # the newest last

    def look(self, network: UNet, feature_cache: FeatureCache | None = None) -> Float[Tensor, "n f"]:
        """Look at a few tiles more; return the features of all pixels that are remembered."""
        for _ in range(_NEW_TILES):
            key, region = self._drawn()
            found = tile_features(network, self._annotations, self._device, key, region, feature_cache).flatten(1)
            some = self._random.choice(found.shape[1], min(_PIXELS, found.shape[1]), replace=False)
            self._tiles.pop((key, region), None)
            self._tiles[key, region] = found[:, torch.from_numpy(some)].T
        for oldest in [*self._tiles][:-_TILES]:
            del self._tiles[oldest]
        return torch.cat([*self._tiles.values()])

    def _drawn(self) -> tuple[PlaneKey, Region]:
        """Draw a plane, and a tile of it."""
        keys = [*self._annotations.planes]
        key = keys[int(self._random.integers(len(keys)))]
        shape = self._annotations.planes[key].labels.shape
        y, x = (TILE * int(self._random.integers(-(-side // TILE))) for side in shape)
        return key, Region(y, x, y + TILE, x + TILE).clipped(*shape)
