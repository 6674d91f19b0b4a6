"""Rectangles that the program proposes as test areas, fills with its prediction, and lets the user correct."""

from typing import NamedTuple

import numpy as np

from napari_unet.controller.controller import Controller
from napari_unet.errors import UserError
from napari_unet.project.area_checks import AreaCheck, Origin
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m

_WHERE = "check a rectangle"


class Checked(NamedTuple):
    """Count the areas that are done, of one origin, over all images.

    Attributes
    ----------
    areas : those that are done
    changed : pixels of them that are labelled otherwise than they were filled
    unchanged : areas of which no pixel was corrected
    """

    areas: int = 0
    changed: int = 0
    unchanged: int = 0


class Standing(NamedTuple):
    """Tell how checking stands.

    Attributes
    ----------
    open : the area of the image on screen that the user still has to check
    done : areas at random that are done, over all images
    problem : line of the error that kept them from being read, "" without
    """

    open: AreaCheck | None = None
    done: Checked = Checked()
    problem: str = ""


class RectangleChecks:
    """Asks the worker for a place, makes a test area of it, and remembers when the user has checked it.

    Parameters
    ----------
    controller : has project, image and worker
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._number = 0  # of the newest wish

    @property
    def open(self) -> AreaCheck | None:
        """Return the area of the image on screen that the user still has to check; None where there is none."""
        project, image = self._controller.project, self._controller.image
        if project is None or image is None:
            return None
        areas = project.test_areas.of(image.id)
        checks = (check for check in project.area_checks.of(image.id) if not check.is_done)
        return next((check for check in checks if check.region in areas.get(check.plane, ())), None)

    def standing(self) -> Standing:
        """Return how checking stands; rows that no version writes are a problem, and painting goes on without them."""
        if self._controller.project is None:
            return Standing()
        try:
            return Standing(self.open, self.checked("random"))
        except UserError as error:
            return Standing(problem=str(error))

    def ask(self, origin: Origin) -> None:
        """Ask for a place at random in all images, or where the network is least sure on the plane on screen.

        Raises
        ------
        UserError
            NU-W04 without an image, NU-W08 when no worker can be started, NU-P11 in a read-only project.
        """
        image = self._controller.present_image(_WHERE)
        self._controller.present_project().database.refuse_when_read_only()
        self._controller.worker.launch_if_stopped()
        self._number += 1
        self._controller.worker.send(m.ProposeArea(self._number, image.id, self._controller.view.plane, origin))

    def withdraw(self) -> None:
        """Give the newest wish up: an answer to it comes too late."""
        self._number += 1

    def is_wanted(self, proposed: m.AreaProposed) -> bool:
        """Tell whether this answers the newest wish, which is given up where another image comes on screen."""
        return proposed.number == self._number

    def begin(self, proposed: m.AreaProposed) -> AreaCheck:
        """Make a test area of a place that was proposed, and fill it with what the network predicts there.

        Raises
        ------
        UserError
            NU-A19 where no place was found, or it was painted on meanwhile; NU-A17 for too many areas, NU-P07 when the
            disk does not take it, NU-P11 in a read-only project.
        """
        project, image = self._controller.present_project(), self._controller.present_image(_WHERE)
        region, plane = proposed.region, proposed.plane
        if region is None:
            raise UserError("NU-A19", "no rectangle can be proposed", image.name, proposed.reason)
        if project.strokes.plane(image.id, plane, region).any():
            fix = "press the button again"
            raise UserError("NU-A19", "the rectangle was painted on meanwhile", image.name, fix)
        known = [label.id for label in project.classes.all()]
        filled = np.where(np.isin(proposed.array(), known), proposed.array(), 0).astype(np.uint8)
        check = AreaCheck(plane, region, proposed.origin, filled, False)
        areas = project.test_areas.of(image.id)
        # The area comes first: what it is filled with must never be trained on.
        self._controller.strokes.mark_test_areas(areas | {plane: (*areas.get(plane, ()), region)})
        project.area_checks.add(image.id, check)
        self._controller.strokes.commit(plane, check.filled, region)
        return check

    def finish(self) -> int:
        """Remember that every pixel of the open area is right; return how many were corrected.

        Raises
        ------
        UserError
            NU-A19 when no area is open or a part of it is unlabelled, NU-P07 when the disk does not take it.
        """
        project, image, check = self._present()
        labels = project.strokes.plane(image.id, check.plane, check.region)
        missing = int((labels == 0).sum())
        if missing:
            what, fix = f"{missing:,} pixels of the rectangle are unlabelled", "paint them, then press Done"
            raise UserError("NU-A19", what, image.name, fix)
        project.area_checks.finish(image.id, check.plane, check.region)
        self._controller.strokes.tell_areas()
        return check.changed(labels)

    def give_up(self) -> None:
        """Take the open area away, with what it was filled with; what the user corrected stays and is trained on.

        Raises
        ------
        UserError
            NU-A19 when no area is open, NU-P07 when the disk does not take it.
        """
        project, image, check = self._present()
        areas = project.test_areas.of(image.id)
        left = tuple(area for area in areas[check.plane] if area != check.region)
        self._controller.strokes.mark_test_areas(areas | {check.plane: left})

    def checked(self, origin: Origin) -> Checked:
        """Count the areas that are done, over all images of the project."""
        project = self._controller.present_project()
        total = Checked()
        for image_id in project.area_checks.image_ids():
            areas = project.test_areas.of(image_id)
            for check in project.area_checks.of(image_id):
                if check.is_done and check.origin == origin and check.region in areas.get(check.plane, ()):
                    changed = check.changed(project.strokes.plane(image_id, check.plane, check.region))
                    total = Checked(total.areas + 1, total.changed + changed, total.unchanged + (changed == 0))
        return total

    def _present(self) -> tuple[Project, ImageRecord, AreaCheck]:
        """Return project, image and the open area, or raise NU-A19."""
        check = self.open
        project, image = self._controller.present_project(), self._controller.present_image(_WHERE)
        if check is None:
            raise UserError("NU-A19", "no rectangle is being checked", image.name, 'press "Check a rectangle" first')
        return project, image, check
