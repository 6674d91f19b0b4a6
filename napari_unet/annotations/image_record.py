"""What a project remembers of an image."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.images.image import PixelSize


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What the project remembers of an image; ``path`` is inside the project for images that lived in memory only."""

    id: int
    name: str
    path: Path
    inside: bool
    shape: tuple[int, ...]
    dtype: str
    axes: str
    alpha: bool
    pixel_size: PixelSize
    fingerprint: str

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """Sizes of the axes that are neither y, x nor c."""
        return tuple(n for n, axis in zip(self.shape, self.axes, strict=True) if axis not in "yxc")

    @property
    def annotation_shape(self) -> tuple[int, ...]:
        """Shape of a labels array over the whole image: plane axes, then y, x."""
        return (*self.plane_shape, self.shape[self.axes.index("y")], self.shape[self.axes.index("x")])

    @property
    def planes(self) -> int:
        """Number of planes."""
        return int(np.prod(self.plane_shape, dtype=int))

    @property
    def channels(self) -> int:
        """Channels that are handed out, alpha not counted."""
        return self.shape[self.axes.index("c")] - int(self.alpha) if "c" in self.axes else 1


def image_record(row: Sequence[Any], folder: Path) -> ImageRecord:
    """Make a record of a row of the table ``images`` of the project in ``folder``."""
    image_id, name, reference, relative, inside, shape, dtype, axes, alpha, pixel_y, pixel_x, unit, fingerprint = row
    path = Path(reference)
    beside = folder / relative
    # A project that was moved together with its images finds them beside itself.
    if relative and (inside or not path.exists()) and beside.exists():
        path = beside.resolve()
    return ImageRecord(
        image_id,
        name,
        path,
        bool(inside),
        tuple(json.loads(shape)),
        dtype,
        axes,
        bool(alpha),
        PixelSize(pixel_y, pixel_x, unit),
        fingerprint,
    )
