"""The export of images with the network that is shown: masks in several formats, joint tables, the network itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from napari_unet.dataset.annotated import learned_images
from napari_unet.errors import UserError
from napari_unet.export.formats import MODEL_FORMAT
from napari_unet.export.joint_table import write_joint_tables
from napari_unet.export.stems import project_stems
from napari_unet.export.taken_names import refuse_taken_names
from napari_unet.network.device import is_out_of_memory
from napari_unet.packaging.model import Model, classes_of
from napari_unet.packaging.model_package import write_model_package
from napari_unet.packaging.prediction_files import ImagePrediction
from napari_unet.prediction.plane import whole_plane_tile
from napari_unet.prediction.prediction_request import PredictionRequest
from napari_unet.prediction.resumable import Resumable, shares_of
from napari_unet.protocol.messages import Export
from napari_unet.training.learner import Learner

_LARGEST_TILE = 1024  # px; larger ones would be quicker in all, and keep a tile on screen waiting for seconds


@dataclass(frozen=True, slots=True)
class ExportListener:
    """Hear how an export goes on.

    Attributes
    ----------
    begun : gets the id of each image that begins
    plane_done : gets the id of the image, the plane and its mask, once that is whole and held in memory
    noticed : gets a line that the user should know of an image, also why it is left out where others are exported
    """

    begun: Callable[[int], object]
    plane_done: Callable[[int, int, UInt8[np.ndarray, "y x"]], object]
    noticed: Callable[[str], object]


def export_images(
    learner: Learner, wish: Export, listener: ExportListener, *, is_last_try: bool
) -> Resumable[list[Path]]:
    """Write the requested files of images with the network that is shown, a tile at a time, and return their paths.

    An image that cannot be exported is left out where there are others.

    Parameters
    ----------
    is_last_try : whether an image for which the memory is not enough is left out too

    Raises
    ------
    UserError
        NU-E05 without a network, NU-E13 for lack of memory at the last try, and what ``refuse_taken_names``,
        ``ImagePrediction`` and ``write_model_package`` raise.
    RuntimeError, MemoryError
        For lack of memory, at another try.
    """
    predictor = learner.predictor
    if predictor is None:
        raise UserError(
            "NU-E05", "there is no trained network to predict with", "export", "paint two classes and train first"
        )
    project, folder = learner.project, Path(wish.folder)
    refuse_taken_names(project, wish.image_ids, folder, wish.formats)
    checkpoint = learner.selection.checkpoint()
    # Settings as they are now: telling objects apart needs no new network.
    classes = classes_of(checkpoint, project.classes.all())
    model = Model(project.folder, checkpoint, predictor, classes, project.settings.read())
    paths: list[Path] = []
    if MODEL_FORMAT in wish.formats:
        image = learner.annotations.pixels(wish.image_ids[0]).image
        paths.append(write_model_package(folder, project.folder.stem, checkpoint, image, model.styles))
    formats = [name for name in wish.formats if name != MODEL_FORMAT]
    if formats:
        request = PredictionRequest(formats, min(_LARGEST_TILE, whole_plane_tile(predictor)))
        paths += yield from _predicted_images(learner, model, wish, request, listener, is_last_try=is_last_try)
    return paths


def _predicted_images(
    learner: Learner,
    model: Model,
    wish: Export,
    request: PredictionRequest,
    listener: ExportListener,
    *,
    is_last_try: bool,
) -> Resumable[list[Path]]:
    """Predict the images, and write their files and the joint tables of several."""
    project, folder = learner.project, Path(wish.folder)
    stems, learned = project_stems(project), learned_images(learner.annotations.planes)
    paths: list[Path] = []
    for number, image_id in enumerate(wish.image_ids):
        try:
            listener.begun(image_id)
            planes, is_learned = learner.annotations.pixels(image_id), image_id in learned
            job = ImagePrediction(
                model, planes, folder, request, stems[image_id], is_learned=is_learned, warn=listener.noticed
            )
            steps = job.resumable(partial(listener.plane_done, image_id))
            paths += yield from shares_of(steps, number, len(wish.image_ids))
        except (UserError, RuntimeError, MemoryError) as error:
            if not isinstance(error, UserError) and not (is_last_try and is_out_of_memory(error)):
                raise
            told = error if isinstance(error, UserError) else _lack_of_memory(project.images.get(image_id).name)
            if len(wish.image_ids) == 1:
                raise told from error
            listener.noticed(str(told))
    if len(wish.image_ids) > 1:
        paths += write_joint_tables(folder, project.folder.stem, stems, paths, listener.noticed)
    return paths


def _lack_of_memory(name: str) -> UserError:
    fix = "close other programs, or export to OME-Zarr alone, which takes little of it"
    return UserError("NU-E13", "there is not enough memory", name, fix)
