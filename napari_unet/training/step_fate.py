"""What came of a training step, read without holding up a GPU."""

import math
from typing import Any

import torch
from torch import Tensor

from napari_unet.network.device import Device


class StepFate:
    """The loss of a step and whether it may be stepped on.

    On a GPU the numbers travel to the host while the next step is computed; asking for them before waits.

    Parameters
    ----------
    loss : of the labelled pixels
    total, norm : what was minimised, and the norm of its gradient; a finite loss can hide a gradient that is not
    """

    def __init__(self, loss: Tensor, total: Tensor, norm: Tensor) -> None:
        is_finite = torch.isfinite(norm) & torch.isfinite(total)
        found = torch.where(is_finite, loss.detach().float(), math.nan)
        self._arrived: Any = None
        if found.is_cuda:
            host = torch.empty_like(found, device="cpu", pin_memory=True)
            self._found = host.copy_(found, non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record()
        else:
            self._found = found

    def loss(self) -> float:
        """Return the loss; NaN where loss or gradient is not finite."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return float(self._found)


def reads_later(device: Device) -> bool:
    """Tell whether a step's fate is read after the next was begun: where commands return before they are done."""
    return device.kind == "cuda"
