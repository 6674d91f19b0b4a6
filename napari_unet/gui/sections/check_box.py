"""The section of checking: where to look next, a rectangle to check by, and taking over what is right."""

from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded
from napari_unet.gui.sections.accept_button import AcceptButton
from napari_unet.gui.sections.label_check import LabelCheck
from napari_unet.gui.sections.project_images import ProjectImages
from napari_unet.gui.sections.quality_hint import QualityHint
from napari_unet.gui.sections.rectangle_check import RectangleCheck
from napari_unet.gui.sections.section import Section, column, row
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.gui.sections.where_next import WhereNext


class CheckBox(Section):
    """Second section of the panel.

    Attributes
    ----------
    where_next, rectangle, label_check, hint : say something now and then, one at a time, in room that is kept for it
    accept : draws a circle whose prediction is taken over
    """

    def __init__(self, viewer: Any, controller: Controller, shown: ShownImage, images: ProjectImages) -> None:
        self.where_next = WhereNext(viewer, controller, shown.canvas, images)
        self.rectangle = RectangleCheck(viewer, controller, shown, images.switch)
        self.label_check = LabelCheck(viewer, shown.canvas, controller)
        self.hint = QualityHint(controller)
        self.accept = AcceptButton(controller, shown)
        buttons = QWidget()
        line = row(buttons)
        for button in (self.where_next.button, self.accept):
            line.addWidget(button)
        self._room = QWidget()
        self._said = {said: QWidget() for said in (self.where_next, self.rectangle, self.label_check, self.hint)}
        room = column(self._room)
        for said, cover in self._said.items():
            column(cover).addWidget(said)
            room.addWidget(cover)
        room.addStretch()
        super().__init__(2, "Check", buttons, self._room)
        self.add_tool(self.rectangle.button)
        for said in self._said:
            said.installEventFilter(self)
        controller.subscribe(ActionEnded, lambda _: self._arrange())
        controller.subscribe(ActionEnded, lambda _: self.accept.setEnabled(controller.image is not None))

    def showEvent(self, event: Any) -> None:
        """Keep room for the one that is highest."""
        super().showEvent(event)
        self._room.setFixedHeight(max(said.sizeHint().height() for said in self._said))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Find out anew who speaks when one has something to say, or nothing any more."""
        if event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            self._arrange()
        return False

    def _arrange(self) -> None:
        """Let the first one speak who has something to say; a rectangle that is done gives way to a question."""
        order: list[QWidget] = [self.where_next, self.rectangle, self.label_check, self.hint]
        if not self.rectangle.is_open:
            order = [self.where_next, self.label_check, self.rectangle, self.hint]
        speaks = next((said for said in order if not said.isHidden()), None)
        for said, cover in self._said.items():
            cover.setVisible(said is speaks)
