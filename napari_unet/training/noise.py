"""Random numbers that are drawn on the device, from a generator of the host."""

from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def seeded_dropout(random: np.random.Generator, process: int = 0) -> Iterator[None]:
    """Let the same state of ``random`` drop the same numbers: dropout draws from torch's own generator, and no other.

    Processes that share a batch have the same state; their numbers, from 0 on, let each drop others for its tiles.
    What else in this process draws from that one is left alone, on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(random.integers(2**63 - 1)) + process)
        yield


def _seeded(device: torch.device, random: np.random.Generator) -> torch.Generator:
    return torch.Generator(device).manual_seed(int(random.integers(2**63 - 1)))
