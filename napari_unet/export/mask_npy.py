"""Masks and objects as NumPy files."""

from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from napari_unet.export.segmentation import Segmentation
from napari_unet.export.verified import array_difference, write_verified
from napari_unet.images.npy_file import fill_npy


def write_npy(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write ``base`` + ".npy", class - 1, and ``base`` + "-objects.npy", object numbers; plane axes, then y, x."""
    shape = segmentation.image.annotation_shape
    return [
        write_array(base.with_name(f"{base.name}.npy"), segmentation.mask.reshape(shape)),
        write_array(base.with_name(f"{base.name}-objects.npy"), segmentation.objects.numbers.reshape(shape)),
    ]


def write_array(path: Path, values: Shaped[np.ndarray, "..."]) -> Path:
    """Write one array and compare what is read back."""
    return write_verified(
        path,
        lambda temporary: fill_npy(temporary, values),
        lambda written: array_difference(np.load(written, allow_pickle=False), values),
    )
