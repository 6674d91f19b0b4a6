"""The section of the results: the look of the prediction, objects and their measurements, and the export."""

from collections.abc import Callable

from napari_unet.controller.controller import Controller
from napari_unet.gui.sections.export_row import ExportRow
from napari_unet.gui.sections.overlay_box import OverlayBox
from napari_unet.gui.sections.section import Section
from napari_unet.gui.sections.shown_image import ShownImage


class ResultsBox(Section):
    """Third section of the panel.

    Parameters
    ----------
    controller : makes results
    shown : the image on screen
    check_strokes : commits what is painted, before an export
    """

    def __init__(self, controller: Controller, shown: ShownImage, check_strokes: Callable[[], object]) -> None:
        self.overlay = OverlayBox(controller, shown)
        self.export_row = ExportRow(controller, check_strokes)
        super().__init__(3, "Results", self.overlay, self.export_row, self.export_row.exported)
