"""Objects of a Labels layer, such as other programs find them, taken over as annotation."""

from typing import Any

import numpy as np
from jaxtyping import Integer
from napari.layers import Labels, Layer

from napari_unet.controller.controller import Controller
from napari_unet.errors import UserError
from napari_unet.gui.sections.class_table import ClassTable
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.images.tiles import Region
from napari_unet.project.classes import BACKGROUND


class ObjectAnnotation:
    """Takes numbered objects over, of the class that is selected, where nothing is painted.

    Parameters
    ----------
    controller : commits the labels
    shown : has the annotation layer on which they appear
    table : where the class is selected
    """

    def __init__(self, controller: Controller, shown: ShownImage, table: ClassTable) -> None:
        self._controller = controller
        self._shown = shown
        self._table = table

    def take(self, layer: Layer | None) -> None:
        """Annotate every plane on which the layer has objects; other planes stay as they are.

        Raises
        ------
        UserError
            NU-W04 without an image, NU-A16 for a layer without objects of other programs, NU-A01 for one of another
            shape, NU-A11 where nothing is left to annotate, and as ``Project.commit``.
        """
        project, canvas = self._controller.present_project(), self._shown.canvas
        classes = [label.id for label in project.classes.all() if label.id != BACKGROUND]
        objects = self._objects(layer)
        selected = self._table.selected
        if not classes:
            what, fix = "there is no class for the objects", "add a class first"
            raise UserError("NU-A12", what, "use as annotation", fix)
        self._shown.saving.check()
        found = {plane: numbers for plane, numbers in enumerate(objects) if numbers.any()}
        taken = self._controller.strokes.take_objects(found, selected if selected in classes else classes[0])
        for plane, labels in taken.items():
            # The layer shows what was committed, as a stroke that undo takes back.
            canvas.annotation_layer.paint(plane, labels, Region(0, 0, *labels.shape), labels > 0)
        self._shown.saving.check()

    def _objects(self, layer: Layer | None) -> Integer[np.ndarray, "planes y x"]:
        image = self._controller.image
        if image is None:
            raise UserError("NU-W04", "no image is chosen", "use as annotation", "choose an image first")
        if not isinstance(layer, Labels) or layer in [*self._shown.own_layers]:
            what = "the selected layer is no Labels layer with objects of another program"
            fix = "select that layer in napari's list of layers and try again"
            raise UserError("NU-A16", what, layer.name if layer else "list of layers", fix)
        numbers: Any = np.asarray(layer.data)
        if numbers.shape != image.annotation_shape:
            what = f"labels have the shape {numbers.shape}, the image wants {image.annotation_shape}"
            raise UserError("NU-A01", what, layer.name, "use labels of this very image")
        planes: Integer[np.ndarray, "planes y x"] = numbers.reshape(-1, *numbers.shape[-2:])
        return planes
