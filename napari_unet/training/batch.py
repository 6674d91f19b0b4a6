"""The tiles of one training step on the device."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.sampler import Sampler
from napari_unet.dataset.weight_map import random_mask
from napari_unet.network.device import Device
from napari_unet.network.unet import Architecture
from napari_unet.training.device_group import Alone


class Batch(NamedTuple):
    """Tiles, on the device.

    Attributes
    ----------
    pixels : normalised
    target : output index of each pixel that the network answers for
    loss_weights : its weight in the loss; 0 where nothing is labelled
    """

    pixels: Float[Tensor, "b c y x"]
    target: Int64[Tensor, "b h w"]
    loss_weights: Float[Tensor, "b h w"]

    def own(self, group: Alone) -> "Batch":
        """Return the share that this process of a group computes."""
        return Batch(*(group.own(part) for part in self))


class Batches:
    """Draws batches from annotations for a network of one architecture.

    Attributes
    ----------
    sampler : draws the tiles
    """

    def __init__(
        self,
        annotations: Annotations,
        architecture: Architecture,
        settings: Settings,
        device: Device,
        random: np.random.Generator,
    ) -> None:
        self._architecture = architecture
        self._device = device
        self._random = random
        self.sampler = Sampler(
            annotations,
            architecture.input_side(settings.tile),
            random,
            rim=architecture.margin,
            context_planes=architecture.context_planes,
        )

    def refresh(self, settings: Settings) -> None:
        """Take note of new strokes and of another size of the tiles."""
        self.sampler.refresh(self._architecture.input_side(settings.tile))

    def draw(self, settings: Settings, class_ids: tuple[int, ...]) -> Batch:
        """Draw as many tiles as the settings say; the classes give the order of the outputs."""
        tiles = [self.sampler.draw() for _ in range(settings.batch)]
        index = np.zeros(256, np.int64)
        index[list(class_ids)] = np.arange(len(class_ids))
        pixels = torch.from_numpy(np.stack([tile.pixels for tile in tiles])).permute(0, 3, 1, 2)  # is channels_last
        target = torch.from_numpy(index[np.stack([tile.labels for tile in tiles])])
        masked = random_mask(np.stack([tile.weight_map for tile in tiles]), settings.pixel_share, self._random)
        margin = self._architecture.margin
        answered = np.s_[:, margin : masked.shape[1] - margin, margin : masked.shape[2] - margin]
        parts = (pixels, target[answered], torch.from_numpy(masked[answered]))
        return Batch(*(part.to(self._device.torch_device) for part in parts))
