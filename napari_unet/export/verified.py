"""Files that are read back before they take their final name."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from napari_unet.errors import UserError
from napari_unet.storage import replace_file

# What decoders raise on damaged bytes: tifffile ValueError, imagecodecs RuntimeError, Pillow SyntaxError and OSError.
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    RuntimeError,
    SyntaxError,
    struct.error,
    zlib.error,
)


def write_verified(
    path: Path,
    write: Callable[[Path], object],
    difference: Callable[[Path], str],
    replace: Callable[[Path, Callable[[Path], object]], None] = replace_file,
) -> Path:
    """Write a file beside ``path``, compare what it holds with what it should, and only then move it into place.

    Parameters
    ----------
    path : the file's final name; an existing file there is replaced, or kept as it was where anything fails
    write : fills the path it is given
    difference : reads the path it is given and tells in words what is wrong, "" where all is as it should be
    replace : moves what was written into place; ``storage.replace_folder`` for a folder

    Raises
    ------
    UserError
        NU-E01 when the file cannot be written, NU-E03 when it does not hold what was written.
    """

    def write_and_compare(temporary: Path) -> None:
        write(temporary)
        wrong = _read_difference(temporary, difference)
        if wrong:
            fix = "free disk space, check the disk, then export again or choose another format"
            raise UserError("NU-E03", f"the written file does not hold the result ({wrong})", str(path), fix)

    replace(path, write_and_compare)
    return path


def array_difference(found: Shaped[np.ndarray, "..."], expected: Shaped[np.ndarray, "..."]) -> str:
    """Tell in words how two arrays differ in shape, type or values; "" where they are equal."""
    if found.shape != expected.shape:
        return f"shape {found.shape} instead of {expected.shape}"
    if found.dtype != expected.dtype:
        return f"type {found.dtype} instead of {expected.dtype}"
    wrong = int(np.count_nonzero(found != expected))
    return f"{wrong} of {expected.size} values differ" if wrong else ""


def _read_difference(path: Path, difference: Callable[[Path], str]) -> str:
    try:
        return difference(path)
    except UNREADABLE as error:
        return f"it cannot be read back: {' '.join(str(error).split())[:200]}"
