"""Probabilities of a region of a plane, the same whatever regions the plane is cut into."""

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from napari_unet.images.tiles import Region, read_mirrored
from napari_unet.network.device import Device
from napari_unet.network.unet import UNet


class Predictor:
    """A network in evaluation mode on a device.

    Every region is read with a halo as wide as the network sees; beyond the rim of the plane the image is mirrored.
    So a pixel's probabilities depend on the image alone.
    """

    def __init__(self, network: UNet, class_ids: tuple[int, ...], device: Device) -> None:
        self.network = network
        self.class_ids = class_ids
        self._device = device
        self._lookup = np.array(class_ids, np.uint8)

    def probabilities(self, plane: Float32[np.ndarray, "y x c"], region: Region) -> Float32[np.ndarray, "k h w"]:
        """Softmax over the classes for a region inside the plane."""
        return torch.softmax(self._logits(plane, region), dim=0).numpy()

    def classes(self, plane: Float32[np.ndarray, "y x c"], region: Region) -> UInt8[np.ndarray, "h w"]:
        """Id of the most probable class of each pixel."""
        return self._lookup[self._logits(plane, region).argmax(0).numpy()]

    @torch.inference_mode()
    def _logits(self, plane: Float32[np.ndarray, "y x c"], region: Region) -> torch.Tensor:
        architecture = self.network.architecture
        read = _aligned(region.grown(architecture.halo), architecture.stride)
        pixels = torch.from_numpy(read_mirrored(plane, read)).permute(2, 0, 1)[None].to(self._device.place)
        with self._device.autocast():
            logits = self.network(pixels)
        top, left = region.y0 - read.y0, region.x0 - read.x0
        height, width = region.shape
        return logits[0, :, top : top + height, left : left + width].float().cpu()


def _aligned(region: Region, stride: int) -> Region:
    """Grow until origin and end are multiples of the stride: the pooling grid then lies the same for every tile."""
    return Region(
        region.y0 // stride * stride,
        region.x0 // stride * stride,
        -(-region.y1 // stride) * stride,
        -(-region.x1 // stride) * stride,
    )
