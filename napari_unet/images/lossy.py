"""Files whose compression changes pixels: good enough to look at, useless for numbers of classes and objects."""

from pathlib import Path

import tifffile

_JPEG = b"\xff\xd8\xff"
# OJPEG, JPEG, alternative JPEG and lossy JPEG, as TIFF numbers compressions.
_TIFF_JPEG = {6, 7, 33007, 34892}


def is_lossy(path: Path) -> bool:
    """Tell whether a file is a JPEG or a TIFF with pages compressed as JPEG, whatever its name says."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if file.read(len(_JPEG)) == _JPEG:
            return True
    try:
        with tifffile.TiffFile(path) as tiff:
            return int(tiff.pages.first.compression) in _TIFF_JPEG
    except tifffile.TiffFileError:
        return False
