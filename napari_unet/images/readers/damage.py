"""Refusals of image files: every failure of a reader becomes one coded line."""

import contextlib
import math
import stat
import struct
import tokenize
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import tifffile

from napari_unet.errors import UserError, is_ours, program_error

# One read decodes no more than this: a whole PNG or JPEG, one strip, tile or chunk of the other formats.
MAX_DECODED_BYTES = 4 * 2**30
SUPPORTED = "TIFF (also ImageJ and OME), PNG, JPEG, NPY and OME-Zarr folders"

# The libraries raise all of these on mutated TIFF, PNG and Zarr files (errors of codecs are RuntimeErrors).
_RAISED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    ImportError,
    NameError,
    AssertionError,
    SyntaxError,
    MemoryError,
    struct.error,
    zlib.error,
    tokenize.TokenError,
    msgspec.MsgspecError,
    tifffile.OmeXmlError,
    tifffile.TiffFileError,
)


@contextlib.contextmanager
def damage_told(path: Path, *, lacks_memory: bool = False) -> Iterator[None]:
    """Turn whatever a library raises while it reads a file into the `UserError` that tells it.

    Parameters
    ----------
    lacks_memory : whether a ``MemoryError`` is this machine's, and goes on as it is; else it is taken for damage, for
        a damaged file may claim any size

    Raises
    ------
    UserError
        NU-I10 for a file that cannot be opened, NU-I13 for a codec that is missing, NU-I11 for a damaged file, NU-X01
        for an error of this program.
    """
    try:
        yield
    except _RAISED as error:
        if lacks_memory and isinstance(error, MemoryError):
            raise
        raise _failure(path, error) from error


def _failure(path: Path, error: Exception) -> UserError:
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return unopened(path, error)
    if is_ours(error):
        return program_error(error, str(path))
    if isinstance(error, ImportError):
        return unknown_codec(path, str(error))
    return damaged(path, f"{type(error).__name__}: {error}")


def unopened(path: Path, error: OSError) -> UserError:
    """Return the error of a file that the system does not open."""
    reason = error.strerror or type(error).__name__
    what = f"the image cannot be opened ({reason})"
    return UserError("NU-I10", what, str(path), "check the path and its permissions")


def refuse_special(path: Path) -> None:
    """Refuse a pipe, a device or a socket, which opening could wait for without an end.

    Raises
    ------
    UserError
        NU-I10
    OSError
        For a path that the system does not know.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        what = "the image cannot be opened (it is no file but a pipe, a device or a socket)"
        raise UserError("NU-I10", what, str(path), "give the path of an image file")


def changed(path: Path) -> UserError:
    """Return the error of a file that is another than the one that was opened."""
    what = "the file changed after it was opened"
    return UserError("NU-I15", what, str(path), "open the image again to use its new content")


def damaged(path: Path, reason: str) -> UserError:
    """Return the error of a damaged file; the reason is cut to one short line."""
    line = " ".join(reason.split())[:160]
    what = f"the image is damaged or incomplete ({line})"
    return UserError("NU-I11", what, str(path), "copy or export the file again")


def unsupported(path: Path, what: str) -> UserError:
    """Return the error of a file in a format that no reader knows."""
    return UserError("NU-I12", what, str(path), f"convert it to one of {SUPPORTED}")


def unknown_codec(path: Path, codec: str) -> UserError:
    """Return the error of pixels that are packed with a codec that is missing or not allowed."""
    what = f"the pixels are packed with a codec that cannot be used ({codec})"
    return UserError("NU-I13", what, str(path), "save it with LZW, ZIP, zstd or blosc")


def refuse_bomb(path: Path, shape: Sequence[int], itemsize: int) -> None:
    """Refuse pixels of which one read would decode more than ``MAX_DECODED_BYTES``.

    Raises
    ------
    UserError
        NU-I14 with the sizes seen.
    """
    size, limit = math.prod(shape) * itemsize, MAX_DECODED_BYTES
    if size > limit:
        pixels = " x ".join(map(str, shape))
        what = f"{pixels} pixels expand to {size / 2**30:.3g} GB at once and the limit is {limit / 2**30:.3g} GB"
        raise UserError("NU-I14", what, str(path), "save it as tiled TIFF or OME-Zarr")
