"""Prediction of image files, one or many, going on after one that fails and where an earlier run stopped."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_unet.dataset.training_image import is_learned
from napari_unet.errors import UserError, told_in_one_line
from napari_unet.export.file_stem import file_stem
from napari_unet.export.provenance import DROP, ESTIMATED, quality_in
from napari_unet.export.stems import distinct_stems
from napari_unet.images.folder import images_of
from napari_unet.images.image import Image
from napari_unet.images.overwriting import image_stem, refuse_overwriting
from napari_unet.images.reading import open_image
from napari_unet.network.device import is_out_of_memory
from napari_unet.packaging.model import Model
from napari_unet.packaging.prediction_files import ImagePrediction
from napari_unet.prediction.cluster import Cluster, connected
from napari_unet.prediction.large_image import is_large
from napari_unet.prediction.prediction_request import PredictionRequest


@dataclass(frozen=True, slots=True)
class Failure:
    """Name an image of a batch that could not be predicted, and why."""

    image: Path
    error: UserError

    def as_json(self) -> dict[str, str]:
        """Return the record for ``--json``."""
        return {"image": str(self.image), "error": str(self.error)}


@dataclass(frozen=True, slots=True)
class Batch:
    """List the files that are there after a batch, the images that failed, and how good the others may be.

    Attributes
    ----------
    estimated : the estimated Dice of each image, by the names of the classes
    drops : how much lower it is than on the images that were learned from; None where that is not known
    """

    files: list[Path] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    estimated: dict[Path, dict[str, Any]] = field(default_factory=dict)
    drops: dict[Path, float | None] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the record for ``--json``."""
        images = [
            {"image": str(path), ESTIMATED: dice, DROP: self.drops[path]} for path, dice in self.estimated.items()
        ]
        return {
            "files": [str(path) for path in self.files],
            "images": images,
            "failed": [each.as_json() for each in self.failed],
        }


@dataclass(frozen=True, slots=True)
class Listener:
    """Hear how a prediction of files goes on.

    Attributes
    ----------
    started : told each image, its place in the batch from 0 on and how many there are
    failed : told each failure at once
    tile_done : called after each tile, or chunk of a large file
    warn : told what should be known of an image that is predicted
    """

    started: Callable[[Path, int, int], object] = lambda path, index, count: None
    failed: Callable[[Failure], object] = lambda failure: None
    tile_done: Callable[[], object] = lambda: None
    warn: Callable[[str], object] = lambda line: None


SILENT = Listener()


@dataclass(frozen=True, slots=True)
class Destination:
    """Name the folder of the results of an image file, and the beginning of their names.

    Attributes
    ----------
    stem : beginning of the file names; that of the image file where None
    """

    folder: Path
    stem: str | None = None


def predict_file(
    model: Model,
    path: Path,
    destination: Destination,
    request: PredictionRequest,
    *,
    cluster: Cluster | None = None,
    listener: Listener = SILENT,
) -> list[Path]:
    """Predict an image file and write the results.

    Where the files are there already, made by the same network, settings and formats from the same image, nothing is
    written.

    Raises
    ------
    UserError
        NU-E14 for objects or probabilities beside the "ome-zarr" of a plane that is not held in memory; NU-I08 and
        NU-I34 for channels that are not there; NU-I01 for axes that do not fit.
    """
    found = _as_found(path, request.axes)
    request = replace(request, axes=request.axes or model.axes_of(found))
    planes = model.planes_of(open_image(path, request.axes) if request.axes else found, request.channels)
    _refuse_objects_of_large(planes.image, path, request)
    folder, stem = destination.folder, file_stem(destination.stem or image_stem(path))
    refuse_overwriting([path], folder, [stem])
    model.factors(planes, rescale=request.rescale)  # refused before anything is said about the image
    for line in model.warnings(planes, rescaled=request.rescale, where=str(path)):
        listener.warn(line)
    job = ImagePrediction(
        model, planes, folder, request, stem, source=path, resume=True, cluster=cluster,
        is_learned=is_learned(model.checkpoint.facts, found), warn=listener.warn,
    )  # fmt: skip
    return job.write(listener.tile_done)


def _as_found(path: Path, axes: str | None) -> Image:
    """Open an image as its file says; under ``axes``, where the file's own make no image."""
    try:
        return open_image(path)
    except UserError:
        if axes is None:
            raise
        return open_image(path, axes)


def predict_batch(
    model: Model,
    paths: Sequence[Path],
    folder: Path,
    request: PredictionRequest,
    connection: AbstractContextManager[Cluster | None] = nullcontext(),  # noqa: B008 - it has no state
    listener: Listener = SILENT,
) -> Batch:
    """Predict image files and folders of them.

    Images of the same name are told apart by ``export.stems.distinct_stems``.

    Parameters
    ----------
    connection : to a cluster, which then predicts

    Raises
    ------
    UserError
        NU-E02 for a format that does not exist, NU-I19 for a folder without an image.
    """
    request.refuse_unknown_formats()
    images = images_of(paths, listener.warn)
    stems = distinct_stems([(image_stem(path), path) for path in images])
    batch = Batch()
    with connection as cluster:
        for index, (path, stem) in enumerate(zip(images, stems, strict=True)):
            listener.started(path, index, len(images))
            try:
                destination = Destination(folder, stem)
                files = predict_file(model, path, destination, request, cluster=cluster, listener=listener)
                batch.files.extend(files)
                batch.estimated[path], batch.drops[path] = quality_in(files[-1])
            except Exception as error:  # noqa: BLE001 - an error of any kind costs its image and not the batch
                batch.failed.append(failure_of(path, error))
                listener.failed(batch.failed[-1])
    return batch


def cluster_for(
    request: PredictionRequest, model: Model, scheduler: str, device: str, precision: str
) -> AbstractContextManager[Cluster | None]:
    """Return a connection to a running Dask cluster at an address as "tcp://host:8786", or to none where it is "".

    Raises
    ------
    UserError
        NU-C12 where anything but "ome-zarr" is requested; NU-C04 and NU-C10 when it is entered
    """
    if not scheduler:
        return nullcontext()
    if request.results != ["ome-zarr"] or request.rescale:
        fix = "ask for the format ome-zarr alone, without objects, probabilities and rescaling"
        raise UserError("NU-C12", "a cluster writes OME-Zarr only", scheduler, fix)
    return connected(scheduler, model.path, device, precision)


def _refuse_objects_of_large(image: Image, path: Path, request: PredictionRequest) -> None:
    if "ome-zarr" in request.formats and is_large(image) and len(request.results) > 1:
        size = f"{image.planes} x {image.height} x {image.width}"
        what = f"an image of {size} pixels goes to OME-Zarr without objects or probabilities"
        raise UserError("NU-E14", what, str(path), "ask for it alone, or for tiff, which takes the memory")


def failure_of(path: Path, error: Exception) -> Failure:
    """Name the image at a path with what a user is told of any exception that it causes."""
    if is_out_of_memory(error):
        fix = "choose a smaller tile or a larger machine"
        return Failure(path, UserError("NU-E13", "there is not enough memory", str(path), fix))
    told = told_in_one_line(error, str(path))
    # An image knows its name only, and a batch may hold many of that name.
    is_name = told.where == path.stem
    return Failure(path, UserError(told.code, told.what, str(path), told.fix) if is_name else told)
