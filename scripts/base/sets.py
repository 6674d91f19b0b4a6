"""The labelled sets that base weights learn from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from napari_unet.images.reading import open_image
from scripts.base.picture import Picture

_RIM = 2  # px of an object that count as its rim
_SLICES = 10  # planes between two that are taken from a volume

Partition = tuple[int, ...]  # task class of every fine class

_OBJECTS: tuple[Partition, ...] = ((0, 1, 1), (0, 1, 1), (0, 1, 2), (0, 1, 0))  # background, core, rim
_WALLS: tuple[Partition, ...] = ((0, 1, 2), (0, 0, 1), (0, 1, 1))  # the same for cells that touch everywhere
_THREE: tuple[Partition, ...] = ((0, 1, 2), (0, 1, 2), (0, 1, 1), (0, 0, 1), (0, 1, 0))
_COATING: tuple[Partition, ...] = ((0, 1, 2), (0, 1, 1), (0, 0, 1), (0, 1, 0))
_TUMOUR: tuple[Partition, ...] = ((0, 1),)
_FIVE: tuple[Partition, ...] = (
    (0, 1, 2, 3, 4),
    (0, 1, 0, 0, 0),
    (0, 0, 1, 0, 0),
    (0, 1, 2, 2, 2),
    (0, 0, 0, 0, 1),
    (0, 1, 2, 0, 0),
)


@dataclass(frozen=True, slots=True)
class Source:
    """The folder of a set and the ways in which it is asked for.

    Attributes
    ----------
    folder : below the folder of all labelled sets, with ``images`` and ``masks``
    share : of the episodes, relative to the other sets
    partitions : ways in which the fine classes may be asked for
    prefix : of the file names that belong to the set
    first_class : mask value of fine class 0; None where masks number objects and have 0 for background
    """

    folder: str
    share: float
    partitions: tuple[Partition, ...]
    prefix: str = ""
    first_class: int | None = None


SOURCES = {
    "fluo": Source("dsb2018-stage1", 1.2, _OBJECTS, prefix="fluo"),
    "stained": Source("dsb2018-stage1", 1.0, _OBJECTS, prefix="stained"),
    "bright": Source("dsb2018-stage1", 0.5, _OBJECTS, prefix="bright"),
    "bbbc039": Source("bbbc039-u2os", 0.5, _OBJECTS),
    "usiigaci": Source("usiigaci-phc", 1.0, _OBJECTS),
    "axon": Source("axon-myelin-sem", 1.0, _THREE, first_class=0),
    "nucleolus": Source("nucleolus-fluo", 0.8, _THREE, first_class=0),
    "emps": Source("emps-particles", 0.8, _OBJECTS),
    "plantseg": Source("plantseg-3d", 0.5, _WALLS),
    "vnc": Source("vnc-em", 1.2, _FIVE, first_class=1),
    "superalloy": Source("nasa-superalloy-sem", 0.8, _THREE, first_class=0),
    "coating": Source("nasa-coating-sem", 0.5, _COATING, first_class=0),
    "ocdc": Source("ocdc-he", 0.7, _TUMOUR, first_class=0),
}


@dataclass(frozen=True, slots=True)
class BaseSet:
    """Pictures of one modality and the ways in which their fine classes may be asked for.

    Attributes
    ----------
    share : of the episodes, relative to the other sets
    partitions : each maps fine class to task class; the first is drawn most often
    """

    name: str
    share: float
    pictures: tuple[Picture, ...]
    partitions: tuple[Partition, ...]

    @property
    def fine_classes(self) -> int:
        """Return the number of fine classes."""
        return len(self.partitions[0])


def load_set(name: str, data: Path) -> BaseSet:
    """Read one of ``SOURCES`` from the folder of labelled sets."""
    source = SOURCES[name]
    paths = sorted((data / source.folder / "images").glob(f"{source.prefix}*"))
    if not paths:
        raise SystemExit(f"{data / source.folder} is missing")
    pictures = tuple(picture for path in paths for picture in _pictures(path, source.first_class))
    return BaseSet(name, source.share, pictures, source.partitions)


def object_classes(objects: np.ndarray) -> np.ndarray:
    """Return the fine classes (y, x) of numbered objects (y, x): background 0, core 1, rim 2.

    The rim is all pixels of an object within ``_RIM`` px of anything that is not the same object.
    """
    size = 2 * _RIM + 1
    same = ndimage.maximum_filter(objects, size) == ndimage.minimum_filter(objects, size)
    return np.where(objects == 0, 0, np.where(same, 1, 2))


def _pictures(path: Path, first_class: int | None) -> Iterator[Picture]:
    image = open_image(path)
    masks = open_image(next((path.parent.parent / "masks").glob(f"{path.stem}.*")), expand_palette=False)
    planes = [0] if image.planes == 1 else range(_SLICES // 2, image.planes, _SLICES)
    for plane in planes:
        mask = masks.read(plane)[..., 0]
        labels = object_classes(mask) if first_class is None else mask - first_class
        yield Picture.of(image.read(plane), labels)
