"""The files of a Zarr image, none of which is read through a link that leads out of its folder."""

import os
import stat
from pathlib import Path
from typing import Any

from zarr.storage import LocalStore

from napari_unet.images.readers.contained_files import refuse_outside


class ContainedStore(LocalStore):  # type: ignore[misc] # zarr comes without types here
    """Reads metadata and chunks of one array.

    Parameters
    ----------
    image : folder of the whole image, in which every file has to lie
    folder : of the array
    """

    def __init__(self, image: Path, folder: Path) -> None:
        super().__init__(folder, read_only=True)
        self._image = image
        self._inside: set[str] = set()  # folders that lie in the image, links in their paths followed

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Read a file, or a part of it; None where there is none."""
        self._refuse(key)
        return await super().get(key, prototype, byte_range)

    def get_sync(self, key: str, **how: Any) -> Any:
        """Do the same at once."""
        self._refuse(key)
        return super().get_sync(key, **how)

    def _refuse(self, key: str) -> None:
        # A plane may have thousands of chunks, and to follow every link of a path takes longer than to read a small
        # one: a plain file in a folder that is known is inside.
        file = os.path.join(self.root, key)
        folder = os.path.dirname(file)
        try:
            mode = os.lstat(file).st_mode
        except OSError:
            return  # no chunk there, or one that reading tells of
        if folder in self._inside and stat.S_ISREG(mode):
            return
        refuse_outside(self._image, Path(file))
        if not stat.S_ISLNK(mode):
            self._inside.add(folder)
