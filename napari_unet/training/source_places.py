"""Computes, on the device, where in its plane each pixel of a tile comes from."""

from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor

from napari_unet.dataset.augmentation import Motions, cubic_basis
from napari_unet.network.transfer import on_device


class Places(NamedTuple):
    """Rows and columns in the plane, px, counted from the pixel that each tile is drawn around."""

    rows: Float32[Tensor, "b y x"]
    columns: Float32[Tensor, "b y x"]


def source_places(motions: Motions, side: int, device: torch.device) -> Places:
    """Apply motions to every pixel of their tiles."""
    along = torch.arange(side, device=device)
    fixed = on_device(motions.fixed, device)
    down, right = ((along - fixed[:, axis, None]).float() for axis in (0, 1))
    matrices = on_device(motions.matrices, device)[..., None, None]
    straight = [matrices[:, axis, 0] * down[:, :, None] + matrices[:, axis, 1] * right[:, None, :] for axis in (0, 1)]
    if not motions.displacements.any():
        return Places(*straight)
    basis = on_device(cubic_basis(side), device)
    surfaces = basis @ on_device(motions.displacements, device) @ basis.T
    tiles = torch.arange(len(fixed), device=device)
    at_fixed = surfaces[tiles, :, fixed[:, 0], fixed[:, 1]]
    bent = surfaces - at_fixed[..., None, None]
    return Places(straight[0] + bent[:, 0], straight[1] + bent[:, 1])
