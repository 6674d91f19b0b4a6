"""The rows of painting: the classes, and one line that says what to do now."""

from typing import Any

from qtpy.QtWidgets import QWidget

from napari_unet.controller.controller import Controller
from napari_unet.gui.sections.class_table import ClassTable
from napari_unet.gui.sections.classes import Classes
from napari_unet.gui.sections.labels_offer import LabelsOffer
from napari_unet.gui.sections.object_annotation import ObjectAnnotation
from napari_unet.gui.sections.painting import KEYS, Painting
from napari_unet.gui.sections.section import column
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.gui.sections.status_line import StatusLine


class AnnotationBox(QWidget):  # type: ignore[misc]
    """Puts the table of classes over the status line.

    Attributes
    ----------
    offer : offers layers of other programs; to be put where the image is told of
    """

    def __init__(self, viewer: Any, controller: Controller, shown: ShownImage) -> None:
        super().__init__()
        canvas = shown.canvas
        self.class_table = ClassTable()
        self.class_table.setToolTip("\n".join(f"{keys}: {what}" for keys, what in KEYS.items()))
        self.classes = Classes(controller, canvas, self.class_table)
        self.painting = Painting(controller, canvas, self.class_table, self)
        self.painting.accept.connect(shown.begin_circle)
        self.painting.accept_all.connect(shown.circle_all)
        self.objects = ObjectAnnotation(controller, shown, self.class_table)
        self.offer = LabelsOffer(viewer, controller, shown, self.objects)
        self.status = StatusLine(controller, shown, self.class_table)
        self.offer.offered.connect(self.status.say)
        self.painting.offered.connect(self.status.say)
        layout = column(self)
        layout.addWidget(self.class_table)
        layout.addWidget(self.status)
