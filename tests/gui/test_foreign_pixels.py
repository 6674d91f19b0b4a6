"""Laws of pixels that another program reads: its failures are told as its own, ours as ours."""

from typing import Any

import numpy as np
import pytest

from napari_unet.errors import UserError
from napari_unet.gui.layers.foreign_pixels import ForeignPixels


class Failing:
    """Looks like an array, and raises when it is read."""

    shape, dtype = (5, 6), np.dtype(np.uint8)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getitem__(self, key: Any) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError("the drive is gone"), "NU-I61"),
        (AttributeError("'NoneType' object has no attribute 'read'"), "NU-I61"),
        (TypeError("read() got an unexpected keyword argument 'level'"), "NU-X01"),
        (UserError("NU-I15", "the file changed", "a.tif", "open it again"), "NU-I15"),
    ],
)
def test_a_failing_read_has_its_code(error: Exception, code: str) -> None:
    """A plugin may raise anything; a call that nobody could answer is an error of the program."""
    pixels = ForeignPixels(Failing(error), "layer")
    assert (pixels.ndim, pixels.size, pixels.nbytes) == (2, 30, 30)
    with pytest.raises(UserError, match=f"^{code}: "):
        pixels[0, 1:3]
