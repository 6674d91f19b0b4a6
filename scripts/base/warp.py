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
    place = _places(picture, side, scale, random)
    step = round(1 / scale) if scale < _ALIASING else 1
    pixels = functional.avg_pool2d(torch.from_numpy(picture.pixels)[None], step)
    labels = torch.from_numpy(picture.labels).float()[None, None]
    return _read(pixels, place, step, "bilinear"), _read(labels, place, 1, "nearest")[0].to(torch.uint8)


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


def _read(image: Tensor, place: Tensor, step: int, mode: str) -> Tensor:
    """Read values (c, side, side) of an image (1, c, y, x) that was pooled by ``step``, mirrored beyond its rim."""
    height, width = image.shape[-2:]
    # By the pooled size: what is left over at the rim belongs to no pooled pixel.
    normal = (place + 0.5) / (step * torch.tensor([width, height])) * 2 - 1
    return functional.grid_sample(image, normal[None], mode, padding_mode="reflection", align_corners=False)[0]
