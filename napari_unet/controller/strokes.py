"""Strokes and test areas on their way from the window into the project, told to the worker at once."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Integer, UInt8

from napari_unet.controller.news import AreaEmptied, ClassesChanged, SettingsChanged, StrokesSaved
from napari_unet.controller.predicted_classes import PredictedClasses
from napari_unet.controller.session import Session
from napari_unet.controller.subscriptions import Subscriptions
from napari_unet.controller.training import Training
from napari_unet.controller.view import View
from napari_unet.errors import UserError
from napari_unet.images.tiles import Region
from napari_unet.project.area_checks import AreaCheck
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.label_values import as_labels
from napari_unet.project.object_strokes import give_ridge_back, labels_of_objects
from napari_unet.project.project import Project


class Strokes:
    """Commits what is painted on the image on screen.

    Parameters
    ----------
    session : whose project takes the strokes of its image
    view : says what of the image is covered, and so predicted
    training : begins by itself with the strokes of a second class
    tell_annotated : tells the worker that strokes were committed; its argument: the user knew them, no network said so
    subscriptions : hear of labelled pixels

    Attributes
    ----------
    predicted : the classes that can be taken over
    """

    def __init__(
        self,
        session: Session,
        view: View,
        training: Training,
        tell_annotated: Callable[[bool], None],
        subscriptions: Subscriptions,
    ) -> None:
        self._session = session
        self.predicted = PredictedClasses(session, view, subscriptions)
        self._training = training
        self._tell_annotated = tell_annotated
        self._publish = subscriptions.publish

    def commit(self, plane: int, labels: UInt8[np.ndarray, "h w"], region: Region | None = None) -> bool:
        """Save the strokes of a plane, or of a region of it, and begin training when it can begin.

        Returns
        -------
        whether any stroke is another one now

        Raises
        ------
        UserError
            NU-A07 for labels of another shape, NU-A12 for a number without a class, NU-P07 when the disk does not take
            them, NU-P11 in a read-only project, NU-W04 when no image is worked on.
        """
        project, image = self._session.present_project(), self._session.present_image("annotation")
        if not project.strokes.commit(image.id, plane, labels, region).tiles:
            return False
        self._tell(own=True)
        return True

    def keep_elsewhere(
        self, image: ImageRecord, planes: Mapping[int, UInt8[np.ndarray, "h w"]], region: Region
    ) -> UserError | None:
        """Keep strokes that the project's disk refuses, and whose layer goes; return what to tell the user of it."""
        project = self._session.project
        if project is None or project.read_only or not planes:
            return None
        try:
            path = project.rescued.keep(image, planes, region)
        except UserError as error:
            return error
        what = "strokes that the project's disk does not take are kept elsewhere"
        fix = "open the project again when there is room: it takes them back"
        return UserError("NU-P20", what, str(path), fix)

    def accept(
        self, plane: int, inside: Bool[np.ndarray, "h w"], region: Region | None = None
    ) -> UInt8[np.ndarray, "h w"]:
        """Commit what the network predicts inside a mask of a region, or of the whole plane, as labels of the user.

        Returns
        -------
        the labels that were committed, 0 where none were: painted already, held out, or not predicted

        Raises
        ------
        UserError
            NU-A11 when there are none, NU-P07 when the disk does not take them, NU-P11 in a read-only project.
        """
        project, image = self._session.present_project(), self._session.present_image("accept here")
        region = region or Region(0, 0, *image.annotation_shape[-2:])
        predicted = np.where(inside, self.predicted.of(plane, region), 0).astype(np.uint8)
        taken = project.strokes.commit(image.id, plane, predicted, region, source="prediction").labels
        if not taken.any():
            raise UserError(
                "NU-A11",
                "there is nothing to accept there",
                "no prediction there, or painted already, or kept for checking",
                "circle predicted pixels elsewhere",
            )
        self._tell(own=False)
        return taken

    def refuse_acceptance(self, plane: int, region: Region) -> None:
        """Refuse what ``accept`` would refuse in a region wherever the user circled it: nothing is predicted there yet.

        Raises
        ------
        UserError
            NU-A11 without a predicted pixel, NU-P11 in a read-only project, NU-W04 when no image is worked on.
        """
        project, image = self._session.present_project(), self._session.present_image("accept here")
        project.database.refuse_when_read_only()
        if not self.predicted.of(plane, region).any():
            fix = "paint strokes of two classes, and wait for the prediction to lie over the image"
            raise UserError("NU-A11", "nothing is predicted here yet", image.name, fix)

    def take_objects(
        self, objects: Mapping[int, Integer[np.ndarray, "h w"]], class_id: int
    ) -> dict[int, UInt8[np.ndarray, "h w"]]:
        """Annotate planes by numbered objects of a class, background all around, where nothing is painted yet.

        Returns
        -------
        by plane, the labels that were committed, 0 elsewhere

        Raises
        ------
        UserError
            NU-A03 for negative numbers, NU-A11 when everything is painted already, NU-P07 when the disk does not take
            them, NU-P11 in a read-only project.
        """
        project, image = self._session.present_project(), self._session.present_image("use as annotation")
        wanted = {plane: labels_of_objects(numbers, image, class_id) for plane, numbers in objects.items()}
        taken = self._take(project, image, wanted)
        give_ridge_back(project.settings)
        self._publish(SettingsChanged(project.settings.read()))
        self._tell(own=True)
        return taken

    def take_classes(self, classes: Mapping[int, Integer[np.ndarray, "h w"]]) -> dict[int, UInt8[np.ndarray, "h w"]]:
        """Annotate planes by class ids, 0 where nothing is known, where nothing is painted yet.

        Returns
        -------
        by plane, the labels that were committed, 0 elsewhere

        Raises
        ------
        UserError
            NU-A02 to NU-A04 and NU-A12 for numbers that are no classes, else as ``take_objects``.
        """
        project, image = self._session.present_project(), self._session.present_image("use as annotation")
        taken = self._take(project, image, {plane: as_labels(ids, image.name) for plane, ids in classes.items()})
        self._tell(own=True)
        return taken

    def _take(
        self, project: Project, image: ImageRecord, wanted: Mapping[int, UInt8[np.ndarray, "h w"]]
    ) -> dict[int, UInt8[np.ndarray, "h w"]]:
        """Commit labels of another program where nothing is painted; raise NU-A11 where everything is."""
        taken = {}
        for plane, labels in wanted.items():
            painted = project.strokes.plane(image.id, plane)
            taken[plane] = np.where(painted == 0, labels, 0).astype(np.uint8)
            labels = np.where(painted == 0, labels, painted).astype(np.uint8)
            project.strokes.commit(image.id, plane, labels, source="import")
        if not any(labels.any() for labels in taken.values()):
            what, fix = "there is nothing to annotate", "choose a layer with objects, or erase what is painted there"
            raise UserError("NU-A11", what, "no objects, or painted already", fix)
        return taken

    def repaint(
        self, plane: int, pixels: Bool[np.ndarray, "h w"], class_id: int, region: Region
    ) -> UInt8[np.ndarray, "h w"]:
        """Commit the class that the network says for the pixels of a doubted stroke.

        Where the network's own answer would be scored, the stroke is erased instead.

        Returns
        -------
        the labels of the region that were committed for these pixels, 0 elsewhere

        Raises
        ------
        UserError
            NU-P07 when the disk does not take them, NU-P11 in a read-only project.
        """
        project, image = self._session.present_project(), self._session.present_image("label check")
        predicted = np.where(pixels, class_id, 0).astype(np.uint8)
        done = project.strokes.commit(image.id, plane, predicted, region, source="prediction", repaint=True)
        if done.tiles:
            self._tell(own=not done.labels.any())
        return done.labels

    def erase(self, parts: Sequence[tuple[int, Bool[np.ndarray, "_ _"], Region]]) -> None:
        """Commit that pixels are not painted, each of them given by plane, pixels and region: all of it or nothing.

        Raises
        ------
        UserError
            NU-P07 when the disk does not take it, NU-P11 in a read-only project.
        """
        project, image = self._session.present_project(), self._session.present_image("label check")
        changed = []
        with project.strokes.together():
            for plane, pixels, region in parts:
                left = np.where(pixels, 0, project.strokes.plane(image.id, plane, region)).astype(np.uint8)
                changed += project.strokes.commit(image.id, plane, left, region).tiles
        if changed:
            self._tell(own=True)

    def mark_test_areas(self, areas: dict[int, tuple[Region, ...]]) -> bool:
        """Save the test areas of the image, by plane; tell whether any of them has changed.

        What an area was filled with is erased with it while the user has not checked it: it is the network's own
        answer, which would be trained on.
        """
        project, image = self._session.project, self._session.image
        if project is None or image is None:
            return False
        for check in project.area_checks.of(image.id):
            if not check.is_done and check.region not in areas.get(check.plane, ()):
                self._empty(check)
        planes = sorted(set(areas) | set(project.test_areas.of(image.id)))
        changed = [project.test_areas.replace(image.id, plane, areas.get(plane, ())) for plane in planes]
        if any(changed):
            self.tell_areas()
        return any(changed)

    def tell_areas(self) -> None:
        """Tell the worker that test areas, or what is known of them, have changed."""
        self._tell_annotated(True)

    def _empty(self, check: AreaCheck) -> None:
        """Erase what an area of the image was filled with and the user has not painted over, and forget it."""
        project, image = self._session.present_project(), self._session.present_image("test area")
        labels = project.strokes.plane(image.id, check.plane, check.region)
        self.commit(check.plane, np.where(labels == check.filled, 0, labels).astype(np.uint8), check.region)
        self._publish(AreaEmptied(check.plane, check.region))
        project.area_checks.remove(image.id, check.plane, check.region)

    def _tell(self, *, own: bool) -> None:
        """Tell everybody of a commit. Labels that are not the user's own say nothing about the network."""
        self._tell_annotated(own)
        self._publish(ClassesChanged())
        self._publish(StrokesSaved())
        self._training.start_by_itself()
