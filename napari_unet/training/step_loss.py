"""The loss of one training step: labelled pixels by their classes, the others by the EMA."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from napari_unet.config import Settings
from napari_unet.network.device import Device
from napari_unet.network.unet import DeepShallowHead, UNet
from napari_unet.training.batch import Batch
from napari_unet.training.consistency import consistency, disturbed
from napari_unet.training.device_group import Alone
from napari_unet.training.losses import BRANCH_WEIGHT, Loss
from napari_unet.training.noise import seeded_dropout


@dataclass(frozen=True, slots=True)
class StepLoss:
    """Computes the loss of a network on batches.

    Attributes
    ----------
    network : that learns
    teacher : its EMA
    random : disturbs the pixels, and decides what dropout drops
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
        branches = self._branches(shown)
        total_of = self.group.total
        loss_of = Loss(settings.loss, settings.label_smoothing, total=total_of)
        labelled = [loss_of(logits, own.target, own.loss_weights) for logits in self._without_prior(branches)]
        loss, total = labelled[0], labelled[0] + BRANCH_WEIGHT * sum(labelled[1:])
        if teacher_logits is None:
            return loss, total
        unlabelled = own.loss_weights == 0
        logits = branches.sum(dim=1)
        return loss, total + settings.consistency * consistency(logits, teacher_logits, unlabelled, total_of)

    def _has_teacher(self, settings: Settings) -> bool:
        """Tell whether the EMA can teach: where it began at random it cannot yet."""
        return settings.consistency > 0 and isinstance(self.network.head, DeepShallowHead)

    @torch.no_grad()
    def _teacher_logits(self, pixels: Tensor) -> Tensor:
        with self.device.autocast():
            logits: Tensor = self.teacher(pixels)
        return logits

    def _branches(self, pixels: Tensor) -> Tensor:
        """Compute the logits of each branch of the head, (b, branches, k, y, x)."""
        self.network.train()
        with self.device.autocast(), self._dropout():
            return self.network.branches(self.network.head_input(pixels))

    def _dropout(self) -> AbstractContextManager[None]:
        """Return a context for the dropout of the network; where it has none, no random number is drawn."""
        has_dropout = any(isinstance(part, nn.Dropout) for part in self.network.modules())
        return seeded_dropout(self.random, self.group.rank) if has_dropout else nullcontext()

    def _without_prior(self, branches: Tensor) -> list[Tensor]:
        """Return the logits of the answer and, where the head has several branches, of each of them by itself.

        The head's prior is left out: the loss counts every class alike, and must not unlearn how often the head
        expects each in an image. It is part of the deep branch, the first.
        """
        head = self.network.head
        if not isinstance(head, DeepShallowHead):
            return [branches[:, 0]]
        deep, shallow = branches[:, 0] - head.prior[:, None, None], branches[:, 1]
        return [deep + shallow, deep, shallow]
