"""Colours of the classes on the annotation and on the prediction."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtGui import QColor

from napari_unet.project.classes import BACKGROUND, Classes, ClassLabel

_CLEAR = "transparent"
_OUTDATED_SATURATION = 0.2  # of the colour's own


class ClassColours(NamedTuple):
    """Hold the classes that have a colour, and the ids of those that were removed, which have none."""

    classes: Sequence[ClassLabel] = ()
    removed: Collection[int] = ()

    @classmethod
    def of(cls, classes: Classes) -> "ClassColours":
        """Read the classes of a project."""
        present = classes.all()
        return cls(present, classes.ids_ever() - {label.id for label in present})


def colour_annotation(layer: Labels, colours: ClassColours) -> None:
    """Give every class its colour; strokes of removed ones are clear, and numbers without a class white."""
    layer.colormap = _colormap(colours, hidden=())


def colour_prediction(layer: Labels, colours: ClassColours, *, outdated: bool = False) -> None:
    """Give every class its colour, greyed when outdated; background is clear, to leave the image visible."""
    shown = [replace(label, colour=_greyed(label.colour)) for label in colours.classes] if outdated else colours.classes
    layer.colormap = _colormap(colours._replace(classes=shown), hidden=(BACKGROUND,))


def _greyed(colour: str) -> str:
    """Return the same hue and lightness with little of the colour left."""
    hue, saturation, lightness, _ = QColor(colour).getHslF()
    return str(QColor.fromHslF(max(hue, 0.0), _OUTDATED_SATURATION * saturation, lightness).name())


def _colormap(colours: ClassColours, hidden: Sequence[int]) -> DirectLabelColormap:
    shown: dict[int | None, str] = {None: "#FFFFFF", 0: _CLEAR}
    shown |= {label.id: label.colour for label in colours.classes}
    shown |= dict.fromkeys([*colours.removed, *hidden], _CLEAR)
    return DirectLabelColormap(color_dict=shown)
