"""The test areas of the image on screen: those on the layer are those that the project has."""

from napari_unet.controller.controller import Controller
from napari_unet.errors import UserError
from napari_unet.gui.layers.area_layer import AreaLayer
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.images.tiles import Region


class KeptAreas:
    """Shows the test areas of the project, and keeps those that the user draws."""

    def __init__(self, controller: Controller, canvas: Canvas, layer: AreaLayer) -> None:
        self._controller = controller
        self._canvas = canvas
        self._layer = layer
        self._attempt = Attempt(controller)

    def show(self) -> None:
        """Show the test areas that the project has of the image on screen."""
        project, image, placement = self._controller.project, self._controller.image, self._canvas.placement
        if project is not None and image is not None and placement is not None:
            self._layer.show(placement, project.test_areas.of(image.id))

    def keep(self, areas: dict[int, tuple[Region, ...]]) -> None:
        """Keep the areas of each plane in the project; where it refuses them, tell why and show its own again."""
        self._attempt(lambda: self._kept(areas))

    def _kept(self, areas: dict[int, tuple[Region, ...]]) -> None:
        try:
            self._controller.strokes.mark_test_areas(areas)
        except UserError:
            self.show()  # one that is not saved would look as if it was
            raise
