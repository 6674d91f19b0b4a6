"""Keep in one record what a project remembers of an image."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.errors import UserError
from napari_unet.images.image import PixelSize
from napari_unet.images.readers.length_units import unit_of
from napari_unet.project.database import Database

_MOST_PIXELS = 2**34  # of a plane; labels of more fit into no memory
# By name: a newer version may have added columns.
SELECT_IMAGES = (
    "SELECT id, name, reference, relative, inside, shape, dtype, axes, alpha, pixel_y, pixel_x, unit, "
    "fingerprint, corrected_axes, chosen_channels, pixel_z FROM images"
)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """Hold what the project remembers of an image.

    Attributes
    ----------
    path : inside the project for images that lived in memory only
    axes : as the user corrected them
    alpha : of the image under ``found_axes``
    fingerprint : no other image of the project has it; ends with ``sampled_fingerprint``
    found_axes : as the image was added with them
    chosen : channels that are handed out, counted from 0; () for all
    """

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
    found_axes: str
    chosen: tuple[int, ...] = ()

    @property
    def sampled_fingerprint(self) -> str:
        """Return ``Image.fingerprint`` under ``found_axes``; images that differ between the sampled rows share it."""
        return self.fingerprint.rpartition("-")[2]

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """Return the sizes of the axes that are neither y, x nor c."""
        return tuple(n for n, axis in zip(self.shape, self.axes, strict=True) if axis not in "yxc")

    @property
    def annotation_shape(self) -> tuple[int, ...]:
        """Return the shape of a labels array over the whole image: plane axes, then y, x."""
        return (*self.plane_shape, self.shape[self.axes.index("y")], self.shape[self.axes.index("x")])

    @property
    def planes(self) -> int:
        """Return the number of planes."""
        return int(np.prod(self.plane_shape, dtype=int))

    @property
    def hides_alpha(self) -> bool:
        """Tell whether the last channel is an alpha channel and is not handed out."""
        return self.alpha and self.axes.find("c") == self.found_axes.find("c")

    @property
    def channels(self) -> int:
        """Return the number of channels that are handed out."""
        return len(self.chosen) or self.all_channels

    @property
    def all_channels(self) -> int:
        """Return the number of channels of the image, alpha not counted."""
        return self.shape[self.axes.index("c")] - int(self.hides_alpha) if "c" in self.axes else 1


class MissingImage(UserError):
    """A project has no such image: NU-P05.

    Attributes
    ----------
    image_id : the number that was asked for
    """

    def __init__(self, image_id: int, folder: str) -> None:
        super().__init__("NU-P05", f"there is no image {image_id}", folder, "choose one of the project's images")
        self.image_id = image_id

    def __reduce__(self) -> tuple[type["MissingImage"], tuple[int, str]]:  # type: ignore[override]
        return type(self), (self.image_id, self.where)


def read_image_record(database: Database, image_id: int) -> ImageRecord:
    """Read the record of one image.

    Raises
    ------
    MissingImage
        When there is no such image.
    """
    row = database.execute(f"{SELECT_IMAGES} WHERE id = ?", (image_id,)).fetchone()
    if row is None:
        raise MissingImage(image_id, str(database.folder))
    return image_record(row, database.folder)


def image_record(row: Sequence[Any], folder: Path) -> ImageRecord:
    """Make a record of a row of ``SELECT_IMAGES`` of the project in ``folder``.

    Raises
    ------
    ValueError
        A row that no version of this program has written.
    """
    (
        image_id, name, reference, relative, inside, shape, dtype, found_axes, alpha, pixel_y, pixel_x, unit,
        fingerprint, corrected_axes, chosen, pixel_z,
    ) = row  # fmt: skip
    path = Path(reference)
    beside = folder / relative
    if inside and not beside.resolve().is_relative_to(folder.resolve()):
        # Earlier versions left the mark of a copy on an image whose copy was gone and that was found elsewhere.
        if beside.resolve() != path.resolve():
            raise ValueError(f"the copy of image {image_id} lies outside of the project")
        inside = False
    # A path that the system does not take at all, such as one that is too long, is not there to os.path.
    # A project that was moved together with its images finds them beside itself.
    if inside or (relative and not os.path.exists(path) and os.path.exists(beside)):
        path = beside.resolve()
    sizes = tuple(json.loads(shape))
    axes = corrected_axes or found_axes
    for named in (found_axes, axes):
        _refuse_strange(image_id, sizes, named)
    # Earlier versions stored the negative scale of a mirrored layer, and napari's words for units, as "centimeter".
    pixel_size = PixelSize(pixel_y, pixel_x, unit_of(str(unit)) or unit, pixel_z).as_known()
    record = ImageRecord(
        image_id, name, path, bool(inside), sizes, dtype, axes, bool(alpha), pixel_size, fingerprint, found_axes,
        tuple(json.loads(chosen)),
    )  # fmt: skip
    there = range(record.all_channels)
    if sorted(set(record.chosen)) != list(record.chosen) or not set(record.chosen) <= set(there):
        raise ValueError(f"channels {chosen} of image {image_id}")
    return record


def _refuse_strange(image_id: int, sizes: tuple[Any, ...], axes: str) -> None:
    named = len(sizes) == len(axes) == len(set(axes)) and {"y", "x"} <= set(axes)
    if not named or any(type(size) is not int or size < 1 for size in sizes):
        raise ValueError(f"shape {sizes} and axes {axes!r} of image {image_id}")
    height, width = sizes[axes.index("y")], sizes[axes.index("x")]
    if height * width > _MOST_PIXELS:
        raise ValueError(f"image {image_id} of {height} x {width} pixels")
