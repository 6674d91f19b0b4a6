"""Check what a user says of an image that its file does not say, or says wrongly."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_unet.errors import UserError
from napari_unet.images.image import PixelSize
from napari_unet.project.image_record import ImageRecord

PIXEL_UNITS = ("pixel", "nm", "um", "mm")


def refuse_pixel_size(pixel_size: PixelSize, name: str) -> None:
    """Raise where lengths in this unit could not be computed for the image of that name.

    Raises
    ------
    UserError
        NU-I30.
    """
    if pixel_size.unit not in PIXEL_UNITS or not pixel_size.is_possible:
        raise UserError(
            "NU-I30",
            f"a pixel of {_written(pixel_size)} is not possible",
            name,
            f"give lengths above 0 and one of the units {', '.join(PIXEL_UNITS)}",
        )


def with_slice_distance(pixel_size: PixelSize, before: PixelSize) -> PixelSize:
    """Return the size with the distance between slices that was known before, where it says none in the same unit."""
    if not pixel_size.is_known:
        return replace(pixel_size, z=None)
    return replace(pixel_size, z=before.z) if pixel_size.z is None and pixel_size.unit == before.unit else pixel_size


def _written(size: PixelSize) -> str:
    edges = f"{size.y:g} x {size.x:g} {size.unit}"
    return edges if size.z is None else f"{edges} in slices {size.z:g} {size.unit} apart"


def corrected_axes(record: ImageRecord, axes: str) -> str:
    """Return the axes that the user means, in lower case.

    Raises
    ------
    UserError
        NU-I32 when they do not name every axis of the image once, y and x among them.
    """
    letters = axes.strip().lower()
    once = len(letters) == len(set(letters)) == len(record.shape)
    if not once or not {"y", "x"} <= set(letters) or not all("a" <= letter <= "z" for letter in letters):
        shape = " x ".join(map(str, record.shape))
        raise UserError(
            "NU-I32",
            f"the axes '{axes}' do not fit an image of {shape}",
            record.name,
            "give one letter for each axis: y and x, c for channels, others such as z and t for planes",
        )
    return letters


def chosen_channels(record: ImageRecord, chosen: Sequence[int | np.integer]) -> tuple[int, ...]:
    """Return the channels that the user means, in order; () for all of them.

    Raises
    ------
    UserError
        NU-I34 when there is none, or one that the image has not, or something else than whole numbers.
    """
    there = range(record.all_channels)
    numbers = np.asarray(chosen).tolist()  # those of NumPy as Python's, which alone the project keeps
    if not numbers:
        raise UserError("NU-I34", "no channel is chosen", record.name, "choose at least one")
    # A list of ticks, true or false for each channel, equals numbers and means other channels.
    if not all(type(number) is int and number in there for number in numbers):
        raise UserError(
            "NU-I34",
            f"channels {numbers} cannot be chosen of {record.all_channels}",
            record.name,
            f"choose at least one of 0 to {record.all_channels - 1}",
        )
    wanted = tuple(sorted(set(numbers)))
    return () if len(wanted) == len(there) else wanted
