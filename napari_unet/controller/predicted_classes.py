"""The classes that the network said, kept from the tiles that the worker sent for the planes on screen."""

import numpy as np
from jaxtyping import UInt8

from napari_unet.controller.session import Session
from napari_unet.controller.subscriptions import Subscriptions
from napari_unet.controller.view import View
from napari_unet.images.recently_used import RecentlyUsed
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord
from napari_unet.protocol.messages import Tile

_BYTES = 64 * 2**20
_STRIDE = 16  # px; a tile that is missing is wider


class PredictedClasses:
    """Answers which class is predicted where, so that nobody has to read it from a layer.

    Of the planes that were looked at, the newest 64 MiB are kept, or one that is larger.

    Parameters
    ----------
    session : whose image is on screen
    view : says which part of its plane is covered
    subscriptions : tell of tiles, those of older wishes left out
    """

    def __init__(self, session: Session, view: View, subscriptions: Subscriptions) -> None:
        self._session = session
        self._view = view
        self._kept: RecentlyUsed[tuple[int, int, Region], UInt8[np.ndarray, "h w"]]
        self.forget()
        subscriptions.subscribe(Tile, self._keep)

    def of(self, plane: int, region: Region) -> UInt8[np.ndarray, "h w"]:
        """Return a copy of the predicted class ids of a region of the image on screen; 0 where nothing is predicted."""
        found = np.zeros(region.shape, np.uint8)
        if self._session.image is not None:
            cover, classes = self._covered(self._session.image, plane)
            part = region.within(cover)
            found[part.seen_from(region).slices] = classes[part.seen_from(cover).slices]
        return found

    def is_bare(self, plane: int, region: Region) -> bool:
        """Tell whether some of a region of the image on screen is not predicted yet; every 16th pixel is looked at."""
        if self._session.image is None:
            return False
        cover, classes = self._covered(self._session.image, plane)
        part = region.within(cover)
        return not classes[part.seen_from(cover).slices][::_STRIDE, ::_STRIDE].all()

    def forget(self) -> None:
        """Forget all planes: another project is open, or an image was corrected."""
        self._kept = RecentlyUsed(_BYTES, lambda classes: classes.nbytes)

    def _covered(self, image: ImageRecord, plane: int) -> tuple[Region, UInt8[np.ndarray, "h w"]]:
        """Return the covered part of a plane, and the classes that are kept of it."""
        cover = self._view.cover or Region(0, 0, *image.annotation_shape[-2:])
        return cover, self._kept.get((image.id, plane, cover), lambda: np.zeros(cover.shape, np.uint8))

    def _keep(self, tile: Tile) -> None:
        image = self._session.image
        if image is None or tile.image_id != image.id:
            return
        cover, classes = self._covered(image, tile.plane)
        region = tile.region
        part = region.within(cover)
        classes[part.seen_from(cover).slices] = tile.array()[part.seen_from(region).slices]
