"""Numbers on the annotation layer, which a script or another plugin may set to any integers."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Integer, UInt8

from napari_unet.errors import UserError
from napari_unet.images.labels import MAX_CLASS

ANNOTATION = "annotation"
_FIX = "give 0 (unlabelled) or the number of a class, or undo; all other strokes are saved"


def class_numbers(
    values: Integer[np.ndarray, "h w"], classes: Sequence[int], stored: Callable[[], UInt8[np.ndarray, "h w"]]
) -> tuple[UInt8[np.ndarray, "h w"], UserError | None]:
    """Return the strokes of a plane that can be saved, and why others cannot.

    A number that is no class is never wrapped into one: such pixels keep what is stored. A number that is stored
    already is sound, as a class can be lost with a damaged database.

    Parameters
    ----------
    values : pixels of the annotation layer, of any integer type
    classes : numbers of all classes that ever were, in ascending order
    stored : reads what the project holds at these pixels

    Returns
    -------
    labels : 0 unlabelled, else a class
    error : NU-A03 for a negative number, NU-A04 for one above 255, NU-A12 for one without a class, else None
    """
    lowest = 0 if values.dtype.kind == "u" else int(values.min(initial=0))
    highest = int(values.max(initial=0))
    if lowest >= 0 and highest <= len(classes) and list(classes) == list(range(1, len(classes) + 1)):
        return np.ascontiguousarray(values, dtype=np.uint8), None
    before = stored()
    refused = ~np.isin(values, [0, *classes]) & (values != before)
    labels = np.where(refused, before, values).astype(np.uint8)
    return labels, _error(values[refused], lowest) if refused.any() else None


def _error(refused: Integer[np.ndarray, " n"], lowest: int) -> UserError:
    if lowest < 0:
        return UserError("NU-A03", f"the layer holds the number {lowest}", ANNOTATION, _FIX)
    highest = int(refused.max())
    if highest > MAX_CLASS:
        return UserError(
            "NU-A04", f"the layer holds the number {highest}, at most {MAX_CLASS} can be", ANNOTATION, _FIX
        )
    return UserError("NU-A12", f"{highest} is not one of the classes", ANNOTATION, _FIX)
