"""Prepares for the first stroke while nobody waits: loads what training needs, and fills the feature cache."""

from napari_unet.errors import UserError
from napari_unet.protocol.messages import Annotated, Corrected, Look
from napari_unet.training.rehearsal import rehearse
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.jobs.tiles import Tiles
from napari_unet.worker.listener import Hears
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.predicted_tile import tile_of
from napari_unet.worker.urgency import Urgency


class Rehearsal(Job):
    """Rehearses training once, then caches the features of one tile on screen after the other."""

    def __init__(self, opened: OpenProject, tiles: Tiles) -> None:
        self._opened = opened
        self._tiles = tiles
        self._is_rehearsed = False
        self._cache_is_incomplete = True  # until the feature cache holds everything on screen

    def hears(self) -> Hears:
        """Return the methods for whatever may change what is to be cached."""
        return {Look: self._look_again, Annotated: self._look_again, Corrected: self._correct}

    def urgency(self) -> Urgency:
        """Return the lowest urgency of all."""
        if self._opened.learner is None:
            return Urgency.NOTHING
        is_left = not self._is_rehearsed or (self._tiles.view is not None and self._cache_is_incomplete)
        return Urgency.SPARE if is_left else Urgency.NOTHING

    def step(self) -> None:
        """Rehearse, or cache the features of a tile; where that fails, the answer takes as long as without a cache."""
        learner, view = self._opened.required(), self._tiles.view
        if not self._is_rehearsed:
            self._is_rehearsed = True
            rehearse()
        elif view is not None:
            self._cache_is_incomplete = False
            try:
                tiles = [tile_of(view, *wanted) for wanted in view.on_screen()]
                if learner.has_no_network:
                    self._cache_is_incomplete = learner.screen_cache.fill(tiles, learner.settings, learner.device)
            except UserError as error:
                learner.notices.append(str(error))

    def let_go(self) -> None:
        """Give back what is cached."""
        if self._opened.learner is not None:
            self._opened.learner.screen_cache.drop()

    def _look_again(self, _: Look | Annotated) -> None:
        self._cache_is_incomplete = True

    def _correct(self, _: Corrected) -> None:
        self.let_go()
        self._cache_is_incomplete = True
