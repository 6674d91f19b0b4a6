"""Laws of the weight map."""

import numpy as np
import pytest

from napari_unet import object_weights
from napari_unet.dataset.weight_map import (
    border_term,
    border_weights,
    class_table,
    class_weights,
    end_weights,
    pixel_weights,
)
from napari_unet.images.object_labels import object_labels, ridge

SIGMA, W0 = 5.0, 10.0
Y, LEFT, RIGHT, RADIUS = 50, 30, 60, 8
YS, XS = np.mgrid[:100, :100]


def disc(cx: int) -> np.ndarray:
    """Pixels of a disc on row ``Y``."""
    return (YS - Y) ** 2 + (XS - cx) ** 2 <= RADIUS**2


def painted(*centres: int) -> np.ndarray:
    """Discs of class 2, nothing else labelled."""
    labels = np.zeros((100, 100), np.uint8)
    for cx in centres:
        labels[disc(cx)] = 2
    return labels


def weight_map(labels: np.ndarray, trained: np.ndarray, balance: dict[int, float], border: np.ndarray) -> np.ndarray:
    """The whole weight: that of the class times that of the pixel."""
    return class_table(balance)[labels] * pixel_weights(labels, trained, border)


def expected(distances: float) -> float:
    """1 + w0 exp(-(d1 + d2)^2 / (2 sigma^2))."""
    return float(1 + W0 * np.exp(-(distances**2) / (2 * SIGMA**2)))


def test_between_two_discs_the_distances_add_up_to_the_gap() -> None:
    """On the line between the centres d1 + d2 is the gap, so the weight is the same all the way across."""
    weights = border_weights(painted(LEFT, RIGHT), W0, SIGMA)
    gap = RIGHT - LEFT - 2 * RADIUS
    between = weights[Y, LEFT + RADIUS + 1 : RIGHT - RADIUS]
    np.testing.assert_allclose(between, expected(gap), rtol=1e-5)


def test_beside_the_discs_both_distances_count() -> None:
    """Anywhere else the weight follows the Euclidean distances to the nearest pixels of the two discs."""
    weights = border_weights(painted(LEFT, RIGHT), W0, SIGMA)
    for y, x in [(60, 45), (55, 41), (50, 40), (42, 57)]:
        distances = [np.sqrt((YS - y) ** 2 + (XS - x) ** 2)[disc(cx)].min() for cx in (LEFT, RIGHT)]
        assert weights[y, x] == pytest.approx(expected(sum(distances)), rel=1e-4, abs=W0 * 4e-4)  # the reach ends


def test_the_third_object_does_not_matter() -> None:
    """Only the nearest two of several objects count."""
    near, far = painted(LEFT, RIGHT), painted(LEFT, RIGHT, 95)
    np.testing.assert_allclose(
        border_weights(near, W0, SIGMA)[Y, 38:53], border_weights(far, W0, SIGMA)[Y, 38:53], rtol=1e-6
    )


def test_objects_themselves_weigh_one() -> None:
    """The border term stands on background, however near the next object is."""
    labels = painted(LEFT, LEFT + 2 * RADIUS + 2)
    weights = border_weights(labels, W0, SIGMA)
    assert (weights[labels > 0] == 1).all()
    assert weights[Y, LEFT + RADIUS + 1] > 5


@pytest.mark.parametrize(("radius", "gap"), [(8, 6), (12.4, 9.3), (20, 3)])
def test_two_discs_have_the_closed_form(radius: float, gap: float) -> None:
    """The distance to a disc of radius r around c is |x - c| - r; counted to its pixels it is more, by sqrt(2) at most.

    Every pixel of the disc lies in it, so the nearest is no nearer than its rim. And the circle of radius sqrt(1/2)
    that touches the rim from inside at the point nearest to x holds the centre of a pixel, as every such circle does.
    """
    y, (left, right) = 49.6, (30.2, 30.2 + 2 * radius + gap)
    from_centre = [np.hypot(YS - y, XS - cx) for cx in (left, right)]
    objects = sum(number * (distance <= radius) for number, distance in enumerate(from_centre, start=1))
    weights = object_weights(objects, W0, SIGMA)
    outside = objects == 0
    exact = (from_centre[0] + from_centre[1] - 2 * radius)[outside]
    near = exact < 4 * SIGMA - 2 * np.sqrt(2)  # farther away the term is left out
    found = SIGMA * np.sqrt(-2 * np.log((weights[outside][near] - 1) / W0))
    excess = found - exact[near]
    assert near.sum() > 200
    assert excess.min() > -0.01  # float32
    assert excess.max() < 2 * np.sqrt(2)
    assert (weights[~outside] == 1).all()
    assert weights[outside][~near].max() < 1 + W0 * 0.01


