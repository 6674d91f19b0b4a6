"""Copies small arrays to a device without waiting for it."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor


def on_device(values: Shaped[np.ndarray, "*shape"], device: torch.device) -> Shaped[Tensor, "*shape"]:
    """Return an array as a tensor on a device.

    On a GPU it goes through memory that the GPU reads by itself, so that nobody waits for what is computed before.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    return tensor if device.type == "cpu" else _pinned(tensor, device).to(device, non_blocking=True)


def _pinned(tensor: Tensor, device: torch.device) -> Any:
    return tensor.pin_memory() if device.type == "cuda" else tensor
