"""The rule that files of a Zarr image lie in its folder."""

import os
import stat
from pathlib import Path

from napari_unet.images.readers.damage import unsupported


def refuse_outside(image: Path, file: Path) -> None:
    """Refuse what lies outside of the folder of an image, and what is no file: reading a pipe waits for ever.

    Raises
    ------
    UserError
        NU-I12
    """
    try:
        mode = os.stat(file).st_mode
    except OSError:
        return  # no chunk there, or one that reading tells of
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise unsupported(image, f"{file.name} of the Zarr image is no file but a pipe, a device or a socket")
    if not Path(os.path.realpath(file)).is_relative_to(os.path.realpath(image)):
        raise unsupported(image, f"the Zarr image points outside of its folder ('{file.name}')")
