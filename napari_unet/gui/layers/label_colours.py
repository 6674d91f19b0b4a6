"""Colours of the classes on the annotation and on the prediction."""

from collections.abc import Sequence
from dataclasses import replace

from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtGui import QColor

from napari_unet.project.classes import BACKGROUND, ClassLabel

_OUTDATED_SATURATION = 0.2  # of the colour's own


def colour_annotation(layer: Labels, classes: Sequence[ClassLabel]) -> None:
    """Give every class its colour."""
    layer.colormap = _colours(classes, hidden=())


def colour_prediction(layer: Labels, classes: Sequence[ClassLabel], *, outdated: bool = False) -> None:
    """Give every class its colour, greyed when outdated; background is clear, to leave the image visible."""
    shown = [replace(label, colour=_greyed(label.colour)) for label in classes] if outdated else classes
    layer.colormap = _colours(shown, hidden=(BACKGROUND,))


def _greyed(colour: str) -> str:
    """Return the same hue and lightness with little of the colour left."""
    hue, saturation, lightness, _ = QColor(colour).getHslF()
    return str(QColor.fromHslF(max(hue, 0.0), _OUTDATED_SATURATION * saturation, lightness).name())


def _colours(classes: Sequence[ClassLabel], hidden: Sequence[int]) -> DirectLabelColormap:
    colours: dict[int | None, str] = {None: "#FFFFFF", 0: "transparent"}
    colours |= {label.id: "transparent" if label.id in hidden else label.colour for label in classes}
    return DirectLabelColormap(color_dict=colours)
