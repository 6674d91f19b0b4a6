"""Random numbers that are drawn on the device, from a generator of the host."""

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor


def normal_noise(shape: tuple[int, ...], device: torch.device, random: np.random.Generator) -> Float32[Tensor, "..."]:
    """Draw standard normal numbers on a device; the same state of ``random`` gives the same numbers there."""
    return torch.randn(shape, generator=_seeded(device, random), device=device)


def uniform_noise(shape: tuple[int, ...], device: torch.device, random: np.random.Generator) -> Float32[Tensor, "..."]:
    """Draw numbers in [0, 1) as ``normal_noise`` does."""
    return torch.rand(shape, generator=_seeded(device, random), device=device)


def _seeded(device: torch.device, random: np.random.Generator) -> torch.Generator:
    return torch.Generator(device).manual_seed(int(random.integers(2**63 - 1)))
