"""Laws of the weight map."""

import numpy as np
import pytest

from napari_unet.training.weight_map import border_term, border_weights, class_weights, pixel_weights

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


def expected(distances: float) -> float:
    """1 + w0 exp(-(d1 + d2)^2 / (2 sigma^2))."""
    return float(1 + W0 * np.exp(-(distances**2) / (2 * SIGMA**2)))


def test_between_two_discs_the_distances_add_up_to_the_gap() -> None:
    """On the line between the centres d1 + d2 is the gap, so the weight is the same all the way across."""
    weights = border_weights(painted(LEFT, RIGHT), W0, SIGMA)
    gap = RIGHT - LEFT - 2 * RADIUS
    between = weights[Y, LEFT + RADIUS : RIGHT - RADIUS + 1]
    np.testing.assert_allclose(between, expected(gap), rtol=1e-5)


def test_beside_the_discs_both_distances_count() -> None:
    """Anywhere else the weight follows the Euclidean distances to the nearest pixels of the two discs."""
    weights = border_weights(painted(LEFT, RIGHT), W0, SIGMA)
    for y, x in [(60, 45), (55, 41), (50, 36), (44, 57)]:
        distances = [np.sqrt((YS - y) ** 2 + (XS - x) ** 2)[disc(cx)].min() for cx in (LEFT, RIGHT)]
        assert weights[y, x] == pytest.approx(expected(sum(distances)), rel=1e-4, abs=W0 * 4e-4)  # the reach ends


def test_the_third_object_does_not_matter() -> None:
    """Only the nearest two of several objects count."""
    near, far = painted(LEFT, RIGHT), painted(LEFT, RIGHT, 95)
    np.testing.assert_allclose(
        border_weights(near, W0, SIGMA)[Y, 38:53], border_weights(far, W0, SIGMA)[Y, 38:53], rtol=1e-6
    )


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
    labels = np.zeros((60, 60), np.uint8)
    labels[:20, :50], labels[30, :10], labels[40:50, :10] = 1, 2, 4
    trained = labels > 0
    counts = {k: int((labels == k).sum()) for k in (1, 2, 3, 4)}
    balance = class_weights(counts)
    weights = pixel_weights(labels, trained, balance, np.ones(labels.shape, np.float32))
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
    weights = pixel_weights(labels, trained, class_weights({1: 100, 2: 100}), border)
    np.testing.assert_array_equal(weights > 0, trained)
    assert (weights[~trained] == 0).all()
