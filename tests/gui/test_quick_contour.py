"""Laws of contours: they are napari's own to the pixel, and napari's slow way is not gone."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

napari_layers = pytest.importorskip("napari.layers")
from napari.layers.labels import labels as napari_labels
from napari.layers.labels._labels_utils import get_contours

from napari_unet.gui.layers import quick_contour
from napari_unet.gui.layers.quick_contour import contours, draw_contours_quickly


@given(
    st.integers(0, 999), st.integers(1, 150), st.integers(1, 40), st.integers(1, 9), st.integers(1, 5), st.booleans()
)
def test_contours_are_those_of_napari(
    seed: int, height: int, width: int, grain: int, thickness: int, is_wide: bool
) -> None:
    """Of few and many labels, coarse and fine, in planes that are lower than a strip and higher."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 4, (height // grain + 1, width // grain + 1), np.uint16 if is_wide else np.uint8)
    labels = coarse.repeat(grain, 0).repeat(grain, 1)[:height, :width]
    found = contours(labels, thickness, 0)
    assert found.dtype == labels.dtype
    np.testing.assert_array_equal(found, get_contours(labels, thickness, 0))


def test_a_layer_shows_them_whole_and_in_parts(qapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a brush draws only what it changed; napari's own way took all of a window's time with live tiles."""

    def slow(*_: object) -> None:
        raise AssertionError("contours are found the slow way")

    pixels = np.random.default_rng(0).integers(0, 3, (20, 25), np.uint8).repeat(9, 0).repeat(9, 1)
    theirs, ours = (napari_layers.Labels(pixels.copy()) for _ in range(2))
    draw_contours_quickly(ours)
    theirs.contour = 2
    monkeypatch.setattr(quick_contour, "_STRIP", 50)
    for stroke in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(napari_labels, "get_contours", slow)
            ours.contour = 2
            if stroke:
                ours.paint((90, 90), 1)
        if stroke:
            theirs.paint((90, 90), 1)
        np.testing.assert_array_equal(ours._slice.image.view, theirs._slice.image.view)
        assert (ours._slice.image.view != ours.data).any()
