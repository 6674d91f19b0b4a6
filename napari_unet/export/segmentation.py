"""A finished mask together with what its numbers mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import UInt8

from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.images.image import Image
from napari_unet.objects.objects import Objects, find_objects


@dataclass(frozen=True, slots=True)
class ClassStyle:
    """Name and colour of a class.

    Attributes
    ----------
    name : what the user calls it
    colour : red, green, blue, each 0..255
    is_class : False where a mask value is no class, such as that of a removed one, and only fills a list
    """

    name: str
    colour: tuple[int, int, int]
    is_class: bool = True


def named_values(classes: Sequence[ClassStyle]) -> list[tuple[int, ClassStyle]]:
    """Return mask value and style of each class of a list that is indexed by mask value, without what fills it."""
    return [(value, style) for value, style in enumerate(classes) if style.is_class]


@dataclass(frozen=True)
class Segmentation:
    """Hold the content of an export: the mask of every plane, the classes, and the objects once they are needed.

    Attributes
    ----------
    mask : class - 1 at every pixel, 0 is background; planes in the order of ``image.read``
    image : gives name, pixel size, plane axes and intensities
    classes : indexed by mask value
    settings : how objects are told apart
    estimates : the estimated Dice by mask value, over all planes; none where nobody estimated it

    Raises
    ------
    UserError
        NU-E04 when the mask has another shape than the image or a value without a class.
    """

    mask: UInt8[np.ndarray, "planes y x"]
    image: Image
    classes: Sequence[ClassStyle]
    settings: Settings
    estimates: Mapping[int, EstimatedDice] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expected = (self.image.planes, self.image.height, self.image.width)
        if self.mask.shape != expected:
            what = f"a mask of shape {self.mask.shape} does not fit the image, which needs {expected}"
            raise UserError("NU-E04", what, self.image.name, "predict this image again, then export")
        highest = int(self.mask.max())
        if highest >= len(self.classes):
            what = f"mask value {highest} has no class, there are {len(self.classes)}"
            raise UserError("NU-E04", what, self.image.name, "predict again with the project's present classes")

    @cached_property
    def objects(self) -> Objects:
        """Find the numbered objects of all planes, once: every file of one export has the same."""
        return find_objects(self.mask, self.settings, self.image.plane_axes, self.image.plane_shape)

    @property
    def named_objects(self) -> list[tuple[int, ClassStyle]]:
        """Return mask value and class of each object, from object 1 on."""
        return [(value, self.classes[value]) for value in self.objects.values[1:].tolist()]
