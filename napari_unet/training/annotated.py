"""The strokes of a project as the trainer needs them, kept up to date by revision."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from napari_unet.annotations.project import Project
from napari_unet.annotations.split import BLOCK, held_out_pixels, outside, training_pixels
from napari_unet.annotations.strokes import TILE
from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.images.planes import NormalisedPlanes, OpenedImages
from napari_unet.images.tiles import Region
from napari_unet.network.training_image import MOST_IMAGES, TrainingImage, training_image
from napari_unet.training.weight_map import border_weights

PlaneKey = tuple[int, int]  # image id, plane


class Stroke(NamedTuple):
    """Where labels were set since the last reading, and to what; 0 where they were not."""

    region: Region
    labels: UInt8[np.ndarray, "h w"]


@dataclass(slots=True)
class AnnotatedPlane:
    """One painted plane: labels, what is trained on, what is held out, border weights, and where each class lies.

    ``new`` marks trained pixels that were painted or changed since the last time the plane was read.
    """

    labels: UInt8[np.ndarray, "y x"]
    trained: Bool[np.ndarray, "y x"]
    held_out: Bool[np.ndarray, "y x"]
    border: Float32[np.ndarray, "y x"]
    new: Bool[np.ndarray, "y x"]
    positions: dict[int, Int64[np.ndarray, " n"]] = field(default_factory=dict)  # flat indices of trained pixels
    held_out_blocks: list[Region] = field(default_factory=list)  # those with at least one held-out pixel
    stroke: Stroke | None = None  # what was painted since the last reading, test areas left out
    areas: tuple[Region, ...] = ()  # test areas: nothing in them is trained on or held out by blocks


class Annotations:
    """All painted planes of a project; ``refresh`` reads what was committed since the last time."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.planes: dict[PlaneKey, AnnotatedPlane] = {}
        self.revision = 0
        self._settings = Settings()
        self._images = OpenedImages(project.open_pixels)
        self._described: dict[int, TrainingImage] = {}

    def pixels(self, image_id: int) -> NormalisedPlanes:
        """Normalised planes of an image of the project; ask again rather than keep them."""
        return self._images[image_id]

    def refresh(self, settings: Settings) -> list[PlaneKey]:
        """Read the planes that changed, or all when the border weights are to be different; returns them."""
        borders = (self._settings.border_weight, self._settings.border_sigma)
        since = self.revision if borders == (settings.border_weight, settings.border_sigma) else 0
        self._settings = settings
        revision = self.project.revision  # before the reading: what is committed meanwhile is read the next time
        changed = self.project.changed_planes(since)
        for known in self.planes.values():
            known.new.fill(False)
            known.stroke = None
        for image_id, plane in changed:
            self.planes[image_id, plane] = self._read(image_id, plane)
        self.revision = revision
        return changed

    def counts(self) -> dict[int, int]:
        """Trained pixels per class id, classes that the user removed left out."""
        kept = {label.id for label in self.project.classes()}
        counts = dict.fromkeys(sorted(kept), 0)
        for plane in self.planes.values():
            for class_id, positions in plane.positions.items():
                if class_id in kept:
                    counts[class_id] += len(positions)
        return counts

    def class_ids(self) -> tuple[int, ...]:
        """Classes that something is trained on, in order; the outputs of the network."""
        return tuple(class_id for class_id, count in self.counts().items() if count)

    def channels(self) -> int:
        """Channels of the annotated images; 0 when nothing is annotated."""
        return next((self.pixels(image_id).image.channels for image_id, _ in self.planes), 0)

    def training_images(self) -> list[TrainingImage]:
        """What the first 64 images that are trained on are like; one that cannot be read any more is left out."""
        trained = sorted({image_id for (image_id, _), plane in self.planes.items() if plane.positions})[:MOST_IMAGES]
        for image_id in trained:
            if image_id not in self._described:
                try:
                    self._described[image_id] = training_image(self.pixels(image_id))
                except UserError:
                    continue  # it was moved away meanwhile; what was learned from it is saved all the same
        return [self._described[image_id] for image_id in trained if image_id in self._described]

    def _read(self, image_id: int, plane: int) -> AnnotatedPlane:
        labels = self.project.annotation(image_id, plane)
        areas = self.project.test_areas(image_id).get(plane, ())
        held_out = held_out_pixels(labels, plane, self.project.sides(image_id), areas)
        trained = training_pixels(labels, held_out, areas)
        flat = np.flatnonzero(trained)
        classes = labels.ravel()[flat]
        positions = {int(k): flat[classes == k] for k in np.unique(classes)}
        border = self._border(labels, trained)
        known = self.planes.get((image_id, plane))
        new = trained.copy() if known is None else trained & ~(known.trained & (known.labels == labels))
        painted = outside(labels if known is None else np.where(labels != known.labels, labels, 0), areas)
        blocks = blocks_with(held_out)
        return AnnotatedPlane(labels, trained, held_out, border, new, positions, blocks, _stroke(painted), areas)

    def _border(self, labels: UInt8[np.ndarray, "y x"], trained: Bool[np.ndarray, "y x"]) -> Float32[np.ndarray, "y x"]:
        """Border weights where something is trained, tile by tile: strokes cover little of a large plane."""
        border = np.ones(labels.shape, np.float32)
        if self._settings.border_weight == 0:
            return border
        margin = int(4 * self._settings.border_sigma) + 1
        rows, columns = np.nonzero(trained)
        for row, column in sorted(set(zip((rows // TILE).tolist(), (columns // TILE).tolist(), strict=True))):
            tile = Region(row * TILE, column * TILE, (row + 1) * TILE, (column + 1) * TILE).clipped(*labels.shape)
            around = tile.grown(margin).clipped(*labels.shape)
            weights = border_weights(labels[around.slices], self._settings.border_weight, self._settings.border_sigma)
            border[tile.slices] = weights[tile.moved(-around.y0, -around.x0).slices]
        return border


def _stroke(painted: UInt8[np.ndarray, "y x"]) -> Stroke | None:
    region = Region.around(painted > 0)
    return None if region is None else Stroke(region, painted[region.slices].copy())


def blocks_with(pixels: Bool[np.ndarray, "y x"]) -> list[Region]:
    """Blocks of the split that hold at least one of the pixels."""
    rows, columns = np.nonzero(pixels)
    found = sorted(set(zip((rows // BLOCK).tolist(), (columns // BLOCK).tolist(), strict=True)))
    areas = [Region(row * BLOCK, column * BLOCK, (row + 1) * BLOCK, (column + 1) * BLOCK) for row, column in found]
    return [area.clipped(*pixels.shape) for area in areas]
