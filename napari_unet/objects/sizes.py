"""Sizes of objects: those about as large as a typical one of their class are counted, others are left out."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from napari_unet.config import Settings


@dataclass(frozen=True, slots=True)
class ClassSizes:
    """The typical size of a class, and how many of its objects are left out for their size.

    Attributes
    ----------
    typical : diameter in px of a disc as large as a typical object; 0 where the class has no object
    too_small, too_large : number of objects that are left out
    """

    typical: float = 0.0
    too_small: int = 0
    too_large: int = 0


def typical_area(areas: Int64[np.ndarray, " objects"]) -> float:
    """Return the area-weighted median: objects at least so large hold half of the area; 0 without objects.

    Specks are many, but hold little area, so they hardly move it.
    """
    if not areas.size:
        return 0.0
    ordered = np.sort(areas)
    held = np.cumsum(ordered, dtype=np.float64)
    return float(ordered[np.searchsorted(held, held[-1] / 2)])


def of_counted_size(
    areas: Int64[np.ndarray, " objects_and_none"], values: UInt8[np.ndarray, " objects_and_none"], settings: Settings
) -> tuple[Bool[np.ndarray, " objects_and_none"], tuple[ClassSizes, ...]]:
    """Tell for each object whether its size counts, and for each mask value what was left out.

    Parameters
    ----------
    areas, values : pixels and mask value of each object, indexed by its number; 0 is none
    settings : ``object_size`` is the typical diameter, 0 for that of the objects themselves; objects below it divided
        by ``object_range``, or above it times that, do not count; a range of 0 counts all
    """
    counts: Bool[np.ndarray, " objects_and_none"] = np.ones(len(areas), np.bool_)
    counts[0] = False
    diameters: Float64[np.ndarray, " objects_and_none"] = np.sqrt(areas * (4 / math.pi))
    sizes = [ClassSizes() for _ in range(int(values.max(initial=0)) + 1)]
    for value in range(1, len(sizes)):
        mine = values == value
        typical = float(settings.object_size) or math.sqrt(typical_area(areas[mine]) * 4 / math.pi)
        small, large = mine & False, mine & False
        if settings.object_range and mine.any():
            small = mine & (diameters < typical / settings.object_range)
            large = mine & (diameters > typical * settings.object_range)
        counts[small | large] = False
        sizes[value] = ClassSizes(typical if mine.any() else 0.0, int(small.sum()), int(large.sum()))
    return counts, tuple(sizes)