def test_touching_objects_are_two() -> None:
    """Numbers tell touching objects apart, where connection cannot: beside their seam the gap is 2 px."""
    objects = np.zeros((40, 60), np.int32)
    objects[10:20, 10:30], objects[10:20, 30:50] = 7, 3
    weights = object_weights(objects, W0, SIGMA)
    assert weights[9, 29] == pytest.approx(expected(1 + np.sqrt(2)), rel=1e-5)
    assert (weights[objects > 0] == 1).all()
    assert (border_weights(2 * (objects > 0).astype(np.uint8), W0, SIGMA) == 1).all()
    renamed = np.where(objects == 7, 1, np.where(objects == 3, 2, 0))
    np.testing.assert_array_equal(object_weights(renamed, W0, SIGMA), weights)


def test_a_single_object_adds_nothing() -> None:
    """One object, or background alone, has no narrow gap: 1 everywhere, exactly."""
    assert (border_weights(painted(LEFT), W0, SIGMA) == 1).all()
    assert (border_weights(np.ones((30, 30), np.uint8), W0, SIGMA) == 1).all()
    assert not border_term(np.zeros((30, 30), np.int32), SIGMA).any()


def test_background_strokes_are_no_objects() -> None:
    """Strokes of the background beside a cell make no border."""
    labels = painted(LEFT)
    labels[:, 45:50] = 1
    assert (border_weights(labels, W0, SIGMA) == 1).all()


def test_classes_get_the_same_total() -> None:
    """Ten pixels of one class weigh as much as a thousand of another; the mean over labelled pixels is 1."""
    labels = np.ones((60, 60), np.uint8)  # of every pixel: the ends of strokes count less
    labels[30, :10], labels[40:50, :10] = 2, 4
    trained = labels > 0
    counts = {k: int((labels == k).sum()) for k in (1, 2, 3, 4)}
    balance = class_weights(counts)
    weights = weight_map(labels, trained, balance, np.ones(labels.shape, np.float32))
    totals = [float(weights[labels == k].sum()) for k in (1, 2, 4)]
    assert 3 not in balance
    assert totals == pytest.approx([totals[0]] * 3, rel=1e-5)
    assert float(weights[trained].mean()) == pytest.approx(1, rel=1e-5)


def test_nothing_weighs_where_nothing_is_trained() -> None:
    """Unlabelled and held-out pixels weigh exactly 0, even in the narrowest gap; trained ones more than 0."""
    labels = painted(LEFT, LEFT + 20)
    labels[:10] = 1
    trained = labels > 0
    trained[:, :33] = False
    border = border_weights(labels, W0, SIGMA)
    assert border[~trained].max() > 2
    weights = weight_map(labels, trained, class_weights({1: 100, 2: 100}), border)
    np.testing.assert_array_equal(weights > 0, trained)
    assert (weights[~trained] == 0).all()


def test_annotation_of_objects_has_the_border_term_of_the_true_objects() -> None:
    """On the ridge between touching objects and beside it: its pieces are the objects without the ridge."""
    objects = np.zeros((60, 90), np.int32)
    objects[10:50, 10:40], objects[10:50, 40:75] = 4, 9
    labels = object_labels(objects)
    true = np.where(ridge(objects), 0, objects)
    np.testing.assert_allclose(border_weights(labels, W0, SIGMA), object_weights(true, W0, SIGMA), rtol=1e-6)
    assert border_weights(labels, W0, SIGMA)[30, 39] == pytest.approx(expected(3), rel=1e-5)  # d1 = 1, d2 = 2


def test_the_last_pixel_of_a_stroke_counts_less() -> None:
    """Only where unlabelled pixels begin, and only of strokes that have a pixel inside."""
    labels = np.zeros((12, 12), np.uint8)
    labels[2:7, 2:7], labels[2:7, 7:10] = 1, 2  # a stroke, and another class beside it
    labels[9:11, 2:10] = 1  # too thin
    expected = np.ones(labels.shape, np.float32)
    expected[2:7, 2:10] = 0.2
    expected[3:6, 3:9] = 1
    np.testing.assert_allclose(end_weights(labels), expected)
    np.testing.assert_array_equal(end_weights(np.full_like(labels, 2)), 1)
    np.testing.assert_array_equal(end_weights(0 * labels), 1)
    weights = weight_map(labels, labels == 1, {1: 2.0, 2: 3.0}, np.ones(labels.shape, np.float32))
    np.testing.assert_allclose(weights, 2 * expected * (labels == 1))
