"""Counts the objects of the plane on screen once all of it is predicted, and shows them where that is wanted."""

import numpy as np
from jaxtyping import Num, UInt8

from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import Region
from napari_unet.objects.objects import object_settings
from napari_unet.packaging.model import styles
from napari_unet.prediction.view import View
from napari_unet.protocol.messages import Annotated, Counted, Noticed
from napari_unet.training.learner import Learner
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.jobs.tiles import Tiles
from napari_unet.worker.listener import Hears
from napari_unet.worker.object_finder import ObjectFinder, PredictedPlane, too_much
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.urgency import Urgency

WISH = "objects"  # in place of a map
MOST_PIXELS = 4096 * 4096
_TOO_LARGE = "Not counted here, for it is over 4096 x 4096 px: Export counts"


class LiveObjects(Job):
    """Collects the tiles of the plane on screen until all were predicted, and hands them to the object finder."""

    def __init__(self, opened: OpenProject, tiles: Tiles) -> None:
        self._opened = opened
        self._tiles = tiles
        self._finder = ObjectFinder(opened.send)
        self._generation = -1
        self._labels = np.zeros((0, 0), np.uint8)  # class ids, 0 where nothing was predicted yet
        self._pixels: Num[np.ndarray, "y x c"] | None = None
        self._asked: tuple[bool, tuple[str, ...], dict[str, object]] | None = None  # with a table, names, settings
        self._counted_by: dict[str, object] = {}  # the settings of the last question
        self._is_due = False
        tiles.subscribe(self._put)

    def hears(self) -> Hears:
        """Return the method for classes and settings, which may be others."""
        return {Annotated: self._annotated}

    def urgency(self) -> Urgency:
        """Return the urgency of objects that are wanted and may be others than before."""
        view = self._tiles.view
        is_wanted = view is not None and view.generation == self._generation
        return Urgency.OBJECTS if is_wanted and self._is_due else Urgency.NOTHING

    def step(self) -> None:
        """Have the objects found, unless nothing is different from the last time."""
        self._is_due = False
        view, learner = self._tiles.view, self._opened.required()
        if view is not None:
            self._ask(view, learner)

    def _annotated(self, _: Annotated) -> None:
        self._is_due = self._is_whole

    @property
    def _is_whole(self) -> bool:
        """Tell whether every pixel of the plane was predicted."""
        return bool(self._labels.size and self._labels.all())

    def _put(self, view: View, region: Region, labels: UInt8[np.ndarray, "h w"], planes: NormalisedPlanes) -> None:
        """Note a predicted tile of what is on screen; objects are due when no other one on screen waits."""
        if view.generation != self._generation:
            self._begin(view, (planes.image.height, planes.image.width))
        if self._labels.size and not np.array_equal(self._labels[region.slices], labels):
            self._labels[region.slices] = labels
            self._asked = None
        self._is_due = self._is_whole and (self._is_due or not view.next_is_visible)

    def _ask(self, view: View, learner: Learner) -> None:
        classes = styles(learner.project.classes.all(), int(self._labels.max()) - 1)
        names, settings = tuple(style.name for style in classes), learner.project.settings.read()
        is_measured, of_objects = view.map == WISH, object_settings(settings)
        wish = (is_measured, names, of_objects)
        if wish == self._asked:
            return
        is_urgent = bool(self._counted_by) and of_objects != self._counted_by
        self._asked, self._counted_by = wish, of_objects
        image = learner.annotations.pixels(view.image_id).image
        if self._pixels is None and is_measured:
            self._pixels = image.read(view.plane)
        place, pixels = (view.generation, view.image_id, view.plane), self._pixels if is_measured else None
        mask, channels = self._labels - np.uint8(1), image.channel_numbers
        self._finder.ask(PredictedPlane(*place, mask, pixels, image.pixel_size, names, settings, channels, is_urgent))

    def _begin(self, view: View, shape: tuple[int, int]) -> None:
        self._generation, self._pixels, self._asked = view.generation, None, None
        fits = shape[0] * shape[1] <= MOST_PIXELS
        self._labels = np.zeros(shape if fits else (0, 0), np.uint8)
        if not fits:
            self._opened.send(Counted(view.generation, view.image_id, view.plane, (), _TOO_LARGE))
        if not fits and view.map == WISH:
            self._opened.send(Noticed(str(too_much(f"a plane of {shape[0]} x {shape[1]} pixels"))))
