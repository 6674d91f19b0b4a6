"""The bundled image, for napari's File > Open Sample and for the demo."""

from typing import Any


def stained_tissue() -> list[tuple[Any, dict[str, Any], str]]:
    """Immunohistochemical staining of human colon, 512 x 512 RGB (scikit-image's data, CC0)."""
    from skimage import data

    return [(data.immunohistochemistry(), {"name": "stained tissue", "rgb": True}, "image")]
