"""One number for an object that goes on in the next slice or at the next time."""

import numpy as np
from jaxtyping import Int32, UInt8

_LINKED_AXES = "tz"  # other axes, such as positions of the stage, have no neighbours
_PAGES = "i"  # of a TIFF file that says no more of them: they are a stack or a film, and lie in order


def link_planes(
    numbers: Int32[np.ndarray, "planes y x"],
    values: UInt8[np.ndarray, " objects_and_none"],
    plane_axes: str,
    plane_shape: tuple[int, ...],
    overlap: float,
) -> tuple[Int32[np.ndarray, "planes y x"], UInt8[np.ndarray, " linked_and_none"]]:
    """Give objects of one class that overlap in neighbouring slices, and then at neighbouring times, one number.

    Parameters
    ----------
    numbers : every object of every plane has its own
    values : mask value of each object
    plane_axes, plane_shape : of the planes; linked are slices (z), then, as whole volumes, times (t); and
        pages of a file that has no other axis of planes (i)
    overlap : smallest intersection over union of two objects that are linked; each has one partner at most, and the
        largest overlaps are linked first
    """
    linked = numbers.reshape(*plane_shape, *numbers.shape[1:])
    for axis in sorted(plane_axes, key="zt".find):
        if axis in _LINKED_AXES or plane_axes == _PAGES:
            linked = _linked_along(linked, values, plane_axes, axis, overlap)
    present, new = np.unique(linked, return_inverse=True)
    if present[0] != 0:
        present, new = np.append(0, present), new + 1
    return new.reshape(numbers.shape).astype(np.int32), values[present]


def _linked_along(
    numbers: Int32[np.ndarray, "..."], values: UInt8[np.ndarray, " n"], axes: str, axis: str, overlap: float
) -> Int32[np.ndarray, "..."]:
    # Order of the axes: those that stay apart, the one that is linked, those within one link.
    inner = [k for k, name in enumerate(axes) if axis == "t" and name == "z"]
    along = axes.index(axis)
    outer = [k for k in range(len(axes)) if k != along and k not in inner]
    order = [*outer, along, *inner, numbers.ndim - 2, numbers.ndim - 1]
    turned = np.array(numbers.transpose(order))
    for index in np.ndindex(*turned.shape[: len(outer)]):
        series = turned[index]
        for k in range(1, len(series)):
            series[k] = _renamed(series[k], _partners(series[k - 1], series[k], values, overlap))
    return turned.transpose(np.argsort(order))


def _partners(
    before: Int32[np.ndarray, "*shape"],
    after: Int32[np.ndarray, "*shape"],
    values: UInt8[np.ndarray, " n"],
    overlap: float,
) -> dict[int, int]:
    """Return, for each object of ``after`` that goes on from one of ``before``, the number of that one."""
    both = (before > 0) & (after > 0)
    pairs, shared = np.unique(np.stack([before[both], after[both]]), axis=1, return_counts=True)
    first, second = pairs
    size_before, size_after = _sizes(before), _sizes(after)
    share = np.array(
        [
            count / (size_before[a] + size_after[b] - count)
            for a, b, count in zip(first.tolist(), second.tolist(), shared.tolist(), strict=True)
        ]
    )
    fits = (share >= overlap) & (values[first] == values[second])
    found: dict[int, int] = {}
    taken: set[int] = set()
    for pair in np.argsort(-share, kind="stable"):
        a, b = int(first[pair]), int(second[pair])
        if fits[pair] and a not in taken and b not in found:
            found[b] = a
            taken.add(a)
    return found


def _sizes(numbers: Int32[np.ndarray, "..."]) -> dict[int, int]:
    present, sizes = np.unique(numbers, return_counts=True)
    return dict(zip(present.tolist(), sizes.tolist(), strict=True))


def _renamed(numbers: Int32[np.ndarray, "*shape"], names: dict[int, int]) -> Int32[np.ndarray, "*shape"]:
    present, index = np.unique(numbers, return_inverse=True)
    new = np.array([names.get(number, number) for number in present.tolist()], np.int32)
    return new[index].reshape(numbers.shape)
