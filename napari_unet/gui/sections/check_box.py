"""The section of checking: where to look next, a rectangle to check by, and taking over what is right."""

from typing import Any

from qtpy.QtWidgets import QPushButton, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded
from napari_unet.gui.sections.accept_button import AcceptButton
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.label_check import LabelCheck
from napari_unet.gui.sections.project_images import ProjectImages
from napari_unet.gui.sections.section import Section, keep_room, row
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.gui.sections.where_next import WhereNext


class CheckBox(Section):
    """Second section of the panel.

    Attributes
    ----------
    where_next, label_check : say something now and then, in room that is kept for it
    area_button : draws a rectangle to check by
    accept : draws a circle whose prediction is taken over
    """

    def __init__(self, viewer: Any, controller: Controller, shown: ShownImage, images: ProjectImages) -> None:
        attempt = Attempt(controller)
        self.where_next = WhereNext(viewer, controller, shown.canvas, images)
        self.area_button = QPushButton("Check a rectangle")
        self.area_button.setToolTip(
            "Draw a rectangle on the image. What is painted in it, before or after, is never trained on,\n"
            'and has a Dice of its own. To move or delete one, choose the layer "test areas", click it and drag it,\n'
            "or press Delete: its strokes are then trained on again."
        )
        self.area_button.clicked.connect(lambda: attempt(shown.areas.draw))
        self.accept = AcceptButton(controller, shown)
        self.label_check = LabelCheck(viewer, shown.canvas, controller)
        buttons, line = QWidget(), row()
        buttons.setLayout(line)
        for button in (self.where_next.button, self.area_button, self.accept):
            line.addWidget(button)
        for told in (self.where_next, self.label_check):
            keep_room(told)
        super().__init__(2, "Check", buttons, self.where_next, self.label_check)
        controller.subscribe(ActionEnded, lambda _: self._allow(controller.image is not None))

    def _allow(self, on: bool) -> None:
        for button in (self.area_button, self.accept):
            button.setEnabled(on)
