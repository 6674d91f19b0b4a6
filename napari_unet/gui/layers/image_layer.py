"""The one image layer that we bring into the viewer, for every image of a project."""

from typing import Any

from napari.layers import Image as NapariImage
from napari.layers import Layer
from napari.viewer import Viewer

from napari_unet.gui.layers import source
from napari_unet.images.image import Image
from napari_unet.project.image_record import ImageRecord


class ImageLayer:
    """Shows images of the project: made once, then given other pixels, since new layers are slow and leak memory."""

    def __init__(self, viewer: Viewer) -> None:
        self.layer: NapariImage | None = None
        self.image_id: int | None = None
        self._viewer = viewer

    def is_layer(self, layer: Layer) -> bool:
        """Tell whether a layer is this one."""
        return self.layer is not None and layer == self.layer

    def leave(self) -> None:
        """Show no image any more, and take the layer out of the viewer."""
        layer, self.layer, self.image_id = self.layer, None, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def show(self, image: Image, record: ImageRecord) -> NapariImage:
        """Show an image of the project."""
        content = source.layer_content(image, record)
        layer, self.image_id = self.layer, record.id
        if layer is None or layer not in self._viewer.layers or not _alike(layer, content):
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
            self.layer = NapariImage(**content)
            self._viewer.add_layer(self.layer)
            return self.layer
        layer.data, layer.name = content["data"], content["name"]
        layer.scale, layer.units, layer.metadata = content["scale"], content["units"], content["metadata"]
        layer.visible = True
        if not layer.rgb:
            layer.reset_contrast_limits_range()
            layer.reset_contrast_limits()
        return layer


def _alike(layer: NapariImage, content: dict[str, Any]) -> bool:
    pixels = content["data"]
    if layer.multiscale or content["multiscale"]:
        return False
    return bool(layer.rgb) == content["rgb"] and layer.data.ndim == pixels.ndim and layer.data.dtype == pixels.dtype
