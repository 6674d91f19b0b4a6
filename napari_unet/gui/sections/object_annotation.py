"""Numbers of a Labels layer, such as other programs make them, taken over as annotation: objects or classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Integer, UInt8
from napari.layers import Labels, Layer

from napari_unet.controller.controller import Controller
from napari_unet.errors import UserError
from napari_unet.gui.layers.prediction_layer import PREDICTED
from napari_unet.gui.sections.class_table import ClassTable
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.images.tiles import Region
from napari_unet.project.classes import BACKGROUND


class ObjectAnnotation:
    """Takes classes over, or numbered objects of the class that is selected, where nothing is painted.

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
        objects, class_id = self._numbers(layer), self.class_of_objects
        if class_id is None:
            what, fix = "there is no class for the objects", "add a class first"
            raise UserError("NU-A12", what, "use as annotation", fix)
        self._shown.saving.check()
        self._paint(self._controller.strokes.take_objects(_numbered(objects), class_id))

    def take_classes(self, layer: Layer | None) -> None:
        """Annotate by numbers that are classes, 0 where nothing is known; raises as ``take`` and ``Project.commit``."""
        numbers = self._numbers(layer)
        self._shown.saving.check()
        self._paint(self._controller.strokes.take_classes(_numbered(numbers)))

    def may_be_classes(self, layer: Layer | None) -> bool:
        """Tell whether every number of a layer is that of a class, so that it is unclear what they mean.

        Raises
        ------
        UserError
            NU-W04, NU-A16 and NU-A01 as ``take``.
        """
        numbers = self._numbers(layer)
        return bool(numbers.any() and np.isin(numbers, [0, *self._class_ids()]).all())

    def fits(self, layer: Layer | None) -> bool:
        """Tell whether a layer is a Labels layer of another program that lies over all of the image on screen."""
        image = self._controller.image
        if image is None or layer is None or layer.multiscale or not self._is_of_another_program(layer):
            return False
        return tuple(layer.data.shape) == image.annotation_shape

    @property
    def class_of_objects(self) -> int | None:
        """Return the class that objects get: the selected one, or the first that is not background; None without."""
        classes = [class_id for class_id in self._class_ids() if class_id != BACKGROUND]
        return self._table.selected if self._table.selected in classes else next(iter(classes), None)

    def _class_ids(self) -> list[int]:
        return [label.id for label in self._controller.present_project().classes.all()]

    def _paint(self, taken: Mapping[int, UInt8[np.ndarray, "h w"]]) -> None:
        """Show what was committed, as one stroke that undo takes back."""
        annotation = self._shown.canvas.annotation_layer
        with annotation.one_stroke():
            for plane, labels in taken.items():
                annotation.paint(plane, labels, Region(0, 0, *labels.shape), labels > 0)
        self._shown.saving.check()

    def _is_of_another_program(self, layer: Layer) -> bool:
        """Tell whether a layer is of labels that neither we made nor the network: it would agree with itself."""
        is_ours = layer in [*self._shown.own_layers] or PREDICTED in layer.metadata
        return isinstance(layer, Labels) and not is_ours

    def _numbers(self, layer: Layer | None) -> Integer[np.ndarray, "planes y x"]:
        image = self._controller.image
        if image is None:
            raise UserError("NU-W04", "no image is chosen", "use as annotation", "choose an image first")
        if layer is None or not self._is_of_another_program(layer):
            what = "the selected layer is no Labels layer with objects of another program"
            fix = "select that layer in napari's list of layers and try again"
            raise UserError("NU-A16", what, layer.name if layer else "list of layers", fix)
        numbers: Any = np.asarray(layer.data)
        if numbers.shape != image.annotation_shape:
            what = f"labels have the shape {numbers.shape}, the image wants {image.annotation_shape}"
            raise UserError("NU-A01", what, layer.name, "use labels of this very image")
        planes: Integer[np.ndarray, "planes y x"] = numbers.reshape(-1, *numbers.shape[-2:])
        return planes


def _numbered(planes: Integer[np.ndarray, "planes y x"]) -> dict[int, Integer[np.ndarray, "y x"]]:
    """Return the planes that hold any number but 0."""
    return {plane: numbers for plane, numbers in enumerate(planes) if numbers.any()}
