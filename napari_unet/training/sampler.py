"""Where a training step looks: tiles centred on labelled pixels, every class as often as the others."""

import numpy as np

from napari_unet.images.tiles import Region, read_mirrored
from napari_unet.training.annotated import Annotations, PlaneKey
from napari_unet.training.augmentation import TrainingTile, augment
from napari_unet.training.weight_map import class_weights, pixel_weights


class Sampler:
    """Draws training tiles from annotations."""

    def __init__(self, annotations: Annotations, tile: int, random: np.random.Generator) -> None:
        self._annotations = annotations
        self._random = random
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
        """One augmented tile that holds at least one trained pixel."""
        class_id = self._classes[int(self._random.integers(len(self._classes)))]
        keys, shares = self._planes[class_id]
        key = keys[int(self._random.choice(len(keys), p=shares))]
        plane = self._annotations.planes[key]
        positions = plane.positions[class_id]
        y, x = divmod(int(positions[self._random.integers(len(positions))]), plane.labels.shape[1])
        return augment(self.cut(key, self._around(y, x)), self._random)

    def cut(self, key: PlaneKey, region: Region) -> TrainingTile:
        """The tile as it is; mirrored pixels beyond the rim carry no weight."""
        plane = self._annotations.planes[key]
        height, width = plane.labels.shape
        pixels = read_mirrored(self._annotations.pixels(key[0])[key[1]], region)
        inside = region.clipped(height, width)
        labels = np.zeros(region.shape, np.uint8)
        weights = np.zeros(region.shape, np.float32)
        part = np.s_[inside.y0 - region.y0 : inside.y1 - region.y0, inside.x0 - region.x0 : inside.x1 - region.x0]
        labels[part] = plane.labels[inside.slices]
        weights[part] = pixel_weights(
            plane.labels[inside.slices], plane.trained[inside.slices], self._balance, plane.border[inside.slices]
        )
        return TrainingTile(pixels, labels, weights)

    def _around(self, y: int, x: int) -> Region:
        # The labelled pixel lies anywhere in the middle half, so that the network cannot learn "the centre is a cell".
        jitter = self._tile // 4
        y0 = y - self._tile // 2 + int(self._random.integers(-jitter, jitter + 1))
        x0 = x - self._tile // 2 + int(self._random.integers(-jitter, jitter + 1))
        return Region(y0, x0, y0 + self._tile, x0 + self._tile)
