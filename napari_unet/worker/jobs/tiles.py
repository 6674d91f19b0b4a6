"""Predicts the plane on screen, a tile at a time, what is seen first."""

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8

from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import Region
from napari_unet.prediction.view import View
from napari_unet.protocol.channel import LARGEST_ARRAY
from napari_unet.protocol.messages import Annotated, Corrected, Look, Noticed, Open, Tile
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.listener import Hears
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.plane_estimate import PlaneEstimate
from napari_unet.worker.predicted_tile import predicted_tile, tile_of
from napari_unet.worker.time_shares import TimeShares
from napari_unet.worker.unlike_images import UnlikeImages
from napari_unet.worker.urgency import Urgency

TileListener = Callable[[View, Region, UInt8[np.ndarray, "h w"], NormalisedPlanes], None]


class Tiles(Job):
    """Holds the view, and predicts and sends its tiles.

    Attributes
    ----------
    view : the plane that the user looks at; None before the first look
    """

    def __init__(self, opened: OpenProject, shares: TimeShares, unlike: UnlikeImages) -> None:
        self._opened = opened
        self._shares = shares
        self._unlike = unlike
        self._estimate = PlaneEstimate(opened, unlike)
        self.view: View | None = None
        self._listeners: list[TileListener] = []
        self._is_answered = True  # whether a tile on screen was sent since the newest strokes
        self._on_screen, self._off_screen = 0, 0  # tiles that the newest network predicted

    def hears(self) -> Hears:
        """Return the methods for looks, for what ends them, and for strokes, which are owed an answer."""
        return {Open: lambda _: self.stop(), Look: self._look, Corrected: self._correct, Annotated: self._annotated}

    def subscribe(self, listener: TileListener) -> None:
        """Call a function with every tile of full resolution that was sent."""
        self._listeners.append(listener)

    @property
    def waiting(self) -> int:
        """Return the number of tiles still to be predicted."""
        return self.view.waiting if self.view else 0

    @property
    def visible_waits(self) -> bool:
        """Tell whether a tile on screen is still to be predicted, and can be."""
        return self.view is not None and self.view.next_is_visible and self._opened.can_predict

    @property
    def repaint_waits(self) -> bool:
        """Tell whether the next network is to wait for tiles: those on screen, and a share of those off screen.

        Networks may come as fast as the screen is painted, and would leave the rest of the plane undone. While that is
        to be predicted for the first time, it is as many tiles as on screen; later it is one.
        """
        if self.view is None or not self.waiting or not self._opened.can_predict:
            return False
        share = self._on_screen if self.view.next_is_awaited else 1
        return self.view.next_is_visible or self._off_screen < share

    @property
    def owes_an_answer(self) -> bool:
        """Tell whether the strokes that were heard of last still wait for their first tile on screen."""
        return not self._is_answered and self.visible_waits

    def urgency(self) -> Urgency:
        """Return the urgency of the next tile, or of nothing while training is owed time."""
        if not self.waiting or not self._opened.can_predict or not self._is_due:
            return Urgency.NOTHING
        return Urgency.VISIBLE_TILE if self.visible_waits else Urgency.TILE

    def step(self) -> None:
        """Predict the next tile and send it."""
        learner, view, clock = self._opened.required(), self.view, self._opened.clock
        predictor = learner.predictor
        if view is None or predictor is None:
            return
        obstacle = self._opened.obstacle_of(view.image_id)
        if obstacle:  # no reason to stop learning from other images
            self.stop()
            self._opened.send(Noticed(obstacle))
            return
        planes = learner.annotations.pixels(view.image_id)
        self._unlike.compare(view.image_id)
        is_visible, is_awaited = view.next_is_visible, view.next_is_awaited
        region, halved = view.take()
        began = clock()
        learner.screen_cache.attach(predictor, tile_of(view, region, halved)[0])
        predictor.estimate_anew()
        labels, values = predicted_tile(predictor, planes, view, region, halved)
        self._shares.note_tile(clock() - began, is_awaited=is_awaited)
        place = (view.generation, view.image_id, view.plane, region)
        self._opened.send(Tile(*place, labels.tobytes(), self._opened.shown_step or 0, values))
        self._is_answered = self._is_answered or is_visible
        self._on_screen += is_visible
        self._off_screen += not is_visible
        if not halved:
            self._estimate.add(view, region, predictor.take_sums(), predictor.class_ids)
        for listener in () if halved else self._listeners:
            listener(view, region, labels, planes)

    def stop(self) -> None:
        """Forget the view, and what its plane is estimated from."""
        self.view = None
        self._estimate.forget()

    def tell_estimate_again(self) -> None:
        """Send the estimate of the plane on screen again, by the areas that are checked now."""
        self._estimate.tell_again()

    def let_go(self) -> None:
        """Predict every tile again, perhaps smaller ones: the one that failed was taken from those that wait."""
        self.ask_again()

    def ask_again(self) -> None:
        """Predict every tile of the view again, because the network is another one."""
        learner, view = self._opened.learner, self.view
        self._on_screen, self._off_screen = 0, 0
        if view is None or learner is None:
            return
        # By its record: while a user pages through images, none of them is opened.
        height, width = learner.project.images.get(view.image_id).annotation_shape[-2:]
        view.refill(height, width, learner.settings.prediction_tile)

    def show_plane(self, image_id: int, plane: int, mask: UInt8[np.ndarray, "y x"]) -> None:
        """Send an exported plane of the stack on screen, which is then seen at once, also in 3-D.

        The plane on screen has newer tiles of its own.
        """
        view = self.view
        if view is None or view.image_id != image_id or view.plane == plane or mask.size > LARGEST_ARRAY:
            return
        place = (view.generation, image_id, plane, Region(0, 0, *mask.shape))
        self._opened.send(Tile(*place, (mask + 1).tobytes(), self._opened.shown_step or 0))

    def _look(self, message: Look) -> None:
        view = self.view
        if view is not None and view.generation == message.generation:
            view.look_at(message.visible)
            view.map, view.class_id, view.small = message.map, message.class_id, message.small
            return
        wish = (message.map, message.class_id, message.covered, message.small)
        self.view = View(message.generation, message.image_id, message.plane, message.visible, *wish)
        self._shares.start_over()  # another image answers at once
        self.ask_again()

    def _annotated(self, _: Annotated) -> None:
        self._is_answered = False

    def _correct(self, message: Corrected) -> None:
        if self.view is not None and message.image_id in (None, self.view.image_id):
            self.stop()  # the image may have no such plane any more

    @property
    def _is_due(self) -> bool:
        return not self._opened.can_train or not self._shares.is_training_owed or self._next_is_cached

    @property
    def _next_is_cached(self) -> bool:
        """Tell whether the next tile costs next to nothing: a training step would cost more."""
        learner, view = self._opened.learner, self.view
        if learner is None or view is None:
            return False
        wanted = next(view.on_screen(), None)
        return wanted is not None and learner.screen_cache.has(*tile_of(view, *wanted))
