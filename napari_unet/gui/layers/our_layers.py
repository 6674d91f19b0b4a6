"""The layers that lie over an image: annotation, prediction, held-out boxes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import UInt8
from napari.layers import Image, Labels, Shapes
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.transforms import Affine
from qtpy.QtGui import QColor

from napari_unet.evaluation.scores import BlockScore
from napari_unet.gui.layers.class_numbers import ANNOTATION
from napari_unet.images.tiles import Region
from napari_unet.project.classes import BACKGROUND, ClassLabel

PREDICTION, HELD_OUT = "prediction", "held-out Dice"
_BOX_COLOUR = "white"
_OUTLINE_WIDTH = 2  # px of the image
_OUTDATED_SATURATION = 0.2  # of the colour's own


def geometry(image: Image | Labels, channels_first: bool) -> dict[str, Any]:
    """Scale, translate, units and so on of an image or annotation layer, for a layer over its planes."""
    skip = 1 if channels_first else 0
    place = {
        "scale": tuple(image.scale)[skip:],
        "translate": tuple(image.translate)[skip:],
        "units": tuple(image.units)[skip:],
        "axis_labels": tuple(image.axis_labels)[skip:],
    }
    if not skip:  # a rotation that mixes channels with space has no meaning
        place |= {"rotate": image.rotate, "shear": image.shear, "affine": image.affine}
    return place


def covering(place: dict[str, Any], cover: Region) -> dict[str, Any]:
    """The geometry of a layer over a part of the planes only."""
    if (cover.y0, cover.x0) == (0, 0):
        return place
    names = ("scale", "translate", "rotate", "shear")
    seen = Affine(ndim=len(place["scale"]), **{name: place[name] for name in names if name in place})
    origin = (*[0] * (len(place["scale"]) - 2), cover.y0, cover.x0)
    return {**place, "translate": tuple(seen(origin))}


def place_over(layer: Labels | Image | Shapes, data: Any, place: dict[str, Any]) -> None:
    """Lay a layer of ours over another image; nothing of the image before can be undone into it.

    A layer is given other data because making and removing layers is slow and leaks memory.
    """
    layer.data = data
    for name, value in place.items():
        setattr(layer, name, value)
    if isinstance(layer, Labels):
        mode = layer.mode
        layer.editable = False  # forgets the history of edits
        layer.editable = True
        layer.mode = mode


def annotation_layer(
    labels: UInt8[np.ndarray, "*planes y x"], place: dict[str, Any], classes: Sequence[ClassLabel]
) -> Labels:
    """Where the user paints."""
    layer = Labels(labels, name=ANNOTATION, opacity=0.8, **place)
    colour_annotation(layer, classes)
    layer.brush_size = 9
    return layer


def prediction_layer(
    labels: UInt8[np.ndarray, "*planes y x"], place: dict[str, Any], classes: Sequence[ClassLabel]
) -> Labels:
    """Where the network answers."""
    layer = Labels(labels, name=PREDICTION, opacity=0.45, **place)
    colour_prediction(layer, classes)
    return layer


def colour_annotation(layer: Labels, classes: Sequence[ClassLabel]) -> None:
    """Give every class its colour."""
    layer.colormap = _colours(classes, hidden=())


def colour_prediction(layer: Labels, classes: Sequence[ClassLabel], *, outdated: bool = False) -> None:
    """The same colours, greyed where outdated, but background stays clear, or nothing of the image would be seen."""
    shown = [replace(label, colour=_greyed(label.colour)) for label in classes] if outdated else classes
    layer.colormap = _colours(shown, hidden=(BACKGROUND,))


def write_prediction(layer: Labels, plane: int, region: Region, labels: UInt8[np.ndarray, "h w"]) -> None:
    """Put classes into the layer's array, in place; the caller refreshes.

    Adding layers or assigning data would leak memory or cost a whole upload, and ``data_setitem`` would fill undo.
    """
    data = layer.data
    data.reshape(-1, *data.shape[-2:])[plane][region.slices] = labels


def held_out_layer(place: dict[str, Any], ndim: int) -> Shapes:
    """Boxes with a Dice each."""
    layer = Shapes(
        None,
        ndim=ndim,
        name=HELD_OUT,
        shape_type="rectangle",
        edge_width=1.5,
        face_color="transparent",
        edge_color=_BOX_COLOUR,
        text={"string": "{dice}", "color": _BOX_COLOUR, "size": 9, "anchor": "upper_left", "translation": [0] * ndim},
        features={"dice": np.array([], dtype=object)},
        **place,
    )
    layer.editable = False
    return layer


def outlines_layer(name: str, colour: str, place: dict[str, Any], ndim: int) -> Shapes:
    """Outlines of rectangles, none yet."""
    layer = Shapes(
        None, ndim=ndim, name=name, shape_type="rectangle", face_color="transparent", edge_color=colour, **place
    )
    layer.editable = False
    return layer


def show_outlines(layer: Shapes, places: Sequence[tuple[int, Region]], plane_shape: tuple[int, ...]) -> None:
    """Draw rectangles on their planes, these and no others."""
    colour = layer.current_edge_color
    layer.data = []
    if places:
        boxes = [corners(plane, region, plane_shape) for plane, region in places]
        layer.add_rectangles(boxes, edge_color=colour, face_color="transparent", edge_width=_OUTLINE_WIDTH)


def show_held_out(layer: Shapes, blocks: Sequence[BlockScore], plane_shape: tuple[int, ...]) -> None:
    """Draw the blocks of one image; boxes that stay only get a new number."""
    boxes = [corners(b.plane, Region(b.y0, b.x0, b.y1, b.x1), plane_shape) for b in blocks]
    features = {"dice": [f"{block.dice:.2f}" for block in blocks]}
    if len(boxes) == len(layer.data) and all(np.array_equal(a, b) for a, b in zip(boxes, layer.data, strict=True)):
        layer.features = features
        layer.refresh_text()
        return
    layer.data = []
    if boxes:
        layer.feature_defaults = {"dice": ""}
        layer.add_rectangles(boxes, edge_color=_BOX_COLOUR, face_color="transparent", edge_width=1.5)
        layer.features = features
        layer.refresh_text()


def corners(plane: int, region: Region, plane_shape: tuple[int, ...]) -> np.ndarray:
    """Corners of a rectangle in a layer over a stack, (4, axes)."""
    index = np.unravel_index(plane, plane_shape) if plane_shape else ()
    # Edges of pixels, not their centres.
    y0, x0, y1, x1 = region.y0 - 0.5, region.x0 - 0.5, region.y1 - 0.5, region.x1 - 0.5
    return np.array([[*index, y, x] for y, x in ((y0, x0), (y0, x1), (y1, x1), (y1, x0))], float)


def _greyed(colour: str) -> str:
    """The same hue and lightness with little of the colour left."""
    hue, saturation, lightness, _ = QColor(colour).getHslF()
    return str(QColor.fromHslF(max(hue, 0.0), _OUTDATED_SATURATION * saturation, lightness).name())


def _colours(classes: Sequence[ClassLabel], hidden: Sequence[int]) -> DirectLabelColormap:
    colours: dict[int | None, str] = {None: "#FFFFFF", 0: "transparent"}
    colours |= {label.id: "transparent" if label.id in hidden else label.colour for label in classes}
    return DirectLabelColormap(color_dict=colours)
