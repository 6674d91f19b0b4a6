"""Turn what a damaged or foreign database makes of a read into one line for the user."""

import sqlite3
import zlib
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import msgspec

from napari_unet.errors import UserError, is_misuse, program_error

_DAMAGE = (
    sqlite3.DatabaseError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    RecursionError,
    zlib.error,
    msgspec.MsgspecError,
)
_WHERE = "project.sqlite"
P = ParamSpec("P")
T = TypeVar("T")


def is_of_damage(error: BaseException | None) -> bool:
    """Tell whether an error is that of SQLite for a database that is damaged or truncated."""
    return getattr(error, "sqlite_errorname", "").startswith("SQLITE_CORRUPT")


def damage_told(read: Callable[P, T]) -> Callable[P, T]:
    """Decorate a method that reads the database, so that damage is raised as a ``UserError`` (NU-P01 or NU-P12)."""

    @wraps(read)
    def told(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return read(*arguments, **named)
        except sqlite3.OperationalError as error:  # a drive that is gone, another program that holds the database
            what = f"the project cannot be read ({error})"
            raise UserError("NU-P01", what, _WHERE, "check the drive and the folder, then try again") from error
        except _DAMAGE as error:
            # A value of a damaged database may have any type; a call that Python refuses has nothing to do with it.
            if is_misuse(error):
                raise program_error(error, _WHERE) from error
            what = f"the project holds something that it cannot hold ({' '.join(str(error).split())[:160]})"
            fix = "run napari-unet verify --repair, or restore the project from a copy"
            raise UserError("NU-P12", what, _WHERE, fix) from error

    return told
