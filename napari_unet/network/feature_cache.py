"""What a network sees of the image on screen before there is a stroke: the first one then costs a fit and a product.

Only the head answers to strokes; decoder levels and filter responses do not depend on it. They hold for every network
with the same body, so until the first training step.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_unet.images.plane_pixels import PlanePixels
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.inference import read_for
from napari_unet.network.unet import Architecture, HeadInput, UNet, intensity_channels

MOST_BYTES = 384 * 2**20  # that are kept; a megapixel takes 200 MiB with one channel and 312 MiB with three
_RIM = 2  # px kept around a tile, so that the coarser level can be enlarged as if there were no end


class CachedPlane(NamedTuple):
    """A plane of an image, as it is or at half resolution; regions are in its own pixels."""

    image_id: int
    plane: int
    halved: bool = False


class FeatureCache:
    """Tiles of planes as the body of a network sees them.

    Parameters
    ----------
    network : with same padding, in evaluation mode on the device
    """

    def __init__(self, network: UNet, device: Device) -> None:
        self._network = network
        self._device = device
        self._tiles: dict[tuple[CachedPlane, Region], HeadInput] = {}

    @property
    def architecture(self) -> Architecture:
        """Return the architecture of the network whose features are kept."""
        return self._network.architecture

    def keep(self, tiles: Sequence[tuple[CachedPlane, Region]]) -> tuple[CachedPlane, Region] | None:
        """Forget all but the first of these tiles, those that there is room for; one that is still to be seen."""
        taken = np.cumsum([np.prod(region.shape) for _, region in tiles]) * self._pixel_bytes
        wanted = tiles[: int(np.searchsorted(taken, MOST_BYTES, side="right"))]
        self._tiles = {tile: seen for tile, seen in self._tiles.items() if tile in wanted}
        return next((tile for tile in wanted if tile not in self._tiles), None)

    @property
    def nbytes(self) -> int:
        """Return the memory that is taken, in bytes."""
        kept = [tensor for head_input in self._tiles.values() for tensors in head_input for tensor in tensors]
        return sum(tensor.nbytes for tensor in kept)

    def has(self, place: CachedPlane, region: Region) -> bool:
        """Tell whether a tile is kept."""
        return (place, region) in self._tiles

    @torch.inference_mode()
    def add(self, place: CachedPlane, plane: PlanePixels, region: Region) -> None:
        """Keep what the network sees of a tile; ``plane`` has the pixels of the place."""
        pixels, read = read_for(self._network, plane, region, self._device)
        with self._device.autocast():
            seen = self._network.head_input(pixels)
        levels, filters = _part(seen, _around(region).seen_from(read))
        # Copies, so that nothing of what was read around the tile is kept in memory.
        self._tiles[place, region] = HeadInput([each.clone() for each in levels], [each.clone() for each in filters])

    @torch.inference_mode()
    def logits(self, network: UNet, place: CachedPlane, region: Region) -> Tensor | None:
        """Compute a network's logits (k, y, x) of a part of a kept tile; None unless it has the same body."""
        seen = self._head_input(network, place, region)
        return None if seen is None else network.head_logits(seen)[0][:, *region.seen_from(_around(region)).slices]

    @torch.inference_mode()
    def features(self, network: UNet, place: CachedPlane, region: Region) -> Tensor | None:
        """Return a network's features (f, y, x) of a part of a kept tile; None unless it has the same body."""
        seen = self._head_input(network, place, region)
        return None if seen is None else seen.features()[0][:, *region.seen_from(_around(region)).slices]

    @property
    def _pixel_bytes(self) -> float:
        """Return the bytes kept per pixel: the coarser level has twice the finest one's channels and half its sides."""
        return 4 * (1.5 * self.architecture.width + intensity_channels(self.architecture))

    def _head_input(self, network: UNet, place: CachedPlane, region: Region) -> HeadInput | None:
        for (known, tile), seen in self._tiles.items():
            if known == place and region.within(tile) == region and _have_same_body(network, self._network):
                return _part(seen, _around(region).seen_from(_around(tile)))
        return None


def _part(seen: HeadInput, region: Region) -> HeadInput:
    """Cut a region whose origin and end are even."""
    half = Region(region.y0 // 2, region.x0 // 2, region.y1 // 2, region.x1 // 2)
    finest, *coarser = seen.levels
    levels = [_cut(finest, region), *(_cut(level, half) for level in coarser)]
    return HeadInput(levels, [_cut(each, region) for each in seen.filters])


def _cut(tensor: Tensor, region: Region) -> Tensor:
    rows, columns = region.slices
    return tensor[..., rows, columns]


def _around(region: Region) -> Region:
    return region.grown(_RIM).aligned(_RIM)


def _have_same_body(one: UNet, other: UNet) -> bool:
    """Tell whether all weights but the head's are equal; takes a millisecond for the default network."""
    if one.architecture.channels != other.architecture.channels:
        return False
    theirs = other.state_dict()
    return all(
        name.startswith("head.") or (name in theirs and torch.equal(tensor, theirs[name]))
        for name, tensor in one.state_dict().items()
    )
