"""Proposes a test area and says what the network predicts there, for the user to correct."""

from collections.abc import Iterator

import numpy as np

from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.images.tiles import Region, grid
from napari_unet.network.inference import Predictor
from napari_unet.protocol.messages import AreaProposed, Corrected, Open, ProposeArea
from napari_unet.training.acquisition import REGION_SIDE, Acquisition
from napari_unet.training.area_proposal import least_sure_area, random_area, random_planes
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.listener import Hears
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.urgency import Urgency

_BUDGET_S = 3.0  # seconds of the search for the least sure place
_ONLY_UNSURE = (1.0, 0.0, 0.0)  # of the terms by which tiles are ranked
_NO_NETWORK = "paint strokes of two classes first"
_GIVEN_UP = "the search was given up: ask again"
_NO_ROOM = "no place without strokes is left on this plane: go to another one, or to another image"
_NO_ROOM_ANYWHERE = "no place without strokes was found in the images: add one"


class AreaProposal(Job):
    """Answers one wish at a time; a newer wish takes the place of the one before."""

    def __init__(self, opened: OpenProject) -> None:
        self._opened = opened
        self._random = np.random.default_rng()
        self._wish: ProposeArea | None = None
        self._acquisition: Acquisition | None = None
        self._todo: Iterator[Region] = iter(())
        self._spent = 0.0

    def hears(self) -> Hears:
        """Return the methods for a wish, and for another project and a corrected image, which end it."""
        return {Open: lambda _: self.stop(), Corrected: lambda _: self.stop(), ProposeArea: self._ask}

    def urgency(self) -> Urgency:
        """Return the urgency of a wish that is not answered yet."""
        return Urgency.NOTHING if self._wish is None else Urgency.QUESTION

    def stop(self) -> None:
        """Give the wish up: it may be what fails."""
        if self._wish is not None:
            self._answer(AreaProposed(self._wish.number, self._wish.origin, _GIVEN_UP))

    def let_go(self) -> None:
        """Give the wish up: the search holds a network of its own."""
        self.stop()

    def step(self) -> None:
        """Look at one region more, or answer."""
        wish, learner, clock = self._wish, self._opened.required(), self._opened.clock
        if wish is None:
            return
        key, predictor = (wish.image_id, wish.plane), learner.predictor
        if predictor is None:
            self._answer(AreaProposed(wish.number, wish.origin, _NO_NETWORK))
        elif wish.origin == "random":
            self._propose_at_random(wish, learner.annotations, predictor)
        elif refusal := self._opened.obstacle_of(wish.image_id):
            self._answer(AreaProposed(wish.number, wish.origin, refusal))
        elif self._acquisition is not None:
            began = clock()
            region = next(self._todo, None)
            if region is not None:
                self._acquisition.add(key, region)
                self._spent += clock() - began
            if region is None or self._spent >= _BUDGET_S:
                ranked = (tile.region for tile in self._acquisition.ranked_tiles(_ONLY_UNSURE))
                area = least_sure_area(learner.annotations, key, ranked)
                if area is None:
                    self._answer(AreaProposed(wish.number, wish.origin, _NO_ROOM))
                else:
                    self._propose(wish, learner.annotations, predictor, key, area)

    def _ask(self, wish: ProposeArea) -> None:
        self._forget()
        self._wish = wish
        learner = self._opened.required()
        shown = learner.selection.shown
        if shown is not None and wish.origin == "unsure" and not self._opened.obstacle_of(wish.image_id):
            image = learner.annotations.pixels(wish.image_id).image
            regions = list(grid(image.height, image.width, REGION_SIDE))
            self._todo = (regions[number] for number in self._random.permutation(len(regions)))
            self._spent = 0.0
            self._acquisition = Acquisition(shown.network, shown.class_ids, learner.annotations, learner.device)

    def _propose_at_random(self, wish: ProposeArea, annotations: Annotations, predictor: Predictor) -> None:
        """Propose a place in any image that the network can predict."""
        for key in random_planes(annotations.project, self._random):
            area = random_area(annotations, key, self._random)
            if area is not None and not self._opened.obstacle_of(key[0]):
                self._propose(wish, annotations, predictor, key, area)
                return
        self._answer(AreaProposed(wish.number, wish.origin, _NO_ROOM_ANYWHERE))

    def _propose(
        self, wish: ProposeArea, annotations: Annotations, predictor: Predictor, key: PlaneKey, area: Region
    ) -> None:
        labels = predictor.classes(annotations.with_context(key, predictor.context_planes), area).tobytes()
        self._answer(AreaProposed(wish.number, wish.origin, "", *key, area, labels))

    def _answer(self, answer: AreaProposed) -> None:
        self._forget()
        self._opened.send(answer)

    def _forget(self) -> None:
        self._wish = self._acquisition = None
