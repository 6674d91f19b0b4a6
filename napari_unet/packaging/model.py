"""A trained network with everything that predicting with it needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from napari_unet.config import DEFAULT_SETTINGS, Settings
from napari_unet.dataset.channel_choice import named_channels, trained_axes, trained_channels
from napari_unet.dataset.training_image import (
    TrainingImage,
    difference,
    remembered,
    rescaling,
    sizes_by_name,
    with_sizes,
)
from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.rescaling import UNCHANGED
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.device import choose_device
from napari_unet.network.inference import Predictor
from napari_unet.network.reading import open_network
from napari_unet.project.classes import ClassLabel, default_colour, default_name, distinct_names
from napari_unet.project.database import DATABASE
from napari_unet.project.project import Project


@dataclass(frozen=True, slots=True)
class Model:
    """Hold a trained network, ready to predict.

    Attributes
    ----------
    path : of the project, package or checkpoint that holds it
    classes : of its project and those that the network alone still knows, by id; see ``classes_of``
    settings : of its project; they say how objects are told apart
    sizes : of pixels by the name of the image, as its project knows them; they may have been corrected after training
    """

    path: Path
    checkpoint: Checkpoint
    predictor: Predictor
    classes: tuple[ClassLabel, ...]
    settings: Settings = DEFAULT_SETTINGS
    sizes: Mapping[str, PixelSize] = field(default_factory=dict)

    @property
    def trained_on(self) -> tuple[TrainingImage, ...]:
        """Return the images it was trained on; () where its file is older than this record."""
        return with_sizes(remembered(self.checkpoint.facts), self.sizes)

    @property
    def class_names(self) -> dict[int, str]:
        """Return the names of the classes by id."""
        return {label.id: label.name for label in self.classes}

    @property
    def styles(self) -> list[ClassStyle]:
        """Return names and colours of all classes of the network, indexed by mask value."""
        return styles(self.classes, max(self.checkpoint.class_ids) - 1)

    def segmentation(
        self, mask: UInt8[np.ndarray, "planes y x"], image: Image, estimates: Sequence[EstimatedDice]
    ) -> Segmentation:
        """Return a mask that was predicted with all that its numbers mean, and the estimated Dice of each class."""
        by_value = {estimate.class_id - 1: estimate for estimate in estimates}
        return Segmentation(mask, image, styles(self.classes, int(mask.max())), self.settings, by_value)

    def axes_of(self, image: Image) -> str | None:
        """Return the axes that were corrected of an image like this one that the network learned from, else None.

        Parameters
        ----------
        image : opened as its file says
        """
        return trained_axes(self.trained_on, image)

    def planes_of(self, image: Image, channels: Sequence[str] = ()) -> NormalisedPlanes:
        """Return the planes of an image with the channels that the network sees.

        Parameters
        ----------
        channels : names, or numbers from 1 on; () for the image's own choice, else those it was trained on

        Raises
        ------
        UserError
            NU-I08 and NU-I34 for channels that are not there
        """
        return NormalisedPlanes(self._with_channels(image, channels))

    def factors(self, planes: NormalisedPlanes, *, rescale: bool) -> tuple[float, float]:
        """Return the factors by which the network sees the rows and columns of an image enlarged.

        Raises
        ------
        UserError
            NU-I17 where it is to be rescaled and a pixel size is not known
        """
        return rescaling(self.trained_on, planes) if rescale else UNCHANGED

    def warnings(self, planes: NormalisedPlanes, *, rescaled: bool = False, where: str = "") -> list[str]:
        """Return a line for every finding in reading an image, and for how it is unlike those that were trained on.

        The second one names ``where``, its file, and the name of the image where that is "".
        """
        lines = (*planes.image.notices, difference(self.trained_on, planes, rescaled=rescaled, where=where))
        return [line for line in lines if line]

    def _with_channels(self, image: Image, channels: Sequence[str]) -> Image:
        if channels:  # the user has chosen the channels, so their names are not compared
            return replace(image, chosen=named_channels(channels, image), channel_names=())
        if image.chosen:
            return image
        wanted = self.predictor.network.architecture.image_channels
        return replace(image, chosen=trained_channels(self.trained_on, wanted, image))


def load_model(path: str | Path, device: str = "auto", precision: str = "auto") -> Model:
    """Load a network to predict with, from a project folder, a ``.safetensors`` file or a model package of ours.

    Parameters
    ----------
    device : "auto", "cpu", "cuda" or "mps"
    precision : "auto", "float32" or "bfloat16", as ``train`` takes it
    """
    path = Path(path)
    chosen = choose_device(device, precision)
    checkpoint = open_network(path)
    predictor = Predictor(checkpoint.network().to(chosen.torch_device), checkpoint.class_ids, chosen)
    if not (path / DATABASE).is_file():
        return Model(path, checkpoint, predictor, classes_of(checkpoint))
    with Project(path, read_only=True) as project:
        classes = classes_of(checkpoint, project.classes.all())
        sizes = sizes_by_name(project.images.all())
        return Model(path, checkpoint, predictor, classes, project.settings.read(), sizes)


def styles(classes: Sequence[ClassLabel], highest: int) -> list[ClassStyle]:
    """Return names and colours indexed by mask value, up to ``highest``; ids that are no class get a neutral entry.

    That of a class that was removed is one: results keep the mask values of the others, and do not name it.
    """
    known: Mapping[int, ClassLabel] = {label.id: label for label in classes}
    last = max([*known, highest + 1])
    neutral = {k: ClassLabel(k, default_name(k), default_colour(k)) for k in range(1, last + 1)}
    labels = [known.get(k, label) for k, label in neutral.items()]
    return [ClassStyle(label.name, label.rgb, is_class=label.id in known) for label in labels]


def classes_of(checkpoint: Checkpoint, classes: Sequence[ClassLabel] = ()) -> tuple[ClassLabel, ...]:
    """Return the classes of a project, and those of a network that the project has no more, under their old names.

    A network that learned before a class was removed predicts it still, so that its masks need the name. Another class
    may have that name by now, so the second one of a name has its number too, as in all records.
    """
    named: Mapping[int, str] = dict(zip(checkpoint.class_ids, checkpoint.class_names, strict=True))
    labels = {class_id: ClassLabel(class_id, name, default_colour(class_id)) for class_id, name in named.items()}
    labels |= {label.id: label for label in classes}
    names = distinct_names({class_id: label.name for class_id, label in labels.items()})
    return tuple(replace(labels[class_id], name=names[class_id]) for class_id in sorted(labels))
