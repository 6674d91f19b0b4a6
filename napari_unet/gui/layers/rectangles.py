"""Rectangles on layers of shapes, with a text at each, in a colour that is seen on the image below."""

from collections.abc import Sequence

import numpy as np
from napari.layers import Image, Shapes
from napari.viewer import Viewer

from napari_unet.gui.layers.placement import Geometry
from napari_unet.images.tiles import Region

_ON_BOTH = "#0B7EBD"  # has a contrast of 4.5 and more with white and with black
# px: a rectangle that begins in fewer rows than these has its text over the edge of the image, unless the view is very
# close.
_TEXT_PX = 24
_ABOUT = 1.25  # times as wide or as narrow
_BRIGHT = 0.5  # mean of the shown pixels, 0 black and 1 white, from which on an image is a bright one


def legible(image: Image, on_dark: str = "white") -> str:
    """Return a colour for lines and texts over an image as it is shown now: the given one, or black on a bright image.

    The thumbnail has contrast and colours of the layer, and black bars beside a plane that is not square.
    """
    shown = np.asarray(image.thumbnail, float)[..., :3] / 255
    plane = shown[shown.any(axis=(1, 2))][:, shown.any(axis=(0, 2))]
    return "black" if plane.size and plane.mean() > _BRIGHT else on_dark


def corners(plane: int, region: Region, plane_shape: tuple[int, ...]) -> np.ndarray:
    """Return the corners of a rectangle in a layer over a stack, (4, axes)."""
    index = np.unravel_index(plane, plane_shape) if plane_shape else ()
    # Edges of pixels, not their centres.
    y0, x0, y1, x1 = region.y0 - 0.5, region.x0 - 0.5, region.y1 - 0.5, region.x1 - 0.5
    return np.array([[*index, y, x] for y, x in ((y0, x0), (y0, x1), (y1, x1), (y1, x0))], float)


def boxes_layer(name: str, text_size: int, place: Geometry, ndim: int) -> Shapes:
    """Return a new layer for rectangles with a text at the upper left of each, none yet."""
    text = {"string": "{text}", "size": text_size, "anchor": "upper_left", "translation": [0] * ndim}
    return Shapes(
        None,
        ndim=ndim,
        name=name,
        shape_type="rectangle",
        face_color="transparent",
        text=text,
        opacity=1,
        features={"text": np.array([], dtype=object)},
        **place,
    )


def same_boxes(layer: Shapes, boxes: Sequence[np.ndarray]) -> bool:
    """Tell whether the layer holds exactly these rectangles."""
    return len(boxes) == len(layer.data) and all(
        np.array_equal(one, other) for one, other in zip(boxes, layer.data, strict=True)
    )


def show_texts(layer: Shapes, texts: Sequence[str], colour: str) -> None:
    """Write a text over the upper left corner of each rectangle, in a colour that is seen on the image.

    At the upper edge of an image a text lies half on the image and half on the canvas, of which one may be bright and
    one dark: then all get a colour that is seen on both.
    """
    edge = -0.5 + _TEXT_PX
    is_at_edge = any(text and box[:, -2].min() < edge for text, box in zip(texts, layer.data, strict=False))
    layer.text.color = _ON_BOTH if is_at_edge else colour
    layer.features = {"text": np.array(texts, dtype=object)}  # an empty list would make it a column of numbers
    layer.refresh_text()


def screen_pixel(viewer: Viewer, layer: Shapes) -> float:
    """Return how many pixels of a layer's image a pixel of the screen covers."""
    return 1 / max(viewer.scene.camera.zoom * float(layer.scale[-1]), 1e-9)


def keep_edges(layer: Shapes, width: float) -> None:
    """Draw the edges of all rectangles so wide, in pixels of the image, unless they are about so wide already.

    Every zoom asks for it, and each edge that changes is drawn anew.
    """
    if not len(layer.data) or 1 / _ABOUT < layer.edge_width[0] / width < _ABOUT:
        return
    layer.edge_width = width
    layer.refresh(extent=False, thumbnail=False)


def draw_boxes(layer: Shapes, boxes: Sequence[np.ndarray], colours: Sequence[str], edge_width: float) -> None:
    """Draw these rectangles, each in its colour, in the place of all others, without texts."""
    layer.data = []
    if boxes:
        layer.feature_defaults = {"text": ""}
        layer.add_rectangles(list(boxes), edge_color=list(colours), face_color="transparent", edge_width=edge_width)
