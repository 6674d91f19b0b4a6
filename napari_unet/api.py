"""The job without a window: train, predict, score and export from Python, as the command line does."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from jaxtyping import Num, UInt8

from napari_unet.config import DEFAULT_SETTINGS, Settings
from napari_unet.dataset.channel_choice import named_channels, trained_channels
from napari_unet.dataset.training_image import TrainingImage, difference, remembered, rescaling
from napari_unet.errors import UserError
from napari_unet.evaluation.scores import confusion, dice, iou, mean_known, precision, recall, segmentation_accuracy
from napari_unet.export.formats import FORMATS, MODEL_FORMAT, format_named
from napari_unet.export.results_pack import write_contents
from napari_unet.export.stems import distinct_stems, project_stems
from napari_unet.images.folder import images_of
from napari_unet.images.image import Image
from napari_unet.images.labels import read_labels
from napari_unet.images.overwriting import image_stem, refuse_overwriting
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.reading import open_image
from napari_unet.images.rescaling import UNCHANGED
from napari_unet.network.base import base_checkpoint
from napari_unet.network.checkpoint import Checkpoint, load_checkpoint
from napari_unet.network.device import choose_device
from napari_unet.network.inference import Predictor
from napari_unet.network.reading import open_network
from napari_unet.objects.objects import label_objects
from napari_unet.packaging.checkpoint_description import describe_checkpoint
from napari_unet.packaging.model_package import write_model_package
from napari_unet.packaging.prediction_files import check_channels, predict_mask, styles, write_prediction
from napari_unet.prediction.cluster import Cluster, connected
from napari_unet.prediction.large_image import is_large
from napari_unet.project.classes import MAXIMUM_CLASS, ClassLabel, default_colour
from napari_unet.project.database import DATABASE
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project
from napari_unet.project.salvage import salvage
from napari_unet.project.writer_lock import WriterLock
from napari_unet.storage import set_aside
from napari_unet.training.device_group import ALONE, DeviceGroup
from napari_unet.training.learner import Learner
from napari_unet.training.network_files import BEST

_DEFAULT_SECONDS = 60.0
PACK = "all"  # in place of the formats of an export


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training run reports; ``held_out_dice`` is None for a class without evidence."""

    seconds: float
    steps: int
    device: str
    held_out_dice: dict[str, float | None]
    mean_held_out_dice: float | None
    checkpoint: str
    warnings: tuple[str, ...] = ()  # what went wrong without stopping anything, such as a memory that was full

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Failure:
    """An image of a batch that could not be predicted, and why."""

    image: Path
    error: UserError


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of several images: the files that are there now, and the images that failed."""

    files: list[Path]
    failed: list[Failure]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        failed = [{"image": str(failure.image), "error": str(failure.error)} for failure in self.failed]
        return {"files": [str(path) for path in self.files], "failed": failed}


@dataclass(frozen=True, slots=True)
class Model:
    """A trained network, ready to predict."""

    path: Path  # of the project, package or checkpoint that holds it
    checkpoint: Checkpoint
    predictor: Predictor
    classes: tuple[ClassLabel, ...]
    settings: Settings = DEFAULT_SETTINGS  # those of its project; they say how objects are told apart

    @property
    def trained_on(self) -> tuple[TrainingImage, ...]:
        """What it was trained on; () where its file is older than this record."""
        return remembered(self.checkpoint.facts)


def train(
    project: Project,
    *,
    seconds: float | None = None,
    steps: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    seed: int = 0,
    base: str | Path = "auto",
    devices: int = 1,
    progress: Callable[[int, float], object] = lambda step, loss: None,
) -> TrainingResult:
    """Train on the project's strokes for a time (60 s unless told) or a number of steps; saves the network in it.

    The ``precision`` of the convolutions is "float32" or "bfloat16", which is slow where the processor does not
    multiply in it; "auto" takes bfloat16 where that is faster.

    A new network starts from ``base``: "auto" for the base weights of the package, "none", or the path of a trained
    network: a project, a ``.safetensors`` file or a model package of ours.

    With several ``devices`` the command line of this process is run again for each further one, where
    ``training.device_group.is_further_process`` tells so and ``help_train`` takes part.

    Raises
    ------
    UserError
        NU-T01 with fewer than two painted classes; NU-W01 for a device that does not work, NU-C13 for an unknown
        precision; NU-M01 to NU-M04 for a base that cannot be used; NU-T10 to NU-T13 for several devices.
    """
    return _finish(project, *_learned(project, seconds, steps, (device, precision), seed, base, devices, progress))


def help_train(
    project: Project,
    *,
    devices: int,
    seconds: float | None = None,
    steps: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    seed: int = 0,
    base: str | Path = "auto",
) -> None:
    """Take part in a ``train`` of the same arguments, in another process; nothing is written."""
    _learned(project, seconds, steps, (device, precision), seed, base, devices, lambda step, loss: None)


def _learned(
    project: Project,
    seconds: float | None,
    steps: int | None,
    device: tuple[str, str],
    seed: int,
    base: str | Path,
    devices: int,
    progress: Callable[[int, float], object],
) -> tuple[Learner, int, float]:
    """Train a learner; return it, how many steps it took, and how many seconds.

    ``device`` is wanted in a precision, both as ``choose_device`` takes them.
    """
    if seconds is None and steps is None:
        seconds = _DEFAULT_SECONDS
    chosen = choose_device(*device)
    group = DeviceGroup(devices, chosen, project.settings.read()) if devices > 1 else ALONE
    learner = Learner(project, chosen, seed, base_checkpoint(str(base)), group=group)
    if learner.obstacle:
        raise UserError("NU-T01", learner.obstacle, str(project.folder), "then train again")
    began = time.monotonic()
    done = 0
    while (steps is None or done < steps) and (seconds is None or group.decided(time.monotonic() - began < seconds)):
        progress(done, learner.step())
        done += 1
        if done % 50 == 0 and group.rank == 0:
            learner.show_newest()
    return learner, done, time.monotonic() - began


def _finish(project: Project, learner: Learner, steps: int, seconds: float) -> TrainingResult:
    score = learner.show_newest(score=True)
    path = learner.save()
    if score is None or path is None:
        raise UserError("NU-T02", "nothing was trained", str(project.folder), "give more seconds or steps")
    project.scores.add(score.step, msgspec.to_builtins(score))
    names = {label.id: label.name for label in project.classes.all()}
    by_name = {names[c.class_id]: c.dice for c in score.classes}
    told = (*project.notices, *learner.notices)
    return TrainingResult(round(seconds, 3), steps, learner.device.kind, by_name, score.mean_dice, str(path), told)


def add_annotated_image(project: Project, image: Path, labels: Path, names: Sequence[str] = ()) -> ImageRecord:
    """Add an image file and its label file (0 unlabelled, 1..K) to a project, with classes for the labels in it."""
    opened = open_image(image)
    project.notices.extend(opened.notices)
    painted = read_labels(labels, opened)
    return add_annotation(project, opened, painted, names, source=image)


def add_annotation(
    project: Project,
    image: Image,
    labels: UInt8[np.ndarray, "planes y x"],
    names: Sequence[str] = (),
    source: Path | None = None,
) -> ImageRecord:
    """Add an image and strokes over all its planes; missing classes are made, called as ``names`` says."""
    ensure_classes(project, max(int(labels.max(initial=0)), len(names)), names)
    record = project.images.add(image, source)
    for plane in range(image.planes):
        if labels[plane].any():
            project.strokes.commit(record.id, plane, labels[plane])
    return record


def ensure_classes(project: Project, highest: int, names: Sequence[str] = ()) -> None:
    """Make classes until ``highest`` exists; ``names[i]`` names class i + 1."""
    known = {label.id for label in project.classes.all()}
    for class_id in range(1, highest + 1):
        if class_id not in known:
            made = project.classes.add(names[class_id - 1] if class_id <= len(names) else None)
            if made.id != class_id:
                what = f"class {class_id} was removed from the project and its number is not used again"
                raise UserError("NU-A09", what, str(project.folder), "use another number in the label file")


def load_model(path: Path, device: str = "auto", precision: str = "auto") -> Model:
    """Load a network to predict with, from a project folder, a ``.safetensors`` file or a model package of ours.

    Parameters
    ----------
    device : "auto", "cpu", "cuda" or "mps"
    precision : "auto", "float32" or "bfloat16", as ``train`` takes it
    """
    chosen = choose_device(device, precision)
    checkpoint = open_network(path)
    network = checkpoint.network().to(chosen.torch_device)
    predictor = Predictor(network, checkpoint.class_ids, chosen)
    if not (path / DATABASE).is_file():
        return Model(path, checkpoint, predictor, _named_classes(checkpoint))
    with Project(path, read_only=True) as project:
        return Model(path, checkpoint, predictor, tuple(project.classes.all()), project.settings.read())


def predict(
    model: Model, image: Image, tile: int | None = None, *, rescale: bool = False
) -> UInt8[np.ndarray, "planes y x"]:
    """Class - 1 at every pixel of every plane; the same for every ``tile`` (a multiple of 16).

    Of an image of which no channels are chosen the network sees those that it was trained on. With ``rescale`` it
    sees the image at the pixel size that it was trained on.

    Raises
    ------
    UserError
        NU-I08 when the image has other channels; NU-I17 when it cannot be rescaled, for a pixel size is not known.
    """
    planes = NormalisedPlanes(_with_channels(model, image))
    check_channels(model.predictor, planes)
    return predict_mask(model.predictor, planes, tile, factors=_factors(model, planes, rescale=rescale))


def predict_file(
    model: Model,
    path: Path,
    folder: Path,
    formats: Sequence[str] = ("tiff",),
    *,
    tile: int | None = None,
    probabilities: bool = False,
    rescale: bool = False,
    channels: Sequence[str] = (),
    stem: str | None = None,
    cluster: Cluster | None = None,
    tile_done: Callable[[], object] = lambda: None,
    warn: Callable[[str], object] = lambda line: None,
) -> list[Path]:
    """Predict an image file and write the result under a stem, the image's own unless told.

    ``channels`` are names, or numbers from 1 on; without any the network sees those that it was trained on. ``warn``
    hears when the image is unlike those that were trained on.

    Where the files are there already, made by the same network, settings and formats from the same image, nothing is
    written.

    Raises
    ------
    UserError
        NU-E14 for objects or probabilities beside the "ome-zarr" of a plane that is not held in memory; NU-I08 and
        NU-I34 for channels that are not there.
    """
    planes = NormalisedPlanes(_with_channels(model, open_image(path), channels))
    _refuse_objects_of_large(planes.image, path, formats, probabilities)
    stem = stem or image_stem(path)
    refuse_overwriting(path, folder, stem)
    factors = _factors(model, planes, rescale=rescale)
    _warn(model, planes, warn, rescaled=rescale)
    return write_prediction(
        model.predictor,
        model.checkpoint,
        planes,
        model.classes,
        folder,
        formats,
        tile,
        tile_done,
        stem=stem,
        settings=model.settings,
        factors=factors,
        probabilities=probabilities,
        source=path,
        resume=True,
        cluster=cluster,
    )


def _refuse_objects_of_large(image: Image, path: Path, formats: Sequence[str], probabilities: bool) -> None:
    if "ome-zarr" in formats and is_large(image) and (probabilities or len(formats) > 1):
        size = f"{image.planes} x {image.height} x {image.width}"
        what = f"an image of {size} pixels goes to OME-Zarr without objects or probabilities"
        raise UserError("NU-E14", what, str(path), "leave these options out, or choose tiff, which takes the memory")


def predict_files(
    model: Model,
    paths: Sequence[Path],
    folder: Path,
    formats: Sequence[str] = ("tiff",),
    *,
    tile: int | None = None,
    probabilities: bool = False,
    rescale: bool = False,
    channels: Sequence[str] = (),
    scheduler: str = "",
    device: str = "auto",
    precision: str = "auto",
    started: Callable[[Path, int, int], object] = lambda path, index, count: None,
    failed: Callable[[Failure], object] = lambda failure: None,
    tile_done: Callable[[], object] = lambda: None,
    warn: Callable[[str], object] = lambda line: None,
) -> Batch:
    """Predict image files and folders of them, going on after an image that fails and where an earlier call stopped.

    Images of the same name are told apart by ``results.stems.distinct_stems``.

    Parameters
    ----------
    channels : of every image, as in ``predict_file``
    scheduler : address of a running Dask cluster, which then predicts, to "ome-zarr" alone
    device, precision : for the processes of the cluster, each of which chooses for itself
    started : told each image, its place in the batch from 0 on and how many there are
    failed : told each failure at once
    warn : told what should be known of an image that is predicted

    Raises
    ------
    UserError
        NU-E02 for a format that does not exist, NU-I19 for a folder without an image; for a cluster NU-C04, NU-C10
        and NU-C12.
    """
    for name in formats:
        format_named(name)
    images = images_of(paths, warn)
    if scheduler and (probabilities or rescale or list(formats) != ["ome-zarr"]):
        fix = "give --format ome-zarr and neither --objects nor --probabilities nor --rescale"
        raise UserError("NU-C12", "a cluster writes OME-Zarr only", scheduler, fix)
    stems = distinct_stems([(image_stem(path), path) for path in images])
    batch = Batch([], [])
    with connected(scheduler, model.path, device, precision) if scheduler else nullcontext() as cluster:
        for index, (path, stem) in enumerate(zip(images, stems, strict=True)):
            started(path, index, len(images))
            try:
                batch.files.extend(
                    predict_file(
                        model, path, folder, formats, tile=tile, probabilities=probabilities, stem=stem,
                        rescale=rescale, channels=channels, cluster=cluster, tile_done=tile_done, warn=warn,
                    )
                )  # fmt: skip
            except (UserError, MemoryError, torch.OutOfMemoryError) as error:
                batch.failed.append(Failure(path, _told(error, path)))
                failed(batch.failed[-1])
    return batch


def _told(error: Exception, path: Path) -> UserError:
    if not isinstance(error, UserError):
        return UserError(
            "NU-E13", "there is not enough memory", str(path), "choose a smaller --tile or a larger machine"
        )
    # An image knows its name only, and a batch may hold many of that name.
    return UserError(error.code, error.what, str(path), error.fix) if error.where == path.stem else error


def export(
    project: Project,
    folder: Path,
    formats: Sequence[str],
    *,
    device: str = "auto",
    precision: str = "auto",
    image_ids: Sequence[int] | None = None,
    settings: Settings | None = None,
    warn: Callable[[str], object] = lambda line: None,
) -> list[Path]:
    """Predict the project's images with its network and write the results, named after the images.

    The format "all" means every format of a result, and a "results.json" that says what made them; "bioimageio" is the
    network itself, as a model package. Objects are told apart as the project's settings say, or those that are given.
    Images of the same name are told apart by ``results.stems.distinct_stems``.
    """
    pack = PACK in formats
    packages = MODEL_FORMAT in formats
    formats = tuple(FORMATS) if pack else [name for name in formats if name != MODEL_FORMAT]
    for name in formats:
        format_named(name)
    model = load_model(project.folder, device, precision)
    settings = settings or model.settings
    written: list[Path] = [_export_model(project, model, folder)] if packages else []
    stems = project_stems(project)
    for record in project.images.all() if formats else ():
        if image_ids is None or record.id in image_ids:
            stem = stems[record.id]
            refuse_overwriting(record.path, folder, stem)
            planes = NormalisedPlanes(project.images.open(record.id))
            _warn(model, planes, warn)
            written += write_prediction(
                model.predictor,
                model.checkpoint,
                planes,
                model.classes,
                folder,
                formats,
                stem=stem,
                settings=settings,
            )
    if pack:
        described = describe_checkpoint(model.checkpoint, project.models / BEST)
        written.append(write_contents(folder, written, described, model.classes, settings))
    return written


def _export_model(project: Project, model: Model, folder: Path) -> Path:
    records = sorted(project.images.all(), key=lambda record: not project.strokes.painted_planes(record.id))
    if not records:
        raise UserError("NU-E10", "there is no image for an example", str(project.folder), "add an image first")
    image = project.images.open(records[0].id)
    colours = styles(model.classes, max(model.checkpoint.class_ids) - 1)
    return write_model_package(folder, project.folder.stem, model.checkpoint, image, colours)


def score(prediction: Num[np.ndarray, "..."], truth: Num[np.ndarray, "..."]) -> dict[str, Any]:
    """Dice, IoU, precision and recall per mask value, means, and SEG of the objects (planes of a stack are averaged).

    Precision is None for a value that is predicted nowhere, the others for a value that is not in the truth.
    Both masks hold class - 1 with background 0; a ``truth`` of numbered objects is compared object by object and as
    foreground against background.

    Raises
    ------
    UserError
        NU-S01 for different shapes, NU-S02 for values that are no class.
    """
    if prediction.shape != truth.shape:
        what = f"prediction {prediction.shape} and truth {truth.shape} have different shapes"
        raise UserError("NU-S01", what, "score", "compare masks of the same image")
    for values in (prediction, truth):
        if values.dtype.kind not in "ui" and not np.array_equal(values, np.round(values)):
            raise UserError("NU-S02", f"values of type {values.dtype} are no classes", "score", "give integer masks")
    if int(prediction.max(initial=0)) > MAXIMUM_CLASS or min(prediction.min(initial=0), truth.min(initial=0)) < 0:
        what = f"prediction values {prediction.min()} to {prediction.max()}"
        raise UserError("NU-S02", what, "score", f"give masks with classes 0 to {MAXIMUM_CLASS}, not object numbers")
    numbered = int(truth.max(initial=0)) > max(1, int(prediction.max(initial=0)))
    classes = (truth > 0).astype(np.uint8) if numbered else truth.astype(np.uint8)
    matrix = confusion(classes, prediction.astype(np.uint8), range(int(max(classes.max(), prediction.max())) + 1))
    values, overlaps = dice(matrix), iou(matrix)
    return {
        "dice": _by_value(values),
        "iou": _by_value(overlaps),
        "precision": _by_value(precision(matrix)),
        "recall": _by_value(recall(matrix)),
        "mean_dice": mean_known(values),
        "mean_iou": mean_known(overlaps),
        "seg": _segmentation(prediction, truth, numbered=numbered),
    }


def score_files(prediction: Path, truth: Path) -> dict[str, Any]:
    """Score one mask file against another; see ``score``."""
    return score(_read_mask(prediction), _read_mask(truth))


def verify(folder: Path) -> list[str]:
    """One line per finding in a project: database, rows, every tile, images, networks; [] when all is sound."""
    with Project(folder, read_only=True) as project:
        findings = project.integrity()
        if findings:
            return findings  # nothing that a damaged database says can be relied on
        if project.is_newer:
            what = "the project was made by a newer version, so only a part of it was checked"
            findings.append(str(UserError("NU-P02", what, str(project.folder), "update napari-unet-live")))
        unreadable = list(project.unreadable_rows())
        if unreadable:
            return [*findings, *unreadable]
        findings += map(str, project.strokes.damaged_tiles())
        checks: list[Callable[[], object]] = [
            partial(project.images.open, record.id) for record in project.images.all()
        ]
        checks += [partial(load_checkpoint, path) for path in sorted(project.models.glob("*.safetensors"))]
        for check in checks:
            try:
                check()
            except UserError as error:
                findings.append(str(error))
    return findings


def repair(folder: Path) -> list[str]:
    """Set aside what is damaged and keep what is whole; one line for each thing that was done.

    Damaged tiles, networks and databases go into folders ``damaged-TIME`` and are never overwritten. Images are not
    touched.
    """
    done = []
    with Project(folder, read_only=True) as project:
        is_sound, file = not project.integrity(), project.folder / DATABASE
    if not is_sound:
        lock = WriterLock(file.parent)
        try:
            aside = salvage(file)
        finally:
            lock.release()
    with Project(folder) as project:
        if not is_sound:
            painted = sum(project.strokes.labelled_pixels().values())
            kept = f"{len(project.images.all())} images and {painted} painted pixels"
            done.append(f"NU-P01: {kept} could be read and are in a new database, the damaged one is in {aside}")
        damaged = project.strokes.damaged_tiles()
        if damaged:
            project.planes.set_aside(damaged)
        done += project.notices
        for path in sorted(project.models.glob("*.safetensors")):
            try:
                load_checkpoint(path)
            except UserError as error:
                if error.code == "NU-M03":
                    continue  # a newer version's work is not damaged
                moved = set_aside(*[part for part in (path, path.with_suffix(".json")) if part.is_file()])
                done.append(f"{error.code}: {path.name} is damaged, {moved or 'it cannot be moved'}, train again")
    return done


def _with_channels(model: Model, image: Image, channels: Sequence[str] = ()) -> Image:
    """The image as the network sees it: of the channels those that were asked for, else those that it learned on."""
    if channels:  # whoever says so knows better than the names do, so that these are not compared
        return replace(image, chosen=named_channels(channels, image), channel_names=())
    if image.chosen:
        return image
    wanted = model.predictor.network.architecture.image_channels
    return replace(image, chosen=trained_channels(model.trained_on, wanted, image))


def _factors(model: Model, planes: NormalisedPlanes, *, rescale: bool) -> tuple[float, float]:
    return rescaling(model.trained_on, planes) if rescale else UNCHANGED


def _warn(model: Model, planes: NormalisedPlanes, warn: Callable[[str], object], *, rescaled: bool = False) -> None:
    for line in (*planes.image.notices, difference(model.trained_on, planes, rescaled=rescaled)):
        if line:
            warn(line)


def _read_mask(path: Path) -> Num[np.ndarray, "..."]:
    image = open_image(path, expand_palette=False)
    if "c" in image.axes:
        raise UserError("NU-S03", "the mask is a colour picture", str(path), "give one integer per pixel")
    return np.asarray(image.pixels)


def _segmentation(
    prediction: Num[np.ndarray, "*shape"], truth: Num[np.ndarray, "*shape"], *, numbered: bool
) -> float | None:
    size = truth.shape[-2:]
    pairs = zip(prediction.reshape(-1, *size), truth.reshape(-1, *size), strict=True)
    found = [
        segmentation_accuracy(
            plane_truth.astype(np.int32) if numbered else label_objects(plane_truth.astype(np.uint8)),
            label_objects(plane.astype(np.uint8)),
        )
        for plane, plane_truth in pairs
    ]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None


def _by_value(values: Num[np.ndarray, " k"]) -> dict[str, float | None]:
    return {str(i): float(v) if np.isfinite(v) else None for i, v in enumerate(values)}


def _named_classes(checkpoint: Checkpoint) -> tuple[ClassLabel, ...]:
    named: Mapping[int, str] = dict(zip(checkpoint.class_ids, checkpoint.class_names, strict=True))
    return tuple(ClassLabel(class_id, name, default_colour(class_id)) for class_id, name in named.items())
