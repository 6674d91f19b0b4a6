"""The box of what lies over the image: the look of the prediction, and the maps beside it."""

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.gui.sections.map_choice import MapChoice
from napari_unet.gui.sections.overlay_keys import OverlayKeys
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.gui.sections.view_row import ViewRow


class OverlayBox(QWidget):  # type: ignore[misc]
    """Holds the view row, with the keys and the layers that follow it."""

    def __init__(self, controller: Controller, shown: ShownImage) -> None:
        super().__init__()
        self.view_row = ViewRow(controller, shown.canvas)
        self.keys = OverlayKeys(controller, shown.canvas, self.view_row, shown.own_layers, self)
        self.map_choice = MapChoice(controller, shown, self.view_row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view_row)
