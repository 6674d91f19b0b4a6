"""Reads what came of training steps without holding up a GPU."""

import math

import torch
from torch import Tensor

from napari_unet.network.device import Device
from napari_unet.network.transfer import Download, download


class StepFates:
    """Tells the loss of each step and whether it may be stepped on; on a GPU one step later."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._reads_later = reads_later(device)
        self._unread: Download | None = None

    def next(self, loss: Tensor, total: Tensor, norm: Tensor) -> float:
        """Take note of a step, and return the loss of the newest step that is known; NaN where it diverged.

        Parameters
        ----------
        loss : of the labelled pixels
        total, norm : what is minimised, and the norm of its gradient; a finite loss can hide a gradient that is not,
            and stepping on it would ruin every weight for good
        """
        is_finite = torch.isfinite(norm) & torch.isfinite(total)
        fate = download([torch.where(is_finite, loss.detach().float(), math.nan)], self._device)
        known = self._unread or fate
        self._unread = fate if self._reads_later else None
        return _loss(known)

    def all_finite(self) -> bool:
        """Wait for the last step; tell whether it may be kept."""
        unread, self._unread = self._unread, None
        return unread is None or not math.isnan(_loss(unread))

    def forget(self) -> None:
        """Take no more note of the last step, which is undone."""
        self._unread = None


def reads_later(device: Device) -> bool:
    """Tell whether a step's fate is read after the next was begun: where commands return before they are done."""
    return device.kind == "cuda"


def _loss(fate: Download) -> float:
    return float(fate.arrived()[0])
