"""Rectangles on layers of shapes: outlines of places, and boxes with a text at each."""

from collections.abc import Sequence

import numpy as np
from napari.layers import Shapes

from napari_unet.gui.layers.placement import Geometry
from napari_unet.images.tiles import Region

_OUTLINE_WIDTH = 2  # px of the image


def corners(plane: int, region: Region, plane_shape: tuple[int, ...]) -> np.ndarray:
    """Return the corners of a rectangle in a layer over a stack, (4, axes)."""
    index = np.unravel_index(plane, plane_shape) if plane_shape else ()
    # Edges of pixels, not their centres.
    y0, x0, y1, x1 = region.y0 - 0.5, region.x0 - 0.5, region.y1 - 0.5, region.x1 - 0.5
    return np.array([[*index, y, x] for y, x in ((y0, x0), (y0, x1), (y1, x1), (y1, x0))], float)


def outlines_layer(name: str, colour: str, place: Geometry, ndim: int) -> Shapes:
    """Return a new layer for outlines of rectangles, none yet, which the user cannot edit."""
    layer = Shapes(
        None, ndim=ndim, name=name, shape_type="rectangle", face_color="transparent", edge_color=colour, **place
    )
    layer.editable = False
    return layer


def boxes_layer(name: str, colour: str, edge_width: float, text_size: int, place: Geometry, ndim: int) -> Shapes:
    """Return a new layer for rectangles with a text at the upper left of each, none yet."""
    text = {"string": "{dice}", "color": colour, "size": text_size, "anchor": "upper_left", "translation": [0] * ndim}
    return Shapes(
        None,
        ndim=ndim,
        name=name,
        shape_type="rectangle",
        edge_width=edge_width,
        face_color="transparent",
        edge_color=colour,
        text=text,
        features={"dice": np.array([], dtype=object)},
        **place,
    )


def show_outlines(layer: Shapes, places: Sequence[tuple[int, Region]], plane_shape: tuple[int, ...]) -> None:
    """Draw rectangles on their planes, these and no others."""
    colour = layer.current_edge_color
    layer.data = []
    if places:
        boxes = [corners(plane, region, plane_shape) for plane, region in places]
        layer.add_rectangles(boxes, edge_color=colour, face_color="transparent", edge_width=_OUTLINE_WIDTH)


def same_boxes(layer: Shapes, boxes: Sequence[np.ndarray]) -> bool:
    """Tell whether the layer holds exactly these rectangles."""
    return len(boxes) == len(layer.data) and all(
        np.array_equal(one, other) for one, other in zip(boxes, layer.data, strict=True)
    )


def show_texts(layer: Shapes, texts: Sequence[str]) -> None:
    """Write a text at each rectangle."""
    layer.features = {"dice": np.array(texts, dtype=object)}  # an empty list would make it a column of numbers
    layer.refresh_text()


def draw_boxes(layer: Shapes, boxes: Sequence[np.ndarray], colour: str, edge_width: float) -> None:
    """Draw these rectangles in the place of all others, without texts."""
    layer.data = []
    if boxes:
        layer.feature_defaults = {"dice": ""}
        layer.add_rectangles(list(boxes), edge_color=colour, face_color="transparent", edge_width=edge_width)
