"""Draws which tiles to train on, around labelled pixels, every class as often as the others."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.dataset.augmentation import (
    DEFAULT,
    Augmentation,
    Intensities,
    Motions,
    draw_intensities,
    draw_motions,
)


class TilePlans(NamedTuple):
    """Say where tiles lie and how they are varied; no pixel is read yet.

    Attributes
    ----------
    side : of every tile, px
    keys : the plane of each tile
    pixels : row and column in the plane of the trained pixel that each tile is drawn around
    motions : from the tile into the plane, counted from that pixel
    """

    side: int
    keys: list[PlaneKey]
    pixels: Int64[np.ndarray, "b 2"]
    motions: Motions
    intensities: Intensities


class Sampler:
    """Draws training tiles from annotations.

    Parameters
    ----------
    tile : side of a tile, px
    rim : px on every side of a tile for which the network gives no answer
    context_planes : planes on either side that the network sees
    """

    def __init__(
        self,
        annotations: Annotations,
        tile: int,
        random: np.random.Generator,
        augmentation: Augmentation = DEFAULT,
        rim: int = 0,
        context_planes: int = 0,
    ) -> None:
        self._annotations = annotations
        self._augmentation = augmentation
        self._random = random
        self._rim = rim
        self._context_planes = context_planes
        self.refresh(tile)

    def refresh(self, tile: int) -> None:
        """Take note of strokes that changed."""
        self._tile = tile
        planes = self._annotations.planes
        self._classes = [class_id for class_id, count in self._annotations.counts().items() if count]
        self._channels = self._annotations.channels() * (2 * self._context_planes + 1)
        self._planes = {k: [key for key, plane in planes.items() if k in plane.positions] for k in self._classes}
        # The pixels of a class are numbered through its planes: where each plane's end.
        self._ends = {k: np.cumsum([len(planes[key].positions[k]) for key in keys]) for k, keys in self._planes.items()}

    def draw(self, count: int) -> TilePlans:
        """Draw so many tiles, each with at least one trained pixel: a class, one of its pixels, and how it is seen."""
        classes = [self._classes[number] for number in self._random.integers(len(self._classes), size=count)]
        numbers = self._random.integers([int(self._ends[class_id][-1]) for class_id in classes])
        places = [self._place(class_id, int(number)) for class_id, number in zip(classes, numbers, strict=True)]
        # It lies anywhere in the middle half, so that the network cannot learn "the centre is a cell".
        low = self._rim + (self._tile - 2 * self._rim) // 4
        fixed = self._random.integers(low, self._tile - low + 1, (count, 2))
        return TilePlans(
            self._tile,
            [key for key, _, _ in places],
            np.array([(y, x) for _, y, x in places], np.int64),
            draw_motions(fixed, self._tile, self._random, self._augmentation),
            draw_intensities(count, self._channels, self._random, self._augmentation),
        )

    def _place(self, class_id: int, number: int) -> tuple[PlaneKey, int, int]:
        """Return plane, row and column of the trained pixel of a class with this number."""
        ends = self._ends[class_id]
        turn = int(np.searchsorted(ends, number, side="right"))
        key = self._planes[class_id][turn]
        plane = self._annotations.planes[key]
        position = plane.positions[class_id][number - int(ends[turn])]  # counted from the end
        return key, *divmod(int(position), plane.labels.shape[1])
