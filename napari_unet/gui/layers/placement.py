"""Place of our layers: over an image layer, or over a part of its planes."""

from dataclasses import dataclass, replace
from typing import Any

from napari.layers import Image, Labels
from napari.utils.transforms import Affine

from napari_unet.controller.cover import first_cover
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord

Geometry = dict[str, Any]  # scale, translate, units and so on, as napari's layers take them


@dataclass(frozen=True, eq=False)
class Placement:
    """Says over which image a layer of ours lies, and over which part of its planes.

    Attributes
    ----------
    image : the layer of the image
    record : what the project knows of the image
    cover : the part of each plane that is covered
    """

    image: Image
    record: ImageRecord
    cover: Region

    @classmethod
    def over(cls, image: Image, record: ImageRecord) -> "Placement":
        """Return the place where layers lie at first: over whole planes, or the middle of large ones."""
        return cls(image, record, first_cover(record))

    def moved(self, cover: Region) -> "Placement":
        """Return the same place over another part of the planes."""
        return replace(self, cover=cover)

    @property
    def channels_first(self) -> bool:
        """Tell whether the first axis of the image layer holds channels, which our layers do not have."""
        return "c" in self.record.axes and not self.image.rgb

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Return height and width of the image."""
        height, width = self.record.annotation_shape[-2:]
        return height, width

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of a layer that covers this part of all planes."""
        return (*self.record.plane_shape, *self.cover.shape)

    @property
    def ndim(self) -> int:
        """Return the number of axes of a layer here."""
        return len(self.record.annotation_shape)

    @property
    def covers_all(self) -> bool:
        """Tell whether whole planes are covered."""
        return self.cover.shape == self.plane_shape

    @property
    def whole(self) -> Geometry:
        """Return the geometry of a layer over whole planes."""
        return geometry(self.image, self.channels_first)

    @property
    def covered(self) -> Geometry:
        """Return the geometry of a layer over the covered part of the planes."""
        return covering(self.whole, self.cover)


def geometry(image: Image | Labels, channels_first: bool) -> Geometry:
    """Return scale, translate, units and so on of an image or annotation layer, for a layer over its planes."""
    skip = 1 if channels_first else 0
    place = {
        "scale": tuple(image.scale)[skip:],
        "translate": tuple(image.translate)[skip:],
        "units": tuple(image.units)[skip:],
        "axis_labels": tuple(image.axis_labels)[skip:],
        "affine": image.affine.set_slice(range(skip, image.ndim)),
    }
    if not skip:  # a rotation that mixes channels with space has no meaning
        place |= {"rotate": image.rotate, "shear": image.shear}
    return place


def covering(place: Geometry, cover: Region) -> Geometry:
    """Return the geometry of a layer over a part of the planes only."""
    if (cover.y0, cover.x0) == (0, 0):
        return place
    names = ("scale", "translate", "rotate", "shear")
    seen = Affine(ndim=len(place["scale"]), **{name: place[name] for name in names if name in place})
    origin = (*[0] * (len(place["scale"]) - 2), cover.y0, cover.x0)
    return {**place, "translate": tuple(seen(origin))}
