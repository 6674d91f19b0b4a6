"""Results of the images of a project, named after them."""

from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from napari_unet.dataset.annotated import Annotations, learned_images
from napari_unet.export.joint_table import write_joint_tables
from napari_unet.export.stems import project_stems
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.packaging.batch import Failure, failure_of
from napari_unet.packaging.model import Model
from napari_unet.packaging.prediction_files import ImagePrediction
from napari_unet.prediction.prediction_request import PredictionRequest
from napari_unet.project.project import Project


def export_images(
    project: Project,
    model: Model,
    folder: Path,
    request: PredictionRequest,
    image_ids: Collection[int],
    warn: Callable[[str], object],
    failed: Callable[[Failure], object],
) -> list[Path]:
    """Predict images of a project with its network, write the results, and the joint tables of several images.

    An image that cannot be exported is left out where there are others.

    Parameters
    ----------
    folder : for the results
    request : what is written of each image
    image_ids : of the images
    warn : told what should be known of an image
    failed : told each image that is left out

    Raises
    ------
    UserError
        For the only image, if it cannot be exported.
    """
    written: list[Path] = []
    stems, learned = project_stems(project), _learned(project)
    records = [record for record in project.images.all() if record.id in image_ids]
    for record in records:
        try:
            planes = NormalisedPlanes(project.images.open(record.id))
            for line in model.warnings(planes, where=stems[record.id]):  # several may have one name
                warn(line)
            is_learned = record.id in learned
            job = ImagePrediction(model, planes, folder, request, stems[record.id], is_learned=is_learned, warn=warn)
            written += job.write()
        except Exception as error:  # of any kind: it costs its image and not the others
            failure = failure_of(record.path, error)
            if len(records) == 1:
                raise failure.error from error
            failed(failure)
    if len(records) > 1:
        written += write_joint_tables(folder, project.folder.stem, stems, written, warn)
    return written


def _learned(project: Project) -> set[int]:
    annotations = Annotations(project)
    annotations.refresh(msgspec.structs.replace(project.settings.read(), border_weight=0))  # no weights are needed
    return learned_images(annotations.planes)
