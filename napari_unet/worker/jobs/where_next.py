"""Answers where to paint next, a region at a time, so that neither painting nor what is on screen waits for it."""

import itertools
from collections.abc import Iterator

import numpy as np

from napari_unet.dataset.annotated import PlaneKey
from napari_unet.images.tiles import Region, grid
from napari_unet.protocol.messages import Annotated, Corrected, Look, Open, Suggest, Suggested
from napari_unet.training.acquisition import REGION_SIDE, Acquisition, RankedTile
from napari_unet.training.learner import Learner
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.listener import Hears
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.urgency import Urgency

_BUDGET_S = 3.0  # seconds of the search; the best place found by then is the answer
_PAINTED_REGIONS = 6  # at most, searched first: other places are compared with painted ones
_OTHER_PLANES = 3  # other planes that are searched for one question, at most
_OTHER_REGIONS = 2  # regions of each of these planes
_OWN_IN_A_ROW = 3  # regions of the plane on screen for each of another
_STAYING = 0.3  # by which a place on another plane must score higher; the best score is the sum of TERM_FACTORS
_NO_NETWORK = "paint strokes of two classes first"
_NOWHERE = "every place that was looked at is painted"
_GIVEN_UP = "the search was given up: ask again"


class WhereNext(Job):
    """Answers one question at a time; a place that was proposed is not proposed again before the next stroke."""

    def __init__(self, opened: OpenProject) -> None:
        self._opened = opened
        self._generation: int | None = None  # generation of the newest ``Look``
        self._forget()

    def _forget(self) -> None:
        self._question: Suggest | None = None
        self._refusal = _NO_NETWORK  # why there is no answer; "" where one is looked for
        self._acquisition: Acquisition | None = None
        self._version = -1  # of the network that the acquisition predicts with
        self._todo: Iterator[tuple[PlaneKey, Region]] = iter(())
        self._spent = 0.0
        self._proposed: set[tuple[PlaneKey, Region]] = set()
        self._looks = 0
        self._last_seen: dict[PlaneKey, int] = {}  # number of the ``Look`` that showed the plane last
        self._random = np.random.default_rng(0)

    def hears(self) -> Hears:
        """Return the methods for a question, and for what makes an answer to it useless."""
        over: Hears = {Open: lambda _: self.stop(), Corrected: lambda _: self._give_up(), Annotated: self._annotated}
        return {**over, Look: self._look, Suggest: self._ask}

    def urgency(self) -> Urgency:
        """Return the urgency of a question that is not answered yet."""
        return Urgency.NOTHING if self._question is None else Urgency.QUESTION

    def stop(self) -> None:
        """Give the question up: it may be what fails."""
        self._generation = None
        self._give_up()

    def let_go(self) -> None:
        """Give the question up: the search for an answer holds a network of its own."""
        self._give_up()

    def _give_up(self) -> None:
        if self._question is not None:
            self._answer(Suggested(self._question.number, _GIVEN_UP))
        self._forget()

    def _look(self, message: Look) -> None:
        if message.generation != self._generation:
            self._generation = message.generation
            self._note_look((message.image_id, message.plane))

    def _note_look(self, key: PlaneKey) -> None:
        self._looks += 1
        self._last_seen[key] = self._looks

    def _annotated(self, _: Annotated) -> None:
        """Drop the question: an answer would come too late. What was proposed may be proposed again."""
        self._question = self._acquisition = None
        self._proposed.clear()

    def _ask(self, question: Suggest) -> None:
        """Begin to look for an answer; what was looked at with the same network is not looked at again."""
        learner = self._opened.required()
        self._question = question
        self._spent = 0.0
        shown = learner.selection.shown
        self._refusal = _NO_NETWORK if shown is None else self._opened.obstacle_of(question.image_id)
        if shown is None or self._refusal:
            return
        if self._acquisition is None or self._version != learner.version:
            self._acquisition = Acquisition(shown.network, shown.class_ids, learner.annotations, learner.device)
            self._version = learner.version
        self._todo = self._regions((question.image_id, question.plane), learner)

    def step(self) -> None:
        """Look at one region; answer when it was the last one or the time is over."""
        question, acquisition, clock = self._question, self._acquisition, self._opened.clock
        if question is None:
            return
        if self._refusal or acquisition is None:
            self._answer(Suggested(question.number, self._refusal))
            return
        began = clock()
        found = next((place for place in self._todo if place not in acquisition), None)
        if found is not None:
            acquisition.add(*found)
            self._spent += clock() - began
            if self._spent < _BUDGET_S:
                return
        self._answer(self._suggestion(question, acquisition))

    def _suggestion(self, question: Suggest, acquisition: Acquisition) -> Suggested:
        place = self._best(acquisition, (question.image_id, question.plane))
        if place is None:
            return Suggested(question.number, _NOWHERE)
        self._proposed.add((place.key, place.region))
        return Suggested(question.number, place.reason, *place.key, place.region)

    def _answer(self, answer: Suggested) -> None:
        self._question = None
        self._opened.send(answer)

    def _best(self, acquisition: Acquisition, shown: PlaneKey) -> RankedTile | None:
        places = acquisition.ranked_tiles()
        left = [place for place in places if (place.key, place.region) not in self._proposed]
        if not left:  # all of them were proposed: begin again
            self._proposed.clear()
            left = places
        return max(left, key=lambda place: place.score - _STAYING * (place.key != shown), default=None)

    def _regions(self, shown: PlaneKey, learner: Learner) -> Iterator[tuple[PlaneKey, Region]]:
        """Yield painted regions, then those of the plane on screen at random, now and then one of another plane."""
        yield from itertools.islice(_painted(learner), _PAINTED_REGIONS)
        others = self._elsewhere(shown, learner)
        for number, region in enumerate(self._shuffled(shown, learner)):
            yield shown, region
            if number % _OWN_IN_A_ROW == _OWN_IN_A_ROW - 1:
                yield from itertools.islice(others, 1)
        yield from others

    def _elsewhere(self, shown: PlaneKey, learner: Learner) -> Iterator[tuple[PlaneKey, Region]]:
        """Yield some regions of some other planes, the one that was seen least recently first."""
        keys = [(record.id, plane) for record in learner.project.images.all() for plane in range(record.planes)]
        shuffled = [keys[i] for i in self._random.permutation(len(keys))]
        oldest_first = sorted(shuffled, key=lambda key: self._last_seen.get(key, 0))
        readable = (key for key in oldest_first if key != shown and not self._opened.obstacle_of(key[0]))
        for key in itertools.islice(readable, _OTHER_PLANES):
            self._note_look(key)
            for region in itertools.islice(self._shuffled(key, learner), _OTHER_REGIONS):
                yield key, region

    def _shuffled(self, key: PlaneKey, learner: Learner) -> Iterator[Region]:
        image = learner.annotations.pixels(key[0]).image
        regions = list(grid(image.height, image.width, REGION_SIDE))
        return (regions[i] for i in self._random.permutation(len(regions)))


def _painted(learner: Learner) -> Iterator[tuple[PlaneKey, Region]]:
    """Yield the regions with strokes, those with most of them first."""
    counted = [
        (np.count_nonzero(tile), key, plane.labels.area(place))
        for key, plane in learner.annotations.planes.items()
        for place, tile in plane.labels.tiles.items()
    ]
    return ((key, region) for count, key, region in sorted(counted, reverse=True) if count)
