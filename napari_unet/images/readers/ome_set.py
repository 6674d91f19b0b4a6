"""OME images in several files: which files are one image."""

import warnings
from pathlib import Path

import tifffile

from napari_unet.errors import PROGRAM_ERROR, UserError
from napari_unet.images.readers.damage import damage_told
from napari_unet.images.readers.ome_xml import read_ome


def files_of_set(path: Path) -> set[Path]:
    """Return all files of the OME image that a file is a part of; the file alone where it says nothing of others."""
    if ".ome." not in path.name.lower() or not path.is_file():
        return {path}
    try:
        with damage_told(path), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with tifffile.TiffFile(path) as file:
                names = read_ome(file.ome_metadata or "").file_names
    except UserError as error:
        if error.code == PROGRAM_ERROR:
            raise
        return {path}  # it is told when it is opened
    inside = {path.with_name(name) for name in names if Path(name).name == name}
    return {path, *inside}
