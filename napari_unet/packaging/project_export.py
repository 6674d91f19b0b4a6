"""Results of all images of a project, and its network as a package."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.export.formats import FORMATS, MODEL_FORMAT
from napari_unet.export.model_description import ModelDescription
from napari_unet.export.results_pack import refuse_foreign_contents, write_contents
from napari_unet.export.taken_names import refuse_taken_names
from napari_unet.packaging.batch import Failure
from napari_unet.packaging.checkpoint_description import describe_checkpoint
from napari_unet.packaging.model import Model, load_model
from napari_unet.packaging.model_package import write_model_package
from napari_unet.packaging.project_images import export_images
from napari_unet.prediction.prediction_request import PredictionRequest, names_of
from napari_unet.project.project import Project
from napari_unet.storage import sha256
from napari_unet.training.network_files import BEST

PACK = "all"  # in place of the formats of an export
_TRIES = 3  # to load a network while a window that trains saves another one every 20 s


def export(
    project: Project,
    folder: str | Path,
    formats: str | Sequence[str],
    *,
    device: str = "auto",
    precision: str = "auto",
    image_ids: Sequence[int] | None = None,
    settings: Settings | None = None,
    warn: Callable[[str], object] = lambda line: None,
    failed: Callable[[Failure], object] | None = None,
) -> list[Path]:
    """Predict the project's images with its network and write the results, named after the images.

    Parameters
    ----------
    folder : for the results; it is made where it is not there
    formats : of the results, one or several; "all" for every one, and a "results.json" that says what made them;
        "bioimageio" for the network itself, as a model package
    device, precision : as ``load_model`` takes them
    image_ids : of the images in the project; None for all
    settings : how objects are told apart; those of the project where None
    warn : told what should be known of an image that is predicted
    failed : told each image of several that cannot be exported; where None, the error of the first such image is
        raised when all others are written

    Images of the same name are told apart by ``export.stems.distinct_stems``. The tables of several images are also
    written as joint ones, see ``export.joint_table``.

    Raises
    ------
    UserError
        NU-E02 for a format that does not exist; NU-E10 for a project without an image; NU-E06 where a result would take
        the place of an image, and NU-E08 where it would take that of another file which no export wrote; NU-P05 for an
        image that is not there.
    """
    folder, formats = Path(folder), names_of(formats)
    pack = PACK in formats
    request = PredictionRequest(tuple(FORMATS) if pack else [name for name in formats if name != MODEL_FORMAT])
    request.refuse_unknown_formats()
    for image_id in () if image_ids is None else image_ids:
        project.images.get(image_id)
    exported = [record.id for record in project.images.all() if image_ids is None or record.id in image_ids]
    if image_ids is None and not exported:
        raise UserError("NU-E10", "there is no image to export", str(project.folder), "add an image first")
    refuse_taken_names(project, exported, folder, request.formats)
    if pack:
        refuse_foreign_contents(folder)
    model, described = _loaded(project, device, precision)
    model = replace(model, settings=settings or model.settings)
    written = [_export_model(project, model, folder)] if MODEL_FORMAT in formats else []
    failures: list[Failure] = []
    if request.formats:
        written += export_images(project, model, folder, request, exported, warn, failed or failures.append)
    if pack:
        written.append(write_contents(folder, written, described, model.classes, model.settings))
    if failures:
        raise failures[0].error
    return written


def _loaded(project: Project, device: str, precision: str) -> tuple[Model, ModelDescription]:
    """Return the network and its description, which names the file only if that held this network all the time."""
    file = project.models / BEST
    for _ in range(_TRIES):
        before = sha256(file) if file.is_file() else ""
        model = load_model(project.folder, device, precision)
        described = describe_checkpoint(model.checkpoint, file)
        if described.sha256 == before:
            return model, described
    return model, describe_checkpoint(model.checkpoint)


def _export_model(project: Project, model: Model, folder: Path) -> Path:
    records = sorted(project.images.all(), key=lambda record: not project.strokes.painted_planes(record.id))
    if not records:
        raise UserError("NU-E10", "there is no image for an example", str(project.folder), "add an image first")
    image = project.images.open(records[0].id)
    return write_model_package(folder, project.folder.stem, model.checkpoint, image, model.styles)
