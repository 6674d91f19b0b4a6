"""The export of one image with the network that is shown: its masks in several formats, and the network itself."""

from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.export.formats import MODEL_FORMAT
from napari_unet.export.stems import project_stems
from napari_unet.packaging.model import Model
from napari_unet.packaging.model_package import write_model_package
from napari_unet.packaging.prediction_files import ImagePrediction
from napari_unet.prediction.mask import PlaneDone
from napari_unet.prediction.plane import whole_plane_tile
from napari_unet.prediction.prediction_request import PredictionRequest
from napari_unet.prediction.resumable import Resumable
from napari_unet.protocol.messages import Export
from napari_unet.training.learner import Learner

_LARGEST_TILE = 1024  # px; larger ones would be quicker in all, and keep a tile on screen waiting for seconds


def image_export(learner: Learner, wish: Export, plane_done: PlaneDone) -> Resumable[list[Path]]:
    """Write the requested files of an image with the network that is shown, a tile at a time, and return their paths.

    ``plane_done`` gets the mask of every plane that is held in memory, once it is whole.

    Raises
    ------
    UserError
        NU-E05 without a network, and what ``ImagePrediction`` and ``write_model_package`` raise.
    """
    predictor = learner.predictor
    if predictor is None:
        raise UserError(
            "NU-E05", "there is no trained network to predict with", "export", "paint two classes and train first"
        )
    project, folder = learner.project, Path(wish.folder)
    checkpoint, planes = learner.selection.checkpoint(), learner.annotations.pixels(wish.image_id)
    # Settings as they are now: telling objects apart needs no new network.
    model = Model(project.folder, checkpoint, predictor, tuple(project.classes.all()), project.settings.read())
    paths: list[Path] = []
    if MODEL_FORMAT in wish.formats:
        paths.append(write_model_package(folder, project.folder.stem, checkpoint, planes.image, model.styles))
    formats = [name for name in wish.formats if name != MODEL_FORMAT]
    if formats:
        request = PredictionRequest(formats, min(_LARGEST_TILE, whole_plane_tile(predictor)))
        job = ImagePrediction(model, planes, folder, request, project_stems(project)[wish.image_id])
        paths += yield from job.resumable(plane_done)
    return paths
