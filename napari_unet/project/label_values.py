"""Check numbers that are handed over as strokes: each must be 0 or the id of a class."""

from collections.abc import Collection

import numpy as np
from jaxtyping import Int64, Shaped, UInt8

from napari_unet.errors import UserError
from napari_unet.project.classes import MAXIMUM_CLASS


def as_labels(values: Shaped[np.ndarray, "h w"], where: str) -> UInt8[np.ndarray, "h w"]:
    """Return numbers of any type as bytes. Nothing is rounded, and nothing wraps around at 256.

    Parameters
    ----------
    values : 0 unlabelled, else the class id
    where : name of the image

    Raises
    ------
    UserError
        NU-A02 for fractions, NaN and infinity, NU-A03 for negative numbers, NU-A04 for numbers above 255.
    """
    numbers = as_numbers(values, where)
    if numbers.dtype == np.uint8:  # which holds no number above
        return numbers
    highest = numbers.max(initial=0)
    if highest > MAXIMUM_CLASS:
        what = f"strokes hold the value {highest}, at most {MAXIMUM_CLASS} is wanted"
        raise UserError("NU-A04", what, where, "give class numbers, not object numbers")
    return numbers.astype(np.uint8)


def as_numbers(values: Shaped[np.ndarray, "h w"], where: str) -> Shaped[np.ndarray, "h w"]:
    """Return the same values where they are whole numbers of 0 or more.

    Raises
    ------
    UserError
        NU-A02 for fractions, NaN and infinity, NU-A03 for negative numbers; ``where`` names the image.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "buif":
        fix = "give class numbers as whole numbers, best uint8"
        raise UserError("NU-A02", f"strokes are of the type {values.dtype}, integers are wanted", where, fix)
    broken = values[~np.isfinite(values) | (values != np.floor(values))] if values.dtype.kind == "f" else values[:0]
    if broken.size:
        fix = "give class numbers as whole numbers, best uint8"
        raise UserError("NU-A02", f"strokes hold the value {broken.flat[0]}, integers are wanted", where, fix)
    lowest = values.min(initial=0)
    if lowest < 0:
        what = f"strokes hold the value {lowest}, 0 (unlabelled) or more is wanted"
        raise UserError("NU-A03", what, where, "number the classes from 1")
    return values


def refuse_unknown(more: Int64[np.ndarray, "256"], known: Collection[int], where: str) -> None:
    """Raise where strokes hold more pixels than before of a number that was never given to a class.

    What is stored already may stay: a class can be lost with a damaged database, its strokes need not be.

    Parameters
    ----------
    more : by how many pixels each number becomes more
    known : ids of the classes, removed ones included
    where : name of the image

    Raises
    ------
    UserError
        NU-A12.
    """
    unknown = [number for number in np.flatnonzero(more > 0).tolist() if number and number not in known]
    if unknown:
        fix = "add a class for it first, or give the number of one that is there"
        raise UserError("NU-A12", f"{unknown[-1]} is not one of the classes", where, fix)
