"""A network of a project as the content of a checkpoint."""

from typing import Any

from torch import Tensor

from napari_unet.dataset.annotated import Annotations, learned_images
from napari_unet.dataset.training_image import as_fact, learned_fact
from napari_unet.evaluation.estimated_dice import LABELLED, MISTAKEN, STROKES
from napari_unet.network.checkpoint import Checkpoint, prior_fact
from napari_unet.network.unet import UNet
from napari_unet.training.network_tensors import on_cpu


def saved_network(
    network: UNet,
    class_ids: tuple[int, ...],
    step: int,
    annotations: Annotations,
    facts: dict[str, Any],
    training: dict[str, Tensor] | None = None,
) -> Checkpoint:
    """Describe a network with the classes and the images of its project.

    Parameters
    ----------
    class_ids : the class of each output
    step : training steps behind it
    facts : what else the checkpoint says, before the classes' priors and the images
    training : tensors that training needs to go on
    """
    names = annotations.project.classes.names()
    learned = learned_images(annotations.planes)
    records = (record for record in annotations.project.images.all() if record.id in learned)
    return Checkpoint(
        network.architecture,
        class_ids,
        tuple(names.get(class_id, "") for class_id in class_ids),
        step,
        on_cpu(network.state_dict()),
        on_cpu(training or {}),
        {
            **facts,
            **prior_fact(network),
            LABELLED: {str(class_id): count for class_id, count in annotations.counts().items()},
            STROKES: annotations.strokes(),
            MISTAKEN: annotations.mistaken_pixels,
            **as_fact(annotations.training_images()),
            **learned_fact(record.sampled_fingerprint for record in records),
        },
    )
