"""Strokes and test areas on their way from the window into the project, told to the worker at once."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import UInt8

from napari_unet.controller.news import ClassesChanged
from napari_unet.controller.session import Session
from napari_unet.controller.subscriptions import Subscriptions
from napari_unet.controller.training import Training
from napari_unet.errors import UserError
from napari_unet.images.tiles import Region


class Strokes:
    """Commits what is painted on the image on screen.

    Parameters
    ----------
    session : whose project takes the strokes of its image
    training : begins by itself with the strokes of a second class
    tell_annotated : tells the worker that strokes were committed; its argument: the user knew them, no network said so
    subscriptions : hear of labelled pixels
    """

    def __init__(
        self, session: Session, training: Training, tell_annotated: Callable[[bool], None], subscriptions: Subscriptions
    ) -> None:
        self._session = session
        self._training = training
        self._tell_annotated = tell_annotated
        self._publish = subscriptions.publish
        self._taken_over = False  # the next commit holds what the network said, not what the user knew

    def commit(self, plane: int, labels: UInt8[np.ndarray, "h w"], region: Region | None = None) -> bool:
        """Save the strokes of a plane, or of a region of it, and begin training when it can begin.

        Returns
        -------
        whether any stroke is another one now

        Raises
        ------
        UserError
            NU-A07 for labels of another shape, NU-P07 when the disk does not take them, NU-P11 in a read-only project.
        """
        project, image = self._session.project, self._session.image
        if project is None or image is None or not project.commit(image.id, plane, labels, region):
            return False
        self._tell_annotated(not self._taken_over)
        self._taken_over = False
        self._publish(ClassesChanged())
        self._training.start_by_itself()
        return True

    def keep_elsewhere(self, planes: Mapping[int, UInt8[np.ndarray, "h w"]], region: Region) -> UserError | None:
        """Keep strokes that the project's disk refuses, and whose layer goes; return what to tell the user of it."""
        project, image = self._session.project, self._session.image
        if project is None or image is None or project.read_only or not planes:
            return None
        try:
            path = project.keep_elsewhere(image, planes, region)
        except UserError as error:
            return error
        what = "strokes that the project's disk does not take are kept elsewhere"
        fix = "open the project again when there is room: it takes them back"
        return UserError("NU-P20", what, str(path), fix)

    def accept(
        self, plane: int, predicted: UInt8[np.ndarray, "h w"], region: Region | None = None
    ) -> UInt8[np.ndarray, "h w"]:
        """Return what of the predicted labels (0: not asked for) the user may take over; paint it, then commit it.

        They are those of a region, or of the whole plane.

        Raises
        ------
        UserError
            NU-A11 when nothing is left.
        """
        if self._session.image is None:
            return np.zeros_like(predicted)
        labels = self.take_over(plane, predicted, region)
        if not labels.any():
            raise UserError(
                "NU-A11",
                "there is nothing to accept in the circle",
                "no prediction there, or painted already, or held out for the score",
                "circle predicted pixels elsewhere",
            )
        return labels

    def take_over(
        self, plane: int, predicted: UInt8[np.ndarray, "h w"], region: Region | None = None, *, repaint: bool = False
    ) -> UInt8[np.ndarray, "h w"]:
        """Return what of the predicted labels may be painted; the next commit then says nothing about the overlay."""
        image = self._session.image
        if image is None:
            return np.zeros_like(predicted)
        project = self._session.present_project()
        labels = project.acceptable(image.id, plane, predicted, region, repaint=repaint)
        self._taken_over = bool(labels.any())
        return labels

    def mark_test_areas(self, areas: dict[int, tuple[Region, ...]]) -> bool:
        """Save the test areas of the image, by plane; the worker reads them at once. Return whether any is another."""
        project, image = self._session.project, self._session.image
        if project is None or image is None:
            return False
        planes = sorted(set(areas) | set(project.test_areas(image.id)))
        changed = [project.set_test_areas(image.id, plane, areas.get(plane, ())) for plane in planes]
        if any(changed):
            self._tell_annotated(True)
        return any(changed)
