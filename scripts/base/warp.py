"""Tiles cut from a picture at random places, in random directions and sizes."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from scripts.base.picture import Picture

_ALIASING = 0.8  # pictures that are made smaller than this are pooled first
_BEND = 6  # standard deviation in px of the tile


def warped(picture: Picture, side: int, scale: float, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Cut a tile around a pixel of a random class: turned, scaled, sheared a little, bent on a 3 x 3 grid.

    Parameters
    ----------
    side : of the tile in pixels
    scale : pixels of the tile per pixel of the picture

    Returns
    -------
    pixels : float32 (3, side, side)
    labels : uint8 (side, side)
    """
    place = _folded(_places(picture, side, scale, random), picture.labels.shape)
    columns, rows = place.round().long().unbind(-1)
    labels = torch.from_numpy(picture.labels)[rows, columns]
    return _read(picture.pixels, place, round(1 / scale) if scale < _ALIASING else 1), labels


def _places(picture: Picture, side: int, scale: float, random: np.random.Generator) -> Tensor:
    """Return where in the picture each pixel of the tile comes from: x and y in pixels, (side, side, 2)."""
    spots = picture.spots[int(random.integers(len(picture.spots)))]
    row, column = divmod(int(spots[random.integers(len(spots))]), picture.labels.shape[1])
    centre = np.array([column, row], float) + random.uniform(-side / 3, side / 3, 2) / scale
    matrix = _matrix(scale, random)
    axis = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    grid = torch.stack([x, y], -1)
    if random.random() < 0.5:
        bend = torch.from_numpy(random.normal(0, _BEND, (1, 2, 3, 3))).float()
        grid = grid + functional.interpolate(bend, (side, side), mode="bicubic", align_corners=True)[0].permute(1, 2, 0)
    return grid @ torch.from_numpy(matrix.T).float() + torch.from_numpy(centre).float()


def _matrix(scale: float, random: np.random.Generator) -> np.ndarray:
    """Draw a matrix (2, 2) from the tile to the picture."""
    angle = random.uniform(0, 2 * np.pi) if random.random() < 0.7 else random.integers(4) * np.pi / 2
    stretch = 1.15 ** random.uniform(-1, 1, 2) / scale
    mirror = -1.0 if random.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(turn @ np.diag(stretch * (1, mirror)))


def _folded(place: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Mirror places (side, side, 2) beyond the rim back into a picture of ``shape``, y and x."""
    size = torch.tensor([shape[1], shape[0]], dtype=torch.float32)
    there_and_back = (place + 0.5) % (2 * size)
    return (torch.minimum(there_and_back, 2 * size - there_and_back) - 0.5).clamp_min(0).minimum(size - 1)


def _read(pixels: np.ndarray, place: Tensor, step: int) -> Tensor:
    """Read values (c, side, side) at places in a picture (c, y, x), whose pixels are pooled by ``step``."""
    left, top = (int(low) // step * step for low in place.amin((0, 1)).tolist())
    right, bottom = (int(high) + 2 * step for high in place.amax((0, 1)).tolist())
    cut = torch.from_numpy(np.ascontiguousarray(pixels[:, top:bottom, left:right]))[None]
    pooled = functional.avg_pool2d(cut, step) if step > 1 else cut
    size = step * torch.tensor(pooled.shape[:1:-1])  # what is left over at the rim belongs to no pooled pixel
    normal = (place - torch.tensor([left, top]) + 0.5) / size * 2 - 1
    return functional.grid_sample(pooled, normal[None], padding_mode="border", align_corners=False)[0]
