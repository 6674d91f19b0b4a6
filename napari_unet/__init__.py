"""Paint a few strokes and watch a U-Net learn them.

>>> from napari_unet import Project, train, load_model, predict, score
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet.api import add_annotated_image, export, load_model, predict, score, train
    from napari_unet.dataset.weight_map import object_weights
    from napari_unet.errors import UserError
    from napari_unet.images.image import Image, PixelSize
    from napari_unet.images.reading import open_image
    from napari_unet.project.project import Project

__all__ = [
    "Image",
    "PixelSize",
    "Project",
    "UserError",
    "add_annotated_image",
    "export",
    "load_model",
    "object_weights",
    "open_image",
    "predict",
    "score",
    "train",
]

_ROOMS = {
    "Project": "napari_unet.project.project",
    "UserError": "napari_unet.errors",
    "Image": "napari_unet.images.image",
    "PixelSize": "napari_unet.images.image",
    "open_image": "napari_unet.images.reading",
    "object_weights": "napari_unet.dataset.weight_map",
}


def __getattr__(name: str) -> Any:
    # Late, because napari reads this file to find the plugin and must not pay for torch.
    if name not in __all__:
        raise AttributeError(f"module 'napari_unet' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_ROOMS.get(name, "napari_unet.api")), name)


class _Package(ModuleType):
    """Keep the function ``export`` from being hidden by the folder of that name once that is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
