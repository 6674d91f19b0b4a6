"""The loss of one training step: labelled pixels by their classes, the others by the EMA."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_unet.config import Settings
from napari_unet.network.device import Device
from napari_unet.network.unet import DeepShallowHead, UNet
from napari_unet.training.batch import Batch
from napari_unet.training.consistency import consistency, disturbed
from napari_unet.training.device_group import Alone
from napari_unet.training.losses import Loss


@dataclass(frozen=True, slots=True)
class StepLoss:
    """Computes the loss of a network on batches.

    Attributes
    ----------
    network : that learns
    teacher : its EMA
    random : disturbs the pixels
    group : processes that share every batch
    """

    network: UNet
    teacher: UNet
    device: Device
    random: np.random.Generator
    group: Alone

    def __call__(self, batch: Batch, settings: Settings) -> tuple[Tensor, Tensor]:
        """Return the loss of the labelled pixels, and the total loss to minimise, that of all other pixels included."""
        has_teacher = self._has_teacher(settings)
        # Drawn for the whole batch: every process of a group then has the same random numbers as one alone.
        shown = self.group.own(disturbed(batch.pixels, self.random) if has_teacher else batch.pixels)
        own = batch.own(self.group)
        teacher_logits = self._teacher_logits(own.pixels) if has_teacher else None
        logits = self._logits(shown)
        total_of = self.group.total
        loss_of = Loss(settings.loss, settings.label_smoothing, total=total_of)
        loss = loss_of(self._without_prior(logits), own.target, own.loss_weights)
        if teacher_logits is None:
            return loss, loss
        unlabelled = own.loss_weights == 0
        return loss, loss + settings.consistency * consistency(logits, teacher_logits, unlabelled, total_of)

    def _has_teacher(self, settings: Settings) -> bool:
        """Tell whether the EMA can teach: where it began at random it cannot yet."""
        return settings.consistency > 0 and isinstance(self.network.head, DeepShallowHead)

    @torch.no_grad()
    def _teacher_logits(self, pixels: Tensor) -> Tensor:
        with self.device.autocast():
            logits: Tensor = self.teacher(pixels)
        return logits

    def _logits(self, pixels: Tensor) -> Tensor:
        self.network.train()
        with self.device.autocast():
            logits: Tensor = self.network(pixels)
        return logits

    def _without_prior(self, logits: Tensor) -> Tensor:
        """Subtract the head's prior.

        The loss counts every class alike, and must not unlearn how often the head expects each in an image.
        """
        head = self.network.head
        return logits - head.prior[:, None, None] if isinstance(head, DeepShallowHead) else logits
