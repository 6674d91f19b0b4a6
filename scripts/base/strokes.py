"""Strokes as a user might paint them on a tile, drawn by chance."""

import numpy as np
import torch
from torch import Tensor

_PIXELS = 160  # labelled pixels per class that the head is fitted to, at most
_SMALLEST = 20  # px of a class that is painted at all
_MOST = 4  # strokes per class


def strokes_on(labels: np.ndarray, random: np.random.Generator) -> Tensor | None:
    """Draw a few straight strokes per class of (side, side); return the flat indices (n,) of their pixels.

    None where fewer than two classes can be painted.
    """
    painted = [_painted(labels == class_index, random) for class_index in np.unique(labels)]
    chosen = [flat for flat in painted if len(flat)]
    return torch.from_numpy(np.concatenate(chosen)) if len(chosen) > 1 else None


def _painted(inside: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return flat indices of painted pixels of one class, which is where ``inside`` (side, side) is true."""
    rows, columns = np.nonzero(inside)
    if len(rows) < _SMALLEST:
        return np.empty(0, np.int64)
    y, x = np.mgrid[: inside.shape[0], : inside.shape[1]].astype(np.float32)
    painted = np.zeros_like(inside)
    for _ in range(int(random.integers(1, _MOST + 1))):
        at = int(random.integers(len(rows)))
        angle, half, radius = random.uniform(0, np.pi), random.uniform(4, 30), random.uniform(0.7, 4)
        dy, dx = y - rows[at], x - columns[at]
        along = dy * np.sin(angle) + dx * np.cos(angle)
        across = dx * np.sin(angle) - dy * np.cos(angle)
        painted |= (np.abs(along) < half) & (np.abs(across) < radius)
    flat = np.flatnonzero(painted & inside)
    return random.choice(flat, _PIXELS, replace=False) if len(flat) > _PIXELS else flat
