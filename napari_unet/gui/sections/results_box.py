"""The section of the results: the look of the prediction, the counts and how they are made, and the export."""

from collections.abc import Callable

from napari_unet.controller.controller import Controller
from napari_unet.gui.layers.map_layer import NOTHING
from napari_unet.gui.layers.object_layer import OBJECTS
from napari_unet.gui.sections.count_lines import CountLines
from napari_unet.gui.sections.counting_knobs import CountingKnobs
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

    Attributes
    ----------
    overlay, counts, knobs, export_row : the parts, from top to bottom
    """

    def __init__(self, controller: Controller, shown: ShownImage, check_strokes: Callable[[], object]) -> None:
        self.overlay = OverlayBox(controller, shown)
        self.counts = CountLines(controller)
        self.knobs = CountingKnobs(controller, shown)
        self.export_row = ExportRow(controller, check_strokes)
        super().__init__(3, "Results", self.counts, self.knobs, self.export_row)
        self.add_tool(self.overlay, wide=True)
        self.counts.counted.connect(self.knobs.show_typical)
        self.counts.counted.connect(lambda counts: self.overlay.view_row.offer_table(bool(counts)))
        self.counts.all_wanted.connect(self.knobs.count_all)
        # The tick and "also show" are one choice, which can be made at either.
        kind, outlines = self.overlay.view_row.kind, self.knobs.outlines
        kind.currentTextChanged.connect(lambda text: outlines.setChecked(text == OBJECTS))
        outlines.toggled.connect(self._show_outlines)

    def _show_outlines(self, on: bool) -> None:
        kind = self.overlay.view_row.kind
        if on != (kind.currentText() == OBJECTS):
            kind.setCurrentText(OBJECTS if on else NOTHING)
