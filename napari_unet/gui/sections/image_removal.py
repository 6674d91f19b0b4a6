"""Images that leave the project: asked first where something lies on them, and another one comes up."""

from functools import partial
from typing import Any

import numpy as np
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.counted import counted
from napari_unet.errors import UserError
from napari_unet.gui.plain_text import untagged
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.image_list import ImageList
from napari_unet.gui.sections.project_images import ProjectImages
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project


class ImageRemoval:
    """Takes the images out of the project that the user removes in the list.

    Parameters
    ----------
    controller : knows project and image
    shown : leaves an image before it goes
    images : brings another one up
    image_list : where the user chooses
    window : the question lies over it
    """

    def __init__(
        self, controller: Controller, shown: ShownImage, images: ProjectImages, image_list: ImageList, window: QWidget
    ) -> None:
        self._controller = controller
        self._shown = shown
        self._images = images
        self._list = image_list
        self._window = window
        attempt = Attempt(controller)
        image_list.removed.connect(lambda image_id: attempt(partial(self.remove, image_id)))

    def remove(self, image_id: int) -> None:
        """Take an image out of the project, unless the user calls that off; its neighbour in the list comes up.

        Raises
        ------
        UserError
            Those of ``Controller.remove_image`` and of committing the strokes that are painted now.
        """
        if self._shown.canvas.annotation_layer.is_painting:
            return
        project = self._controller.present_project()
        project.database.refuse_when_read_only()
        record, present = project.images.get(image_id), self._controller.image
        self._shown.saving.save()
        lost = what_lies_on(project, image_id)
        if lost and not self._is_meant(record, lost):
            return
        ids = [each.id for each in project.images.all()]
        layer = None
        if present is not None and present.id == image_id:
            layer = self._shown.canvas.image
            self._shown.leave()
        try:
            self._controller.remove_image(image_id)
        except UserError:
            if layer is not None:
                self._images.switch(image_id)
            raise
        row = ids.index(image_id)
        self._go_on(image_id, layer, [*ids[row + 1 :], *reversed(ids[:row])])

    def _go_on(self, image_id: int, layer: Any, others: list[int]) -> None:
        """Forget an image that is gone; where it was on screen, in this layer, bring up the first of the others."""
        if layer is not None and others:
            self._images.switch(others[0])
        if layer is not None:
            self._images.layer_removed(layer)  # one that the user opened is theirs alone from now on
        if self._images.brought.image_id == image_id:
            self._images.brought.leave()
        self._list.thumbnails.forget(image_id)
        self._images.show_added()

    def _is_meant(self, record: ImageRecord, lost: str) -> bool:
        kept = f"The image itself stays in {record.path}." if record.inside else "The image's file stays as it is."
        question = untagged(f"Remove {record.name} from the project?\n\n{lost} will be lost, for good. {kept}")
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(self._window, "U-Net", question, buttons.Yes | buttons.Cancel, buttons.Cancel)
        return bool(answer == buttons.Yes)


def what_lies_on(project: Project, image_id: int) -> str:
    """Return how many pixels are painted and how many rectangles are checked on an image, "" where there are none."""
    planes = project.strokes.painted_planes(image_id)
    tiles = (tile for plane in planes for tile in project.strokes.newer_tiles(image_id, plane, -1).values())
    pixels = sum(int(np.count_nonzero(tile)) for tile in tiles)  # those of removed classes too
    rectangles = sum(len(areas) for areas in project.test_areas.of(image_id).values())
    counts = [f"{pixels:,} painted pixels"] if pixels else []
    if rectangles:
        counts.append(counted(rectangles, "checked rectangle"))
    return " and ".join(counts)
