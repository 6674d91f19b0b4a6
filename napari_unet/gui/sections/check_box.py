"""The section of checking: where to look next, a rectangle to check by, and taking over what is right."""

from typing import Any

from qtpy.QtWidgets import QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded
from napari_unet.gui.sections.accept_button import AcceptButton
from napari_unet.gui.sections.label_check import LabelCheck
from napari_unet.gui.sections.project_images import ProjectImages
from napari_unet.gui.sections.rectangle_check import RectangleCheck
from napari_unet.gui.sections.section import Section, keep_room, row
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.gui.sections.where_next import WhereNext


class CheckBox(Section):
    """Second section of the panel.

    Attributes
    ----------
    where_next, label_check : say something now and then, in room that is kept for it
    rectangle : proposes a rectangle to check by, and says the Dice over those that are done
    accept : draws a circle whose prediction is taken over
    """

    def __init__(self, viewer: Any, controller: Controller, shown: ShownImage, images: ProjectImages) -> None:
        self.where_next = WhereNext(viewer, controller, shown.canvas, images)
        self.rectangle = RectangleCheck(viewer, controller, shown)
        self.accept = AcceptButton(controller, shown)
        self.label_check = LabelCheck(viewer, shown.canvas, controller)
        buttons, line = QWidget(), row()
        buttons.setLayout(line)
        for button in (self.where_next.button, self.rectangle.button, self.accept):
            line.addWidget(button)
        for told in (self.where_next, self.label_check):
            keep_room(told)
        super().__init__(2, "Check", buttons, self.where_next, self.rectangle, self.label_check)
        controller.subscribe(ActionEnded, lambda _: self.accept.setEnabled(controller.image is not None))
