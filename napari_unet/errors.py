"""Errors that a user can act on, and errors of this program; every message has a stable code."""

import contextlib
import logging
import os
import re
import traceback
import unicodedata
from collections.abc import Iterator
from pathlib import Path

# Wrong input of a user causes none of these in code of ours, which checks what it reads before it uses it.
PROGRAM_ERRORS = (AttributeError, TypeError, NameError, ImportError, NotImplementedError)
PROGRAM_ERROR = "NU-X01"  # code of an error of this program
LOG_NAME = ".napari-unet.log"

_LONGEST_PATH = 4096
_LONGEST_LOG = 2**20  # bytes; a longer log begins anew
_PACKAGE = Path(__file__).resolve().parent
# Python's words for a call that does not fit the called library, in whichever file the error is raised.
_MISUSE = re.compile(r"unexpected keyword argument|positional argument|keyword-only argument|^module '.*' has no attr")


class UserError(Exception):
    """Wrong input or environment, told as ``NU-xxx: what, where, what to do``.

    Parameters
    ----------
    code : stable key of the message, ``NU-`` + room letter + two digits (docs/troubleshooting.md lists them)
    what : what is wrong, with the value seen
    where : the file, layer or setting it concerns
    fix : what the user can do about it
    """

    def __init__(self, code: str, what: str, where: str, fix: str) -> None:
        super().__init__(printable(f"{code}: {what}, {_shortened(where)}, {fix}"))
        self.code = code
        self.what = what
        self.where = where
        self.fix = fix

    def __reduce__(self) -> tuple[type["UserError"], tuple[str, str, str, str]]:
        return type(self), (self.code, self.what, self.where, self.fix)  # an exception is rebuilt from one line else


def printable(text: str) -> str:
    """Return text as one line that a terminal shows and does not obey.

    Line ends, escapes, marks that turn the direction of writing and bytes that are no text are written as Python
    writes them in a string. Spaces of every width stay.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else ascii(letter)[1:-1]
        for letter in text
    )


def _shortened(where: str) -> str:
    """Return a path that is too long for any system with its middle left out."""
    return where if len(where) <= _LONGEST_PATH else f"{where[:100]} ... {where[-100:]}"


def is_ours(error: BaseException) -> bool:
    """Tell whether an exception is an error of this program rather than of its input.

    It is one when its type is one of ``PROGRAM_ERRORS`` and it was raised in a module of ours, or where a library was
    called in a way that it does not know. The libraries raise the same types in their own modules on damaged files.
    """
    if not isinstance(error, PROGRAM_ERRORS):
        return False
    if isinstance(error, NameError) and not isinstance(error, AttributeError):
        return True
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    raised_here = bool(frames) and _PACKAGE in Path(frames[-1].f_code.co_filename).resolve().parents
    return raised_here or is_misuse(error)


def is_misuse(error: BaseException) -> bool:
    """Tell whether an exception says that something was called or looked up in a way that no input can cause."""
    return isinstance(error, PROGRAM_ERRORS) and _MISUSE.search(str(error)) is not None


def program_error(error: BaseException, where: str) -> UserError:
    """Write the traceback of an error of this program to the log, and return the line that tells of it."""
    told = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    fix = f"please report it with {_logged(error)}"
    return UserError(PROGRAM_ERROR, f"an error of this program, nothing was changed ({told})", where, fix)


def system_error(error: OSError, where: str) -> UserError:
    """Return the line that tells of a file or folder that the system refuses, named by the error itself where it can.

    Parameters
    ----------
    where : the file, if the error names none
    """
    what = f"it cannot be opened ({error.strerror or type(error).__name__})"
    return UserError("NU-I10", what, os.fsdecode(error.filename or where), "check the path and its permissions")


def told_in_one_line(error: Exception, where: str) -> UserError:
    """Return what a user is told of any exception; what is neither theirs nor the system's is an error of ours."""
    if isinstance(error, UserError):
        return error
    return system_error(error, where) if isinstance(error, OSError) else program_error(error, where)


@contextlib.contextmanager
def program_errors_told(where: str) -> Iterator[None]:
    """Turn errors of this program into the `UserError` NU-X01; let every other exception pass."""
    try:
        yield
    except PROGRAM_ERRORS as error:
        if is_ours(error):
            raise program_error(error, where) from error
        raise


def _logged(error: BaseException) -> str:
    """Write the traceback to the log in the home folder; return what a report should hold."""
    text = "".join(traceback.format_exception(error))
    logging.getLogger(__name__).debug(text)
    path = Path(os.path.expanduser("~")) / LOG_NAME
    try:
        is_long = path.is_file() and path.stat().st_size > _LONGEST_LOG
        with open(path, "w" if is_long else "a", encoding="utf-8") as log:
            log.write(f"{text}\n")
    except OSError:
        return "what you did before"
    return f"the log {path}"
