"""Contours of a Labels layer as napari draws them, found several times faster."""

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Integer
from napari.layers import Labels

_STRIP = 64  # rows at once, so that what is compared stays in the processor's cache


def draw_contours_quickly(layer: Labels) -> None:
    """Let a layer find its contours in this way.

    napari 0.9.2 takes a third of a second for 2048 x 2048 px, anew with each tile that comes: with contours on, the
    window did nothing else. It offers no other way to exchange that; where it asks for its own method no more, contours
    are slow and right.
    """
    layer._calculate_contour = partial(_contour_of, layer)


def contours(labels: Integer[np.ndarray, "y x"], thickness: int, background: int) -> Integer[np.ndarray, "y x"]:
    """Return labels where they border on others, ``thickness`` px inside and 1 px outside, and else the background."""
    found = labels.copy()
    for top in range(0, len(labels), _STRIP):
        first, end = max(0, top - thickness), top + _STRIP
        part, inside = labels[first : end + thickness], slice(top - first, end - first)
        is_within = _reduced(np.maximum, part) == _eroded(part, thickness)
        np.copyto(found[top:end], background, where=is_within[inside])
    return found


def _contour_of(layer: Labels, labels: Any, data_slice: tuple[slice, ...]) -> Any:
    """Return the contours in a part of the labels on screen; None where none are drawn, as for a volume."""
    if layer.contour < 1 or labels.ndim > 2:
        return None
    thickness = int(layer.contour)
    around = tuple(slice(max(0, part.start - thickness), part.stop + thickness) for part in data_slice)
    inside = tuple(
        slice(part.start - wide.start, part.stop - wide.start) for part, wide in zip(data_slice, around, strict=True)
    )
    return contours(np.asarray(labels[around]), thickness, layer.colormap.background_value)[inside]


def _eroded(labels: Integer[np.ndarray, "y x"], times: int) -> Integer[np.ndarray, "y x"]:
    for _ in range(times):
        labels = _reduced(np.minimum, labels)
    return labels


def _reduced(lesser: np.ufunc, labels: Integer[np.ndarray, "y x"]) -> Integer[np.ndarray, "y x"]:
    """Return the minimum or the maximum of each pixel and its four neighbours."""
    found = labels.copy()
    for here, there in ((np.s_[1:], np.s_[:-1]), (np.s_[:-1], np.s_[1:])):
        lesser(found[here], labels[there], out=found[here])
        lesser(found[:, here], labels[:, there], out=found[:, here])
    return found
