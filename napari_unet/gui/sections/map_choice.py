"""The map, or the objects, that are shown beside the prediction: asked for, drawn, and hidden."""

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ImageShown
from napari_unet.gui.layers.map_layer import NOTHING, PREDICTED, WEIGHT_MAP
from napari_unet.gui.layers.object_layer import OBJECTS
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.gui.sections.view_row import ViewRow
from napari_unet.protocol.messages import Objects, Weights


class MapChoice:
    """Keeps the choice in the view row, the layers of maps and objects, and the controller's wish in step."""

    def __init__(self, controller: Controller, shown: ShownImage, view_row: ViewRow) -> None:
        self._controller = controller
        self._shown = shown
        self._view_row = view_row
        attempt = Attempt(controller)
        view_row.wanted.connect(lambda: attempt(self._choose))
        view_row.table_wanted.connect(lambda: shown.object_layer.open_table(view_row))
        shown.map_deleted.connect(lambda: view_row.kind.setCurrentText(NOTHING))
        controller.subscribe(Weights, shown.map_layer.write_weights)
        controller.subscribe(Objects, shown.object_layer.write)
        controller.subscribe(ImageShown, self._image_shown)

    def _image_shown(self, shown: ImageShown) -> None:
        if shown.record is not None:
            with self._shown.changing():
                self._choose()

    def _choose(self) -> None:
        """Show the chosen map or the objects and ask for them; hide what is not chosen and ask for it no more."""
        maps, objects, canvas = self._shown.map_layer, self._shown.object_layer, self._shown.canvas
        (kind, class_id), placement = self._view_row.map, canvas.placement
        if placement is None:
            kind = NOTHING
        if kind in (NOTHING, OBJECTS):
            maps.hide()
        if kind != OBJECTS:
            objects.hide()
        if placement is not None and kind == OBJECTS:
            objects.show(placement)
        elif placement is not None and kind != NOTHING:
            maps.show(placement, (kind, class_id), self._view_row.map_name)
        self._controller.view.want_weights(kind == WEIGHT_MAP)
        self._controller.view.want_map("objects" if kind == OBJECTS else PREDICTED.get(kind, ""), class_id)
