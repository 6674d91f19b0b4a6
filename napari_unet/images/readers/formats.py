"""The format of an image file, told by its first bytes."""

from pathlib import Path

from napari_unet.images.readers.damage import damaged, refuse_special, unopened, unsupported
from napari_unet.images.readers.zarr_metadata import METADATA_FILES

SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ".svs", ".lsm", ".stk", ".png", ".jpg", ".jpeg", ".npy")

_MAGIC = {
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"\x93NUMPY": "npy",
}


def format_of(path: Path) -> str:
    """Return the format of a file by its first bytes, because suffixes lie: a key of ``OPENERS`` in reading.py.

    Raises
    ------
    UserError
        NU-I10 to NU-I12 for a file that is missing, damaged or in no known format.
    """
    try:
        if path.is_dir():
            return _folder_format(path)
        refuse_special(path)
        with open(path, "rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise unopened(path, error) from error
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            return name
    if path.suffix.lower() in SUFFIXES:
        raise damaged(path, f"its first bytes do not make a {path.suffix.lower()} file")
    raise unsupported(path, f"the format of '{path.suffix or path.name}' files is not supported")


def _folder_format(path: Path) -> str:
    if not any((path / name).is_file() for name in METADATA_FILES):
        raise unsupported(path, "the folder is not a Zarr image")
    return "zarr"
