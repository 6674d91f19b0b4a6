"""Layouts of the classes of a drawn image: objects, tissues, regions, lines."""

import numpy as np
from scipy.spatial import KDTree

from scripts.base.fields import smooth


def layout(random: np.random.Generator, side: int) -> np.ndarray:
    """Draw class indices uint8 (side, side), from 0 without gaps."""
    draw = _LAYOUTS[int(random.integers(len(_LAYOUTS)))]
    labels = draw(random, side)
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.uint8)


def _blobs(random: np.random.Generator, side: int) -> np.ndarray:
    """Draw roundish objects, perhaps with a core of another class, perhaps a second kind of another size."""
    labels = np.zeros((side, side), np.uint8)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    radius = random.uniform(4, 28)
    warp = smooth(random, side, max(2, radius / 2)) * random.uniform(0, 0.3)
    nested = random.random() < 0.4
    core = random.uniform(0.3, 0.8)
    two_kinds = random.random() < 0.3
    for _ in range(int(random.uniform(0.15, 0.6) * side * side / (np.pi * radius * radius)) + 1):
        cy, cx = random.uniform(0, side, 2)
        second = two_kinds and random.random() < 0.4
        r = radius * random.uniform(0.7, 1.3) * (0.45 if second else 1)
        angle, stretch = random.uniform(0, np.pi), random.uniform(0.6, 1)
        box = np.s_[max(0, int(cy - 2 * r)) : int(cy + 2 * r) + 1, max(0, int(cx - 2 * r)) : int(cx + 2 * r) + 1]
        dy, dx = y[box] - cy, x[box] - cx
        u = (dy * np.sin(angle) + dx * np.cos(angle)) / r
        v = (dx * np.sin(angle) - dy * np.cos(angle)) / (r * stretch)
        distance = np.hypot(u, v) + warp[box]
        labels[box][distance < 1] = 1
        if nested:
            labels[box][distance < core] = 2
        if second:
            labels[box][distance < 1] = 3 if nested else 2
    return labels


def _cells(random: np.random.Generator, side: int) -> np.ndarray:
    """Draw a tissue: cells side by side with membranes, perhaps of two kinds, perhaps with nuclei."""
    count = int(random.uniform(8, 90))
    points = random.uniform(0, side, (count, 2))
    warp = np.stack([smooth(random, side, 10), smooth(random, side, 10)], -1) * random.uniform(0, 5)
    grid = np.moveaxis(np.mgrid[:side, :side], 0, -1) + warp
    distances, nearest = (np.asarray(found) for found in KDTree(points).query(grid, k=2))
    gap = distances[..., 1] - distances[..., 0]
    kinds = random.integers(0, 2 if random.random() < 0.5 else 1, count)
    labels = kinds[nearest[..., 0]].astype(np.uint8)
    labels[gap < random.uniform(1.5, 6)] = 2
    if random.random() < 0.3:
        labels[distances[..., 0] < random.uniform(3, 8)] = 3
    return np.asarray(labels)


def _territories(random: np.random.Generator, side: int) -> np.ndarray:
    """Draw regions of a smooth random field, two to four classes."""
    field = smooth(random, side, random.uniform(4, 24))
    shares = np.sort(random.uniform(0.15, 0.85, int(random.integers(1, 4))))
    return np.asarray(np.digitize(field, np.quantile(field, shares)))


def _threads(random: np.random.Generator, side: int) -> np.ndarray:
    """Draw thin lines: filaments, vessels, membranes."""
    labels = np.zeros((side, side), np.uint8)
    for class_index in range(1, int(random.integers(2, 4))):
        field = smooth(random, side, random.uniform(6, 24))
        steepness = np.hypot(*np.gradient(field)) + 1e-3
        labels[np.abs(field) / steepness < random.uniform(0.8, 5)] = class_index
    return labels


_LAYOUTS = (_blobs, _blobs, _cells, _territories, _threads)
