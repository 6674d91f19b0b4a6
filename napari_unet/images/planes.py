"""Normalised planes of images, the recent ones kept in memory."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Num

from napari_unet.images.image import Image
from napari_unet.images.lazy_plane import LazyPlane, Planes
from napari_unet.images.normalisation import Normalisation, measure_normalisation
from napari_unet.images.plane_stack import PlaneStack
from napari_unet.images.raw_plane import RawPlane
from napari_unet.images.recently_used import RecentlyUsed

_BUDGET_BYTES = 512 * 2**20
_OPENED_BYTES = 256 * 2**20  # limit of pixels in formats that are decoded at once
_OPENED_COST = 2 * 2**20  # bytes that any opened image counts for, which bounds the number of open files too

WHOLE = 4096**2  # px; planes with more of them are read and kept piece by piece


class NormalisedPlanes:
    """Hand out the planes of an image as the network reads them; the percentiles are measured once, on first use.

    Parameters
    ----------
    image : the image whose pixels are read
    kept : cache of planes and pieces, which several images may share; by default one of 512 MiB for this image
    image_id : number that tells the planes of this image from others in ``kept``
    """

    def __init__(self, image: Image, kept: Planes | None = None, image_id: int = 0) -> None:
        self.image = image
        self._image_id = image_id
        self._normalisation: Normalisation | None = None
        self._kept = Planes(_BUDGET_BYTES, _nbytes) if kept is None else kept

    @property
    def normalisation(self) -> Normalisation:
        """Return the raw values that become -1 and +1."""
        if self._normalisation is None:
            self._normalisation = measure_normalisation(self.image)
        return self._normalisation

    def __getitem__(self, plane: int) -> Float32[np.ndarray, "y x c"] | LazyPlane:
        """Return the normalised pixels of a plane, those of a large plane lazily; do not write into them."""
        if self.image.height * self.image.width > WHOLE:
            return LazyPlane(self.image, plane, self.normalisation, self._kept, self._image_id)
        return self._kept.get((self._image_id, plane), lambda: self.normalisation.apply(self.image.read(plane)))

    def with_context(self, plane: int, context_planes: int) -> Float32[np.ndarray, "y x c"] | LazyPlane | PlaneStack:
        """Return a plane with ``context`` planes on either side, as a network reads it that sees them."""
        if context_planes == 0:
            return self[plane]
        return PlaneStack(tuple(self[each] for each in self.image.with_context(plane, context_planes)))

    def raw(self, plane: int, context_planes: int) -> RawPlane:
        """Return a plane with its context planes as the image holds it, for work that sees every pixel but once."""
        image = self.image
        is_at_hand = isinstance(image.pixels, np.ndarray) or image.height * image.width > WHOLE
        kept = None if is_at_hand else self._kept
        planes = image.with_context(plane, context_planes)
        return RawPlane(image, planes, self.normalisation, kept, self._image_id)


class OpenedImages:
    """Open images by number when they are asked for; memory is bounded, however many there are.

    Parameters
    ----------
    open_image : function that opens the image of a number
    planes_bytes : limit of all normalised planes and pieces together
    opened_bytes : limit of the images themselves, as opened
    """

    def __init__(
        self, open_image: Callable[[int], Image], planes_bytes: int = _BUDGET_BYTES, opened_bytes: int = _OPENED_BYTES
    ) -> None:
        self.planes = Planes(planes_bytes, _nbytes)
        self.opened: RecentlyUsed[int, NormalisedPlanes] = RecentlyUsed(opened_bytes, _opened_cost)
        self._open = open_image

    def __getitem__(self, image_id: int) -> NormalisedPlanes:
        return self.opened.get(image_id, lambda: NormalisedPlanes(self._open(image_id), self.planes, image_id))

    def forget(self, image_id: int) -> None:
        """Drop an image and its planes, so that it is opened anew when it is asked for."""
        self.opened.drop(image_id)
        for key in self.planes:
            if key[0] == image_id:
                self.planes.drop(key)


def _nbytes(pixels: Num[np.ndarray, "y x c"]) -> int:
    return pixels.nbytes


def _opened_cost(planes: NormalisedPlanes) -> int:
    pixels = planes.image.pixels
    return _OPENED_COST + (pixels.nbytes if isinstance(pixels, np.ndarray) else 0)
