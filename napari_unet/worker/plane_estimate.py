"""Estimates the Dice of the plane on screen from its predicted tiles."""

from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import unknown_dice
from napari_unet.images.tiles import Region
from napari_unet.prediction.view import View
from napari_unet.protocol.messages import Estimated
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.unlike_images import UnlikeImages

_TOO_LARGE = "too large a plane (over 8192 x 8192 px), check rectangles"


class PlaneEstimate:
    """Keeps the newest sums of every tile of the plane, and sends an estimate whenever the screen is painted anew.

    Of a plane too large to be covered nothing is estimated: one part of it says little of the rest.
    Tiles off screen may still be those of an older network; they count until they are predicted again.
    """

    def __init__(self, opened: OpenProject, unlike: UnlikeImages) -> None:
        self._opened = opened
        self._unlike = unlike
        self._sums: dict[Region, DiceSums] = {}
        self._seen: tuple[object, ...] = ()  # what the sums are of
        self._told: tuple[View, tuple[int, ...]] | None = None  # of what the newest estimate was sent

    def add(self, view: View, region: Region, sums: DiceSums, class_ids: tuple[int, ...]) -> None:
        """Take note of a tile of full resolution, and send an estimate when no tile is missing or due on screen."""
        seen = (view.image_id, view.plane, view.covered, view.tiles, class_ids)
        if seen != self._seen:
            self._seen = seen
            self._sums.clear()
            self._told = None
            if not view.is_whole:
                unknown = unknown_dice(class_ids, _TOO_LARGE)
                self._opened.send(Estimated(view.generation, view.image_id, view.plane, unknown))
        self._sums[region] = sums
        if view.is_whole and len(self._sums) == view.tiles and not view.next_is_visible:
            self._send(view, class_ids)

    def forget(self) -> None:
        """Begin anew: what comes next may be another image of the same number."""
        self._seen = ()
        self._told = None

    def tell_again(self) -> None:
        """Send the newest estimate as areas that were checked since correct it."""
        if self._told is not None:
            self._send(*self._told)

    def _send(self, view: View, class_ids: tuple[int, ...]) -> None:
        self._told = view, class_ids
        learner = self._opened.required()
        total = sum(self._sums.values(), DiceSums.none(len(class_ids)))
        looked_at = learner.selection.looked_at
        shown = learner.selection.shown
        network = None if view.waiting or shown is None else shown.network
        looked_at.note(view.image_id, view.plane, total, class_ids, network)
        self._unlike.compare_answer(view.image_id, total, class_ids)
        classes = looked_at.estimate(view.image_id, total, class_ids)
        self._opened.send(Estimated(view.generation, view.image_id, view.plane, classes))
