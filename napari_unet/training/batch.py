"""The tiles of one training step on the device."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from torch import Tensor

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.sampler import Sampler
from napari_unet.dataset.weight_map import class_table, class_weights
from napari_unet.network.device import Device
from napari_unet.network.transfer import on_device
from napari_unet.network.unet import Architecture
from napari_unet.training.device_group import Alone
from napari_unet.training.intensities import with_intensities
from napari_unet.training.pixel_mask import random_mask
from napari_unet.training.tile_reader import TileReader


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
    sampler : draws where the tiles lie
    """

    def __init__(
        self,
        annotations: Annotations,
        architecture: Architecture,
        settings: Settings,
        device: Device,
        random: np.random.Generator,
    ) -> None:
        self._annotations = annotations
        self._architecture = architecture
        self._device = device.torch_device
        self._random = random
        self._balance = class_table(class_weights(annotations.counts()))
        self._reader = TileReader(annotations, architecture.channels, architecture.context_planes, device)
        self.sampler = Sampler(
            annotations,
            architecture.input_side(settings.tile),
            random,
            rim=architecture.margin,
            context_planes=architecture.context_planes,
        )

    def refresh(self, settings: Settings) -> None:
        """Take note of new strokes and of another size of the tiles."""
        self._balance = class_table(class_weights(self._annotations.counts()))
        self.sampler.refresh(self._architecture.input_side(settings.tile))

    def draw(self, settings: Settings, class_ids: tuple[int, ...]) -> Batch:
        """Draw as many tiles as the settings say; the classes give the order of the outputs."""
        plans = self.sampler.draw(settings.batch)
        tiles = self._reader.read(plans)
        pixels = with_intensities(tiles.pixels, plans.intensities, self._random)
        margin = self._architecture.margin
        answered = np.s_[:, margin : plans.side - margin, margin : plans.side - margin]
        labels = tiles.labels[answered]
        weights = on_device(self._balance, self._device)[labels] * tiles.weights[answered]
        masked = random_mask(weights, settings.pixel_share, self._random)
        outputs = np.zeros(256, np.int64)
        outputs[list(class_ids)] = np.arange(len(class_ids))
        return Batch(pixels, on_device(outputs, self._device)[labels], masked)

    def let_go(self) -> None:
        """Give back the memory of what was read for tiles."""
        self._reader.let_go()
