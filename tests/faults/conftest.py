"""Fixtures of the fault tests."""

import numpy as np
import pytest
from drawing import Drawing

from napari_unet.images.image import Image


@pytest.fixture
def drawing() -> Drawing:
    """Draw an image of the size that the strokes of the reliability benchmark have, without strokes."""
    from benchmarks.reliability import SIDE

    return Drawing(Image("drawn", np.arange(SIDE * SIDE).reshape(SIDE, SIDE), "yx"))
