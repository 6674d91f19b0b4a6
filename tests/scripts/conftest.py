"""Images that base weights learn from in tests."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from scripts.base.picture import Picture
    from scripts.base.sets import BaseSet


@pytest.fixture(scope="session")
def base_set() -> "BaseSet":
    """Three pictures of discs with rims."""
    from scripts.base.sets import BaseSet

    return BaseSet("discs", 1.0, tuple(discs(seed) for seed in range(3)), ((0, 1, 1), (0, 1, 2)))


def discs(seed: int) -> "Picture":
    from scripts.base.picture import Picture
    from scripts.base.sets import object_classes

    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:160, :150]
    objects = np.zeros((160, 150), np.uint8)
    for number, (y, x) in enumerate(random.integers(0, 150, (8, 2)), 1):
        objects[np.hypot(rows - y, columns - x) < 18] = number
    pixels = 100.0 * (objects > 0) + random.normal(0, 10, objects.shape)
    return Picture.of(pixels[..., np.newaxis], object_classes(objects))
