"""The job without a window: train, predict, score and export from Python, as the command line does."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from napari_unet.dataset.label_files import add_annotation, ensure_classes, read_label_files
from napari_unet.images.image import Image
from napari_unet.packaging import batch
from napari_unet.packaging.batch import Batch, Destination, Failure, Listener, cluster_for, predict_batch
from napari_unet.packaging.mask_scores import score, score_files
from napari_unet.packaging.model import Model, load_model
from napari_unet.packaging.project_check import repair, verify
from napari_unet.packaging.project_export import export
from napari_unet.prediction.mask import check_channels, predict_mask
from napari_unet.prediction.prediction_request import PredictionRequest, names_of, refuse_tile
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project
from napari_unet.training.training_run import TrainingRequest, TrainingResult, run_training

__all__ = [
    "Batch",
    "Failure",
    "Model",
    "PredictionRequest",
    "TrainingRequest",
    "TrainingResult",
    "add_annotated_image",
    "add_annotation",
    "ensure_classes",
    "export",
    "load_model",
    "predict",
    "predict_file",
    "predict_files",
    "repair",
    "score",
    "score_files",
    "train",
    "verify",
]


def train(
    project: Project,
    *,
    seconds: float | None = None,
    steps: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    seed: int | np.integer = 0,
    base: str | Path = "auto",
    devices: int = 1,
    progress: Callable[[int, float], object] = lambda step, loss: None,
) -> TrainingResult:
    """Train on the project's strokes for a time (60 s unless told) or a number of steps, and save the network in it.

    Parameters
    ----------
    seconds, steps : to train for, whichever is reached first; 60 s where both are None
    device : "auto" for the fastest that works, "cpu", "cuda" or "mps"
    precision : number format of the convolutions, "float32" or "bfloat16", which is slow where the processor does not
        multiply in it; "auto" for bfloat16 where that is faster
    seed : a whole number from 0 on, from which weights and tiles are drawn
    base : where a new network starts: "auto" for the base weights of the package, "none", or the path of a trained
        network: a project, a ``.safetensors`` file or a model package of ours
    devices : number of devices to train on together. The command line of this process is run again for each further
        one, where ``training.device_group.is_further_process`` tells so and ``help_training`` takes part.
    progress : told the number of steps done and the loss of the last one, after each step

    Raises
    ------
    UserError
        NU-T01 with fewer than two painted classes; NU-W01 for a device that does not work, NU-C13 for an unknown
        precision; NU-M01 to NU-M04 for a base that cannot be used; NU-T10 to NU-T13 for several devices.
    """
    request = TrainingRequest(seconds, steps, device, precision, seed, base, devices)
    return run_training(project, request, progress)


def add_annotated_image(
    project: Project,
    image: str | Path,
    labels: str | Path,
    names: str | Sequence[str] = (),
    labels_are: str = "classes",
    unlabelled_rim: int = 0,
    axes: str | None = None,
) -> ImageRecord:
    """Add an image file and its label file to a project, in the place of an earlier annotation of the image.

    Parameters
    ----------
    image, labels : the files
    names : of the classes 1, 2, ..., one or several; those that are missing are made
    labels_are : "classes" where 0 is unlabelled and 1..K are classes; "mask" where 0 is background, class 1, and
        everything else class 2; "objects" where 0 is background and every object has a number, all of class 2, with a
        ridge of background between those that touch
    unlabelled_rim : px along the frame that stay unlabelled
    axes : of the image where its file names them wrongly, one letter each in the order of the file

    Raises
    ------
    UserError
        NU-A.. for labels that cannot be used, NU-I.. for files that cannot be read; nothing is written then.
    """
    files = read_label_files([(Path(image), Path(labels))], labels_are, unlabelled_rim, project, axes)
    class_names = names_of(names)
    files.refuse_unknown_classes([label.id for label in project.classes.all()], class_names)
    return files.add_to(project, class_names)[0]


def predict(
    model: Model, image: Image, tile: int | None = None, *, rescale: bool = False
) -> UInt8[np.ndarray, "planes y x"]:
    """Return class - 1 at every pixel of every plane; the same for every ``tile`` (a multiple of 16).

    Of an image of which no channels are chosen the network sees those that it was trained on. With ``rescale`` it
    sees the image at the pixel size that it was trained on.

    Raises
    ------
    UserError
        NU-C05 when the tile does not fit the network; NU-I08 when the image has other channels; NU-I17 when it cannot
        be rescaled, for a pixel size is not known.
    """
    refuse_tile(tile)
    planes = model.planes_of(image)
    check_channels(model.predictor, planes)
    return predict_mask(model.predictor, planes, tile, model.factors(planes, rescale=rescale))


def predict_file(
    model: Model,
    path: str | Path,
    folder: str | Path,
    formats: str | Sequence[str] = ("tiff",),
    *,
    tile: int | None = None,
    probabilities: bool = False,
    rescale: bool = False,
    channels: str | int | Sequence[str | int] = (),
    axes: str | None = None,
    stem: str | None = None,
    tile_done: Callable[[], object] = lambda: None,
    warn: Callable[[str], object] = lambda line: None,
) -> list[Path]:
    """Predict an image file, write the results and return their paths.

    Parameters
    ----------
    path : of the image file
    folder : for the results; it is made where it is not there
    formats, tile, probabilities, rescale, channels, axes : as ``PredictionRequest`` has them; ``tile`` in pixels, of
        formats and channels one or several
    stem : name of the results without an ending; None for the image's own
    tile_done : called after each tile, or chunk of a large file
    warn : told what should be known of the image, line by line

    Raises
    ------
    UserError
        NU-C05 for a tile that does not fit the network; NU-E02 for a format that does not exist; NU-E14 for objects or
        probabilities beside the "ome-zarr" of a plane that is not held in memory; NU-I08 and NU-I34 for channels that
        are not there.
    """
    request = PredictionRequest(names_of(formats), tile, probabilities, rescale, names_of(channels), axes)
    listener = Listener(tile_done=tile_done, warn=warn)
    return batch.predict_file(model, Path(path), Destination(Path(folder), stem), request, listener=listener)


def predict_files(
    model: Model,
    paths: str | Path | Sequence[str | Path],
    folder: str | Path,
    formats: str | Sequence[str] = ("tiff",),
    *,
    tile: int | None = None,
    probabilities: bool = False,
    rescale: bool = False,
    channels: str | int | Sequence[str | int] = (),
    axes: str | None = None,
    scheduler: str = "",
    device: str = "auto",
    precision: str = "auto",
    started: Callable[[Path, int, int], object] = lambda path, index, count: None,
    failed: Callable[[Failure], object] = lambda failure: None,
    tile_done: Callable[[], object] = lambda: None,
    warn: Callable[[str], object] = lambda line: None,
) -> Batch:
    """Predict image files and folders of them, going on after an image that fails and where an earlier call stopped.

    Parameters
    ----------
    paths : of image files, and of folders of which every image is taken, one or several
    folder : for the results; it is made where it is not there
    formats, tile, probabilities, rescale, channels, axes : of every image, as ``PredictionRequest`` has them; ``tile``
        in pixels, of formats and channels one or several
    scheduler : address of a running Dask cluster, which then predicts, to "ome-zarr" alone; "" for none
    device, precision : for the processes of the cluster, each of which chooses for itself
    started : told each image, its place in the batch from 0 on and how many there are
    failed : told each failure at once
    tile_done : called after each tile, or chunk of a large file
    warn : told what should be known of an image that is predicted

    Raises
    ------
    UserError
        NU-C05 for a tile that does not fit the network, NU-E02 for a format that does not exist, NU-I19 for a folder
        without an image; for a cluster NU-C04, NU-C10 and NU-C12.
    """
    request = PredictionRequest(names_of(formats), tile, probabilities, rescale, names_of(channels), axes)
    cluster = cluster_for(request, model, scheduler, device, precision)
    listener = Listener(started, failed, tile_done, warn)
    images = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    return predict_batch(model, images, Path(folder), request, cluster, listener)
