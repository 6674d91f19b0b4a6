"""Features of some pixels of painted tiles, kept while strokes come faster than the network trains."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int16
from torch import Tensor

from napari_unet.dataset.annotated import PlaneKey
from napari_unet.images.tiles import Region
from napari_unet.network.feature_cache import are_equal, body_of
from napari_unet.network.unet import UNet

_MOST_BYTES = 64 * 2**20  # a tile with a few strokes takes 0.3 MB


class TileSample(NamedTuple):
    """Features of pixels of one tile, on the device.

    Attributes
    ----------
    painted : class id of each trained pixel, the same below zero where it is painted but not trained, 0 elsewhere
    features : of the trained pixels, row by row
    unlabelled : of pixels that nobody has painted, at random
    anywhere : of all pixels, painted or not, at random
    """

    painted: Int16[np.ndarray, "h w"]
    features: Float[Tensor, "n f"]
    unlabelled: Float[Tensor, "m f"]
    anywhere: Float[Tensor, "l f"]

    @property
    def nbytes(self) -> int:
        """Return the memory that it takes."""
        return self.painted.nbytes + sum(each.nbytes for each in self[1:])


class TileSamples:
    """Keeps samples of tiles until training changes what the network computes from them, or somebody paints there.

    Without it every stroke of a burst had all earlier tiles computed again: half of the time to its answer.
    """

    def __init__(self) -> None:
        self._body: dict[str, Tensor] = {}
        self._kept: dict[tuple[PlaneKey, Region], TileSample] = {}

    def hold_for(self, network: UNet) -> None:
        """Forget everything if the network has another body than the one whose features are kept."""
        body = body_of(network)
        if not are_equal(self._body, body):
            self._body = {name: tensor.clone() for name, tensor in body.items()}
            self._kept.clear()

    def find(self, key: PlaneKey, region: Region, painted: Int16[np.ndarray, "h w"]) -> TileSample | None:
        """Return the sample of a tile; None when there is none or another stroke was there at its time."""
        found = self._kept.get((key, region))
        return found if found is not None and np.array_equal(found.painted, painted) else None

    def keep(self, key: PlaneKey, region: Region, sample: TileSample) -> None:
        """Keep a sample, the newest of its tile; the oldest of all go when there is no room."""
        self._kept.pop((key, region), None)
        self._kept[key, region] = sample
        while sum(each.nbytes for each in self._kept.values()) > _MOST_BYTES:
            del self._kept[next(iter(self._kept))]
