"""Probabilities of a region of a plane, the same whatever regions the plane is cut into."""

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from napari_unet.images.tiles import Region, read_mirrored
from napari_unet.network.device import Device
from napari_unet.network.unet import Architecture, UNet


class Predictor:
    """A network in evaluation mode on a device.

    Every region is read with a halo as wide as the network sees, or with the margin that valid convolutions use up;
    beyond the rim of the plane the image is mirrored. So a pixel's probabilities depend on the image alone.
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
        read = _window(region, architecture)
        pixels = torch.from_numpy(read_mirrored(plane, read)).permute(2, 0, 1)[None].to(self._device.place)
        with self._device.autocast():
            logits = self.network(pixels)
        top, left = region.y0 - read.y0 - architecture.margin, region.x0 - read.x0 - architecture.margin
        height, width = region.shape
        return logits[0, :, top : top + height, left : left + width].float().cpu()


def _window(region: Region, architecture: Architecture) -> Region:
    """What to read for a region; origins are multiples of the stride: the pooling grid then lies the same for all."""
    # With valid padding nothing beyond the window enters, so all that comes out is right.
    grown = region.grown(architecture.margin or architecture.halo)
    y0, x0 = (start // architecture.stride * architecture.stride for start in (grown.y0, grown.x0))
    return Region(y0, x0, y0 + architecture.fitting(grown.y1 - y0), x0 + architecture.fitting(grown.x1 - x0))
