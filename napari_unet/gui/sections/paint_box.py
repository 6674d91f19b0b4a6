"""The section of painting: the images and the project, the classes, and one line that says what to do now."""

from typing import Any

from qtpy.QtWidgets import QWidget

from napari_unet.controller.controller import Controller
from napari_unet.gui.sections.annotation_box import AnnotationBox
from napari_unet.gui.sections.images_box import ImagesBox
from napari_unet.gui.sections.section import Section
from napari_unet.gui.sections.shown_image import ShownImage


class PaintBox(Section):
    """First section of the panel.

    Parameters
    ----------
    panel : takes what is dropped

    Attributes
    ----------
    images, annotation : the parts, from top to bottom
    """

    def __init__(self, viewer: Any, controller: Controller, shown: ShownImage, panel: QWidget) -> None:
        self.images = ImagesBox(viewer, controller, shown, panel)
        self.annotation = AnnotationBox(viewer, controller, shown)
        super().__init__(1, "Paint", self.images, self.annotation)
        self.images.head.facts.add_tool(self.annotation.offer)
        for tool in (self.images.list.place, self.images.list.find_button, self.images.list.add_button):
            self.add_tool(tool)
