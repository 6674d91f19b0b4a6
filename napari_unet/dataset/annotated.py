"""The strokes of a project as the trainer needs them, kept up to date by revision."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from napari_unet.config import Settings
from napari_unet.dataset.annotated_plane import AnnotatedPlane, Stroke
from napari_unet.dataset.corrected_axes import corrected_axes_of
from napari_unet.dataset.training_image import MOST_IMAGES, TrainingImage, training_image
from napari_unet.dataset.unforeseen_labels import UnforeseenLabels
from napari_unet.dataset.weight_map import border_weights
from napari_unet.errors import UserError
from napari_unet.evaluation.estimated_dice import MISTAKEN, Evidence, mistaken_share
from napari_unet.images.lazy_plane import LazyPlane
from napari_unet.images.plane_stack import PlaneStack
from napari_unet.images.planes import NormalisedPlanes, OpenedImages
from napari_unet.images.tiled_plane import TILE, TiledPlane, TilePlace
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project
from napari_unet.project.split import BLOCK, BUFFER_ZONE, BlockSide, held_out_pixels, outside, training_pixels

PlaneKey = tuple[int, int]  # image id, plane
REVISION = "revision"  # fact of a checkpoint: the revision of the project's strokes that it has learned from


class Annotations:
    """Hold all painted planes of a project; ``refresh`` reads what was committed since the last time.

    Parameters
    ----------
    project : the project, open for reading at least
    images : its images by number; by default with a cache of planes of 512 MiB

    Attributes
    ----------
    planes : the painted planes
    unforeseen : the labels that the other strokes do not foretell
    mistaken_pixels : that were painted where the network answered with another class
    revision : of the project's strokes up to which they are read
    times_reopened : grows when pixels may differ from what was read before
    gone : planes that went since the last ``refresh``, with their image or its axes
    """

    def __init__(self, project: Project, images: OpenedImages | None = None) -> None:
        self.project = project
        self.planes: dict[PlaneKey, AnnotatedPlane] = {}
        self.unforeseen = UnforeseenLabels(self.planes)
        self.mistaken_pixels = 0
        self.revision = 0
        self.times_reopened = 0
        self.gone: list[PlaneKey] = []
        self._settings = Settings()
        self._images = OpenedImages(project.images.open) if images is None else images
        self._described: dict[int, TrainingImage] = {}

    def pixels(self, image_id: int) -> NormalisedPlanes:
        """Return the normalised planes of an image of the project; ask again rather than keep them."""
        return self._images[image_id]

    def with_context(self, key: PlaneKey, context_planes: int) -> Float32[np.ndarray, "y x c"] | LazyPlane | PlaneStack:
        """Return a plane with so many context planes on either side; ask again rather than keep it."""
        image_id, plane = key
        return self.pixels(image_id).with_context(plane, context_planes)

    def reopen(self, image_id: int | None) -> None:
        """Read an image anew, whose record the user corrected or removed, or (None) all images."""
        self.times_reopened += 1
        for each in [*self._images.opened] if image_id is None else [image_id]:
            self._images.forget(each)
        for each in [*self._described] if image_id is None else [image_id]:
            self._described.pop(each, None)
        known = [key for key in self.planes if image_id in (None, key[0])]
        stored = {each: self.project.strokes.painted_planes(each) for each, _ in known}
        for key in known:
            if key[1] not in stored[key[0]]:
                del self.planes[key]
                self.gone.append(key)
        if not self.planes:
            self.revision = 0  # after the last image revisions begin anew

    def refresh(self, settings: Settings) -> list[PlaneKey]:
        """Read the planes that changed, or all when the border weights are to be different.

        Returns
        -------
        these planes, and those that are gone since the last time
        """
        borders = (self._settings.border_weight, self._settings.border_sigma)
        since = self.revision if borders == (settings.border_weight, settings.border_sigma) else 0
        self._settings = settings
        # Before the reading: what is committed meanwhile is read the next time.
        revision = self.project.strokes.revision
        changed = self.project.strokes.changed_planes(since)
        for known in self.planes.values():
            known.new.tiles.clear()
            known.strokes.clear()
        for image_id, plane in changed:
            self._read(image_id, plane, since)
        self.revision = revision
        self.unforeseen.weigh()
        changed, self.gone = [*self.gone, *changed], []
        return changed

    def counts(self) -> dict[int, int]:
        """Count the trained pixels of each class, without classes that the user removed."""
        kept = {label.id for label in self.project.classes.all()}
        counts = dict.fromkeys(sorted(kept), 0)
        for plane in self.planes.values():
            for class_id, positions in plane.positions.items():
                if class_id in kept:
                    counts[class_id] += len(positions)
        return counts

    def strokes(self) -> int:
        """Count the strokes that are trained on, without those of classes that the user removed."""
        return _strokes_of(self.counts(), self.planes.values())

    def evidence(self, image_id: int | None, class_ids: Sequence[int]) -> Evidence:
        """Return how much is painted of these classes, and whether any of it in an image (None: in none)."""
        counts = self.counts()
        return Evidence(
            [counts.get(class_id, 0) for class_id in class_ids],
            image_id in learned_images(self.planes),
            strokes=_strokes_of(counts, self.planes.values()),
            mistaken=mistaken_share(self.mistaken_pixels, counts.values()),
        )

    def resume(self, facts: Mapping[str, Any], positions: Mapping[str, np.ndarray]) -> None:
        """Take over what a checkpoint knows of the labels; see ``UnforeseenLabels.resume``.

        Strokes that came after it are new: they may have been painted while no worker was there.
        """
        self.unforeseen.resume(facts, positions)
        self.mistaken_pixels = facts.get(MISTAKEN, 0)
        seen = facts.get(REVISION, self.revision)
        for (image_id, plane), painted in self.planes.items():
            newer = self.project.strokes.newer_tiles(image_id, plane, seen) if seen < self.revision else ()
            painted.new.tiles = {place: painted.trained.tile(place) for place in newer}

    def class_ids(self) -> tuple[int, ...]:
        """Return the classes with trained pixels, in order; these are the outputs of the network."""
        return tuple(class_id for class_id, count in self.counts().items() if count)

    def channels(self) -> int:
        """Return the number of channels of the annotated images; 0 when nothing is annotated."""
        return next(iter(self._painted_channels()), 0)

    def refuse_other_channels(self) -> None:
        """Refuse annotations on images with different numbers of channels.

        Raises
        ------
        UserError
            NU-I09.
        """
        seen = self._painted_channels()
        if len(seen) > 1:
            counts = " and ".join(str(count) for count in sorted(seen))
            what = f"the annotated images have {counts} channels"
            fix = "erase what is painted on those of another kind, and paint on them in a project of their own"
            raise UserError("NU-I09", what, str(self.project.folder), fix)

    def _painted_channels(self) -> list[int]:
        """List the numbers of channels of painted images, each once, by their records: no file has to be there."""
        painted = (image_id for (image_id, _), plane in self.planes.items() if not plane.is_blank)
        return list(dict.fromkeys(self.project.images.get(image_id).channels for image_id in painted))

    def training_images(self) -> list[TrainingImage]:
        """Describe the first 64 images that are trained on; one that cannot be read any more is left out."""
        trained = sorted(learned_images(self.planes))[:MOST_IMAGES]
        for image_id in trained:
            if image_id not in self._described:
                try:
                    corrected = corrected_axes_of(self.project.images.get(image_id))
                    self._described[image_id] = training_image(self.pixels(image_id), corrected)
                except UserError:
                    continue  # it was moved away meanwhile; what was learned from it is saved all the same
        return [self._described[image_id] for image_id in trained if image_id in self._described]

    def _read(self, image_id: int, plane: int, since: int) -> None:
        """Bring a plane up to date: the tiles that changed, and what lies so near that it depends on them."""
        painted = self.planes[image_id, plane] = read_plane(self, (image_id, plane))
        areas = self.project.test_areas.of(image_id).get(plane, ())
        fresh = self.project.strokes.newer_tiles(image_id, plane, since)
        repainted: dict[TilePlace, Bool[np.ndarray, "h w"]] = {}
        for place, labels in sorted(fresh.items()):
            repainted[place] = labels != painted.labels.tile(place)
            said = outside(np.where(repainted[place], labels, 0), _seen_from(painted.labels.area(place), areas))
            painted.strokes += _stroke(said, painted.labels.area(place))
            painted.labels.tiles[place] = labels
        everything = since == 0 or areas != painted.areas
        painted.areas = areas
        checks = self.project.area_checks.of(image_id)
        painted.checked = frozenset(check.region for check in checks if check.plane == plane and check.counts)
        sides = _by_tile(self.project.strokes.sides(image_id), plane)
        for place in painted.labels.tiles if everything else self._near(fresh, painted.labels):
            self._learn_from(painted, place, plane, sides, repainted.get(place))
        painted.find()

    def _near(self, changed: Iterable[TilePlace], labels: TiledPlane) -> set[TilePlace]:
        """Return the painted tiles that lie so near to these that something in them depends on these."""
        reach = range(-math.ceil(self._reach / TILE), math.ceil(self._reach / TILE) + 1)
        near = {TilePlace(place.row + i, place.column + j) for place in changed for i in reach for j in reach}
        return near & labels.tiles.keys()

    @property
    def _reach(self) -> int:
        """Return the distance, in px, within which other pixels decide what a pixel is used for."""
        return max(BUFFER_ZONE + 1, self._border_reach)

    @property
    def _border_reach(self) -> int:
        return int(4 * self._settings.border_sigma) + 1 if self._settings.border_weight else 0

    def _learn_from(
        self,
        painted: AnnotatedPlane,
        place: TilePlace,
        plane: int,
        sides: dict[TilePlace, list[BlockSide]],
        repainted: Bool[np.ndarray, "h w"] | None,
    ) -> None:
        """Decide for every pixel of a tile what it is for."""
        area = painted.labels.area(place)
        around = area.grown(self._reach).clipped(*painted.labels.shape)
        labels = painted.labels[around.slices]
        near = [side for each in painted.labels.places(around) for side in sides.get(each, ())]
        areas = _seen_from(around, painted.areas)
        held_out = held_out_pixels(labels, plane, near, areas, (around.y0, around.x0))
        inside = area.seen_from(around).slices
        trained = training_pixels(labels, held_out, areas)[inside]
        before = painted.trained.tile(place)
        kept = before if repainted is None else before & ~repainted
        painted.new.tiles[place] = trained & ~kept
        painted.trained.tiles[place] = trained
        if place in painted.unforeseen.tiles:
            painted.unforeseen.tiles[place] = painted.unforeseen.tiles[place] & kept & trained
        painted.held_out.tiles[place] = held_out[inside]
        painted.border.tiles.pop(place, None)
        if self._settings.border_weight and trained.any():
            painted.border.tiles[place] = self._border(painted.labels, area)

    def _border(self, labels: TiledPlane, tile: Region) -> Float32[np.ndarray, "h w"]:
        around = tile.grown(self._border_reach).clipped(*labels.shape)
        weights = border_weights(labels[around.slices], self._settings.border_weight, self._settings.border_sigma)
        return weights[tile.seen_from(around).slices]


def learned_images(planes: Mapping[PlaneKey, AnnotatedPlane]) -> set[int]:
    """Return the ids of the images that are learned from: some of their pixels are trained on."""
    return {image_id for (image_id, _), plane in planes.items() if plane.positions}


def known_shares(planes: Mapping[PlaneKey, AnnotatedPlane]) -> dict[int, float]:
    """Return, for each class, which share of its trained pixels was trained on before the newest strokes."""
    trained, known = np.zeros((2, 256), np.int64)
    for plane in planes.values():
        for class_id, positions in plane.positions.items():
            trained[class_id] += len(positions)
            known[class_id] += len(positions)
        for place, new in plane.new.tiles.items():
            known -= np.bincount(plane.labels.tile(place)[new], minlength=256)
    return {class_id: known[class_id] / trained[class_id] for class_id in np.flatnonzero(trained).tolist()}


def _by_tile(sides: Iterable[BlockSide], plane: int) -> dict[TilePlace, list[BlockSide]]:
    """Return the held-out sides of the blocks of a plane by the tile in which the block lies."""
    found: dict[TilePlace, list[BlockSide]] = {}
    for side in sides:
        if side.block.plane == plane and side.held_out:
            found.setdefault(TilePlace(side.block.row * BLOCK // TILE, side.block.column * BLOCK // TILE), []).append(
                side
            )
    return found


def _seen_from(region: Region, areas: Iterable[Region]) -> tuple[Region, ...]:
    """Return areas of a plane in pixels of a region of it."""
    return tuple(area.seen_from(region) for area in areas)


def _stroke(painted: UInt8[np.ndarray, "h w"], area: Region) -> list[Stroke]:
    region = Region.around(painted > 0)
    return [] if region is None else [Stroke(region.moved(area.y0, area.x0), painted[region.slices].copy())]


def _strokes_of(class_ids: Iterable[int], planes: Collection[AnnotatedPlane]) -> int:
    return sum(plane.painted_strokes.get(class_id, 0) for class_id in class_ids for plane in planes)


def read_plane(annotations: Annotations, key: PlaneKey) -> AnnotatedPlane:
    """Return what is read of a plane: a blank one where nothing is, or where its image has other axes by now."""
    shape, found = annotations.project.images.get(key[0]).annotation_shape[-2:], annotations.planes.get(key)
    return AnnotatedPlane.blank(shape) if found is None or found.labels.shape != shape else found


def fit(annotations: Annotations, channels: int) -> bool:
    """Tell whether some painted image has so many channels, or nothing is painted."""
    painted = annotations._painted_channels()
    return not painted or channels in painted
