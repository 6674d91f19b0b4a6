"""Features of the image on screen, computed before there is a stroke: the first one then costs a fit and a product.

Only the head answers to strokes; decoder levels and filter responses do not depend on it. They hold for every network
with the same body, so until the first training step.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_unet.images.plane_pixels import PlanePixels
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.inference import read_for
from napari_unet.network.unet import Architecture, HeadInput, UNet, intensity_channels

MOST_BYTES = 384 * 2**20  # kept at most; a megapixel takes 200 MiB with one channel and 312 MiB with three
_RIM = 2  # px kept around a tile, so that the coarser level can be enlarged as if there were no end


class CachedPlane(NamedTuple):
    """A plane of an image, as it is or at half resolution; regions are in its own pixels."""

    image_id: int
    plane: int
    halved: bool = False


class FeatureCache:
    """Keeps, for tiles of planes, what the head of a network reads.

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

    @property
    def nbytes(self) -> int:
        """Return the memory that is taken, in bytes."""
        kept = [tensor for head_input in self._tiles.values() for tensors in head_input for tensor in tensors]
        return sum(tensor.nbytes for tensor in kept)

    def keep(self, tiles: Sequence[tuple[CachedPlane, Region]]) -> tuple[CachedPlane, Region] | None:
        """Keep the first of these tiles, as many as there is room for, and drop all others.

        Returns
        -------
        tile : one that is to be kept and is not there yet; None when all are there
        """
        taken = np.cumsum([np.prod(region.shape) for _, region in tiles]) * self._pixel_bytes
        wanted = tiles[: int(np.searchsorted(taken, MOST_BYTES, side="right"))]
        self._tiles = {tile: kept for tile, kept in self._tiles.items() if tile in wanted}
        return next((tile for tile in wanted if tile not in self._tiles), None)

    def has(self, cached: CachedPlane, region: Region) -> bool:
        """Tell whether a tile is kept."""
        return (cached, region) in self._tiles

    @torch.inference_mode()
    def add(self, cached: CachedPlane, pixels: PlanePixels, region: Region) -> None:
        """Compute and keep the features of a tile from the pixels of its plane."""
        batch, read = read_for(self._network, pixels, region, self._device)
        with self._device.autocast():
            head_input = self._network.head_input(batch)
        levels, filters = _part(head_input, _with_rim(region).seen_from(read))
        # Copies, so that nothing of what was read around the tile is kept in memory.
        self._tiles[cached, region] = HeadInput([each.clone() for each in levels], [each.clone() for each in filters])

    @torch.inference_mode()
    def branches(self, network: UNet, cached: CachedPlane, region: Region) -> Tensor | None:
        """Compute a network's logits (branches, k, y, x) of a part of a kept tile; None unless it has the same body."""
        head_input = self._head_input(network, cached, region)
        if head_input is None:
            return None
        return network.branches(head_input)[0][:, :, *region.seen_from(_with_rim(region)).slices]

    @torch.inference_mode()
    def features(self, network: UNet, cached: CachedPlane, region: Region) -> Tensor | None:
        """Return a network's features (f, y, x) of a part of a kept tile; None unless it has the same body."""
        head_input = self._head_input(network, cached, region)
        if head_input is None:
            return None
        return head_input.features()[0][:, *region.seen_from(_with_rim(region)).slices]

    @property
    def _pixel_bytes(self) -> float:
        """Return the bytes kept per pixel: the coarser level has twice the finest one's channels and half its sides."""
        return 4 * (1.5 * self.architecture.width + intensity_channels(self.architecture))

    def _head_input(self, network: UNet, cached: CachedPlane, region: Region) -> HeadInput | None:
        for (known, tile), head_input in self._tiles.items():
            if (
                known == cached
                and region.within(tile) == region
                and are_equal(body_of(network), body_of(self._network))
            ):
                return _part(head_input, _with_rim(region).seen_from(_with_rim(tile)))
        return None


def _part(head_input: HeadInput, region: Region) -> HeadInput:
    """Cut a region whose origin and end are even."""
    half = Region(region.y0 // 2, region.x0 // 2, region.y1 // 2, region.x1 // 2)
    finest, *coarser = head_input.levels
    levels = [_cut(finest, region), *(_cut(level, half) for level in coarser)]
    return HeadInput(levels, [_cut(each, region) for each in head_input.filters])


def _cut(tensor: Tensor, region: Region) -> Tensor:
    rows, columns = region.slices
    return tensor[..., rows, columns]


def _with_rim(region: Region) -> Region:
    return region.grown(_RIM).aligned(_RIM)


def body_of(network: UNet) -> dict[str, Tensor]:
    """Return all weights but the head's, by name; they are those of the network, no copies."""
    return {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("head.")}


def are_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Tell whether two bodies have the same weights; takes a millisecond for the default network."""
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())
