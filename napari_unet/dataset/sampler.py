"""Tiles to train on, drawn around labelled pixels, every class as often as the others."""

import numpy as np

from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.dataset.augmentation import (
    DEFAULT,
    Augmentation,
    TrainingTile,
    augment,
    draw_map,
    vary_intensities,
    warp,
)
from napari_unet.dataset.weight_map import class_weights, weight_map
from napari_unet.images.tiles import Region, read_mirrored


class Sampler:
    """Draws training tiles from annotations, and augments them.

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
        counts = self._annotations.counts()
        self._balance = class_weights(counts)
        self._classes = sorted(self._balance)
        self._planes: dict[int, tuple[list[PlaneKey], np.ndarray]] = {}
        for class_id in self._classes:
            keys = [key for key, plane in self._annotations.planes.items() if class_id in plane.positions]
            sizes = np.array([len(self._annotations.planes[key].positions[class_id]) for key in keys], float)
            self._planes[class_id] = keys, sizes / sizes.sum()

    def draw(self) -> TrainingTile:
        """Draw one augmented tile that holds at least one trained pixel."""
        key, y, x = self._labelled_pixel()
        # It lies anywhere in the middle half, so that the network cannot learn "the centre is a cell".
        low = self._rim + (self._tile - 2 * self._rim) // 4
        high = self._tile - low
        row, column = (int(value) for value in self._random.integers(low, high + 1, 2))
        if self._random.random() < self._augmentation.warp_probability:
            return self._warped(key, (y, x), (row, column))
        region = Region(y - row, x - column, y - row + self._tile, x - column + self._tile)
        return augment(self.cut(key, region), self._random, self._augmentation)

    def cut(self, key: PlaneKey, region: Region) -> TrainingTile:
        """Cut a tile without augmentation; mirrored pixels beyond the rim of the plane carry no weight."""
        plane = self._annotations.planes[key]
        height, width = plane.labels.shape
        pixels = read_mirrored(self._annotations.with_context(key, self._context_planes), region)
        inside = region.clipped(height, width)
        labels = np.zeros(region.shape, np.uint8)
        weights = np.zeros(region.shape, np.float32)
        part = np.s_[inside.y0 - region.y0 : inside.y1 - region.y0, inside.x0 - region.x0 : inside.x1 - region.x0]
        labels[part] = plane.labels[inside.slices]
        weights[part] = weight_map(
            plane.labels[inside.slices], plane.trained[inside.slices], self._balance, plane.border[inside.slices]
        )
        return TrainingTile(pixels, labels, weights)

    def _labelled_pixel(self) -> tuple[PlaneKey, int, int]:
        class_id = self._classes[int(self._random.integers(len(self._classes)))]
        keys, shares = self._planes[class_id]
        key = keys[int(self._random.choice(len(keys), p=shares))]
        plane = self._annotations.planes[key]
        positions = plane.positions[class_id]
        y, x = divmod(int(positions[self._random.integers(len(positions))]), plane.labels.shape[1])
        return key, y, x

    def _warped(self, key: PlaneKey, pixel: tuple[int, int], seen_at: tuple[int, int]) -> TrainingTile:
        places = draw_map(self._tile, seen_at, self._random, self._augmentation)
        near = places.region
        region = Region(near.y0 + pixel[0], near.x0 + pixel[1], near.y1 + pixel[0], near.x1 + pixel[1])
        tile = warp(self.cut(key, region), places.seen_from(near.y0, near.x0))
        return tile.with_pixels(vary_intensities(tile.pixels, self._random, self._augmentation))
