"""The box of annotation: the classes, what the brush holds, where to paint next, and strokes that may be wrong."""

from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.cover import SIDE
from napari_unet.gui.plain_text import PlainLabel
from napari_unet.gui.sections.accept_button import AcceptButton
from napari_unet.gui.sections.class_table import ClassTable
from napari_unet.gui.sections.classes import Classes
from napari_unet.gui.sections.label_check import LabelCheck
from napari_unet.gui.sections.object_annotation import ObjectAnnotation
from napari_unet.gui.sections.painting import KEYS, Painting
from napari_unet.gui.sections.project_images import ProjectImages
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.gui.sections.where_next import WhereNext


class AnnotationBox(QWidget):  # type: ignore[misc]
    """Puts the table of classes with its buttons over the lines that are shown now and then."""

    def __init__(self, viewer: Any, controller: Controller, shown: ShownImage, images: ProjectImages) -> None:
        super().__init__()
        canvas = shown.canvas
        self.zoom_hint = PlainLabel(f"Zoom in to paint: more than {SIDE} x {SIDE} pixels are on screen")
        self.zoom_hint.setWordWrap(True)
        self.zoom_hint.hide()
        shown.looked.connect(lambda: self.zoom_hint.setVisible(canvas.annotation_layer.is_too_far_out))
        self.class_table = ClassTable()
        self.class_table.setToolTip("\n".join(f"{keys}: {what}" for keys, what in KEYS.items()))
        self.classes = Classes(controller, canvas, self.class_table)
        self.painting = Painting(controller, canvas, self.class_table, self)
        self.where_next = WhereNext(viewer, controller, canvas, images)
        self.accept = AcceptButton(controller, shown)
        self.painting.accept.connect(shown.begin_circle)
        for button in (self.where_next.button, self.accept):
            self.class_table.add_tool(button)
        self.objects = ObjectAnnotation(controller, shown, self.class_table)
        self.label_check = LabelCheck(viewer, canvas, controller)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.zoom_hint, self.class_table, self.where_next, self.label_check):
            layout.addWidget(widget)
