"""Reads what came of training steps without holding up a GPU."""

import math
from typing import Any

import torch
from torch import Tensor

from napari_unet.network.device import Device


class _StepFate:
    """The loss of one step; its number travels to the host while the GPU computes the next step."""

    def __init__(self, loss: Tensor, is_finite: Tensor) -> None:
        found = torch.where(is_finite, loss.detach().float(), math.nan)
        self._arrived: Any = None
        if found.is_cuda:
            host = torch.empty_like(found, device="cpu", pin_memory=True)
            self._found = host.copy_(found, non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record()
        else:
            self._found = found

    def read(self) -> float:
        """Return the loss; NaN where loss or gradient is not finite."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return float(self._found)


class StepFates:
    """Tells the loss of each step and whether it may be stepped on; on a GPU one step later."""

    def __init__(self, device: Device) -> None:
        self._reads_later = reads_later(device)
        self._unread: _StepFate | None = None

    def next(self, loss: Tensor, total: Tensor, norm: Tensor) -> float:
        """Take note of a step, and return the loss of the newest step that is known; NaN where it diverged.

        Parameters
        ----------
        loss : of the labelled pixels
        total, norm : what is minimised, and the norm of its gradient; a finite loss can hide a gradient that is not,
            and stepping on it would ruin every weight for good
        """
        fate = _StepFate(loss, torch.isfinite(norm) & torch.isfinite(total))
        known = self._unread or fate
        self._unread = fate if self._reads_later else None
        return known.read()

    def all_finite(self) -> bool:
        """Wait for the last step; tell whether it may be kept."""
        unread, self._unread = self._unread, None
        return unread is None or not math.isnan(unread.read())

    def forget(self) -> None:
        """Take no more note of the last step, which is undone."""
        self._unread = None


def reads_later(device: Device) -> bool:
    """Tell whether a step's fate is read after the next was begun: where commands return before they are done."""
    return device.kind == "cuda"
