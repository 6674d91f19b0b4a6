"""Laws of reading a project's database: damage is told as such, and errors of the program are not."""

import sqlite3

import pytest

from napari_unet.errors import UserError
from napari_unet.project.damage import damage_told


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (sqlite3.OperationalError("disk I/O error"), "NU-P01"),
        (sqlite3.DatabaseError("malformed"), "NU-P12"),
        (TypeError("int() argument must be a string, not 'NoneType'"), "NU-P12"),
        (TypeError("read() missing 1 required positional argument: 'plane'"), "NU-X01"),
        (TypeError("read() got an unexpected keyword argument 'plane'"), "NU-X01"),
    ],
)
def test_an_error_of_a_read_has_its_code(error: Exception, code: str) -> None:
    """Values of any type may stand in a damaged database; a call with other arguments cannot come from it."""

    @damage_told
    def read() -> None:
        raise error

    with pytest.raises(UserError, match=f"^{code}: "):
        read()
