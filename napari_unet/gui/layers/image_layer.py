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
        self._fingerprint = ""  # of the image that is shown
        self._contrast: dict[str, tuple[float, float]] = {}  # by fingerprint, of the images that were shown

    def is_layer(self, layer: Layer) -> bool:
        """Tell whether a layer is this one."""
        return self.layer is not None and layer == self.layer

    def leave(self) -> None:
        """Show no image any more, and take the layer out of the viewer."""
        self._keep_contrast()
        layer, self.layer, self.image_id = self.layer, None, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def show(self, image: Image, record: ImageRecord) -> NapariImage:
        """Show an image of the project."""
        self._keep_contrast()
        content = source.layer_content(image, record)
        layer, self.image_id, self._fingerprint = self.layer, record.id, record.fingerprint
        if layer is None or layer not in self._viewer.layers or not _alike(layer, content):
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
            self.layer = layer = NapariImage(**content)
            self._show_contrast(layer)
            self._viewer.add_layer(layer)
            return layer
        layer.data, layer.name = content["data"], content["name"]
        for name in ("scale", "units", "axis_labels", "metadata"):
            setattr(layer, name, content[name])
        layer.visible = True
        if not layer.rgb:
            layer.reset_contrast_limits_range()
            layer.reset_contrast_limits()
        self._show_contrast(layer)
        return layer

    def _keep_contrast(self) -> None:
        """Remember the contrast of the image that is shown, as the user may have set it."""
        if self.layer is not None and self._fingerprint and not self.layer.rgb:
            self._contrast[self._fingerprint] = tuple(self.layer.contrast_limits)

    def _show_contrast(self, layer: NapariImage) -> None:
        """Give an image that was shown before the contrast that it had."""
        known = self._contrast.get(self._fingerprint)
        if known is not None and not layer.rgb:
            layer.contrast_limits = known


def _alike(layer: NapariImage, content: dict[str, Any]) -> bool:
    pixels = content["data"]
    if layer.multiscale or content["multiscale"]:
        return False
    return bool(layer.rgb) == content["rgb"] and layer.data.ndim == pixels.ndim and layer.data.dtype == pixels.dtype
