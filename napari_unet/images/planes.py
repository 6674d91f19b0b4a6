"""Normalised planes of one image, the recent ones kept in memory."""

from collections import OrderedDict

import numpy as np
from jaxtyping import Float32

from napari_unet.images.image import Image
from napari_unet.images.normalisation import Normalisation, measure_normalisation

_BUDGET_BYTES = 512 * 2**20


class NormalisedPlanes:
    """Planes of ``image`` as the network reads them; the percentiles are measured once, on first use."""

    def __init__(self, image: Image, budget_bytes: int = _BUDGET_BYTES) -> None:
        self.image = image
        self._budget = budget_bytes
        self._normalisation: Normalisation | None = None
        self._kept: OrderedDict[int, Float32[np.ndarray, "y x c"]] = OrderedDict()

    @property
    def normalisation(self) -> Normalisation:
        """Raw values that become -1 and +1."""
        if self._normalisation is None:
            self._normalisation = measure_normalisation(self.image)
        return self._normalisation

    def __getitem__(self, plane: int) -> Float32[np.ndarray, "y x c"]:
        """Normalised pixels of a plane; do not write into them."""
        if plane in self._kept:
            self._kept.move_to_end(plane)
            return self._kept[plane]
        pixels = self.normalisation.apply(self.image.read(plane))
        while self._kept and sum(p.nbytes for p in self._kept.values()) + pixels.nbytes > self._budget:
            self._kept.popitem(last=False)
        self._kept[plane] = pixels
        return pixels
