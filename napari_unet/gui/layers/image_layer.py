"""The one image layer that we bring into the viewer, whatever image of the project it shows."""

from typing import Any

from napari.layers import Image as NapariImage

from napari_unet.gui.layers import source
from napari_unet.images.image import Image
from napari_unet.project.image_record import ImageRecord


class ImageLayer:
    """Made once, then given other pixels: making and removing layers is slow and leaks memory."""

    def __init__(self, viewer: Any) -> None:
        self.layer: NapariImage | None = None
        self.image_id: int | None = None
        self._viewer = viewer

    def is_layer(self, layer: Any) -> bool:
        """Whether a layer is ours."""
        return self.layer is not None and layer == self.layer

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
        layer.scale, layer.units = content["scale"], content["units"]
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
