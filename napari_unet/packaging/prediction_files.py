"""From an image and a network to files: predict every plane, write, and say beside it how it was made."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from napari_unet.config import DEFAULT_SETTINGS, Settings
from napari_unet.errors import UserError
from napari_unet.export.file_stem import file_stem
from napari_unet.export.formats import export, format_named
from napari_unet.export.mask_npy import write_array
from napari_unet.export.provenance import Provenance
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.images.normalisation import Normalisation
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.rescaling import UNCHANGED, rescaled, scaled_back
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.inference import Predictor
from napari_unet.packaging.checkpoint_description import describe_checkpoint
from napari_unet.prediction.chunk_file import CHUNK, ChunkFile
from napari_unet.prediction.chunk_task import ChunkTask
from napari_unet.prediction.cluster import Cluster
from napari_unet.prediction.large_image import is_large
from napari_unet.prediction.plane import predict_probabilities, resumable_plane
from napari_unet.prediction.resumable import R, Resumable, run_to_end
from napari_unet.project.classes import ClassLabel, default_colour, default_name

PlaneDone = Callable[[int, UInt8[np.ndarray, "y x"]], object]
PROBABILITIES = "probabilities"  # named among the formats of a provenance


def write_prediction(
    predictor: Predictor,
    checkpoint: Checkpoint,
    planes: NormalisedPlanes,
    classes: Sequence[ClassLabel],
    folder: Path,
    formats: Sequence[str],
    tile: int | None = None,
    tile_done: Callable[[], object] = lambda: None,
    *,
    stem: str | None = None,
    settings: Settings = DEFAULT_SETTINGS,
    factors: tuple[float, float] = UNCHANGED,
    probabilities: bool = False,
    source: Path | None = None,
    resume: bool = False,
    cluster: Cluster | None = None,
) -> list[Path]:
    """Predict all planes and write them in every format, and a ``.json`` that says what made them.

    Parameters
    ----------
    tile_done : called after each tile of the prediction, or chunk of a large file
    stem : beginning of the file names; the image's name where None
    settings : how objects are told apart
    factors : the network sees the image with so many times its rows and columns
    probabilities : write them as well, as ``<stem>-probabilities.npy``
    source : the image's file, if it has one
    resume : write nothing where the files that this call would write are there already
    cluster : predicts the ``source``, in place of this process, for "ome-zarr" alone

    For "ome-zarr" alone a plane larger than ``LARGE`` is never held in memory, and has no objects; rescaled it is.

    Raises
    ------
    UserError
        NU-I08 when the network learned another number of channels; NU-E0x as ``export.formats.export``.
    """
    steps = resumable_prediction(
        predictor, checkpoint, planes, classes, folder, formats, tile, stem=stem, settings=settings, factors=factors,
        probabilities=probabilities, source=source, resume=resume, cluster=cluster,
    )  # fmt: skip
    return run_to_end(steps, tile_done)


def resumable_prediction(
    predictor: Predictor,
    checkpoint: Checkpoint,
    planes: NormalisedPlanes,
    classes: Sequence[ClassLabel],
    folder: Path,
    formats: Sequence[str],
    tile: int | None = None,
    plane_done: PlaneDone = lambda plane, mask: None,
    *,
    stem: str | None = None,
    settings: Settings = DEFAULT_SETTINGS,
    factors: tuple[float, float] = UNCHANGED,
    probabilities: bool = False,
    source: Path | None = None,
    resume: bool = False,
    cluster: Cluster | None = None,
) -> Resumable[list[Path]]:
    """``write_prediction``, a tile or a chunk at a time; writing other files is one step, the last.

    ``plane_done`` gets the mask of every plane that is held in memory, once it is whole.
    """
    for name in formats:
        format_named(name)  # before the long work, not after it
    check_channels(predictor, planes)
    image = planes.image
    stem = file_stem(stem or image.name)
    note = folder / f"{stem}.json"
    wanted = [*formats, *([PROBABILITIES] if probabilities else [])]
    provenance = Provenance(image, describe_checkpoint(checkpoint), classes, settings, wanted, factors, source)
    done = provenance.finished(note) if resume else []
    if done:
        return done
    if wanted == ["ome-zarr"] and factors == UNCHANGED and (cluster or is_large(image)):
        highest = max(checkpoint.class_ids) - 1
        file = ChunkFile((folder / f"{stem}.ome.zarr").absolute(), image, tuple(styles(classes, highest)), CHUNK)
        yield from _filling(file, predictor, planes.normalisation, provenance.origin, tile, source, cluster)
        written = [file.finish()]
    else:
        mask = yield from resumable_mask(predictor, planes, tile, factors, plane_done)
        written = export(Segmentation(mask, image, styles(classes, int(mask.max())), settings), folder, formats, stem)
        if probabilities:
            written.append(_write_probabilities(predictor, planes, folder, tile, stem, factors))
    return [*written, provenance.write(note, written)]


def _filling(
    file: ChunkFile,
    predictor: Predictor,
    normalisation: Normalisation,
    came_from: dict[str, Any],
    tile: int | None,
    source: Path | None,
    cluster: Cluster | None,
) -> Resumable[None]:
    """Predict the chunks that are missing, here or on a cluster."""
    file.begin(came_from)
    if cluster is None or source is None:
        missing = list(file.missing())
        for done, chunk in enumerate(missing, 1):
            file.write(predictor, normalisation, chunk, tile)
            yield done / len(missing)
        return
    task = ChunkTask(
        image=source.resolve(),
        image_fingerprint=came_from["image_fingerprint"],
        channels=file.image.chosen,
        network=cluster.network,
        network_fingerprint=came_from["network"],
        device=cluster.device,
        precision=cluster.precision,
        normalisation=normalisation,
        path=file.path,
        classes=tuple(file.classes),
        chunk=file.chunk,
        tile=tile,
    )
    yield from cluster.run(task, file.missing())


def predict_mask(
    predictor: Predictor,
    planes: NormalisedPlanes,
    tile: int | None = None,
    factors: tuple[float, float] = UNCHANGED,
) -> UInt8[np.ndarray, "planes y x"]:
    """Class - 1 at every pixel of every plane."""
    return run_to_end(resumable_mask(predictor, planes, tile, factors))


def resumable_mask(
    predictor: Predictor,
    planes: NormalisedPlanes,
    tile: int | None,
    factors: tuple[float, float],
    plane_done: PlaneDone = lambda plane, mask: None,
) -> Resumable[UInt8[np.ndarray, "planes y x"]]:
    """Predict the mask (planes, y, x) of an image, values class - 1, a tile at a time."""
    image = planes.image
    mask = np.zeros((image.planes, image.height, image.width), np.uint8)
    for plane in range(image.planes):
        pixels = rescaled(planes.with_context(plane, predictor.context_planes), factors)
        found = yield from _shares_of(resumable_plane(predictor, pixels, tile), plane, image.planes)
        mask[plane] = scaled_back(found, image.height, image.width) - 1
        plane_done(plane, mask[plane])
    return mask


def _shares_of(steps: Resumable[R], number: int, parts: int) -> Resumable[R]:
    """Steps of one of several equal parts, as steps of the whole."""
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            return end.value
        yield (number + share) / parts


def _write_probabilities(
    predictor: Predictor,
    planes: NormalisedPlanes,
    folder: Path,
    tile: int | None,
    stem: str,
    factors: tuple[float, float],
) -> Path:
    """All probabilities: float32 with axes (plane, class, y, x)."""
    image = planes.image
    seen = (rescaled(planes.with_context(plane, predictor.context_planes), factors) for plane in range(image.planes))
    values: Float32[np.ndarray, "planes k y x"] = np.stack(
        [scaled_back(predict_probabilities(predictor, each, tile), image.height, image.width) for each in seen]
    )
    return write_array(folder / f"{stem}-probabilities.npy", values)


def check_channels(predictor: Predictor, planes: NormalisedPlanes) -> None:
    """Refuse an image of another kind than the network learned on."""
    wanted, found = predictor.network.architecture.image_channels, planes.image.channels
    if wanted != found:
        what = f"the network learned on {wanted} channels, the image has {found}"
        raise UserError("NU-I08", what, planes.image.name, "choose an image of the same kind or train on this one")


def styles(classes: Sequence[ClassLabel], highest: int) -> list[ClassStyle]:
    """Names and colours indexed by mask value; ids that are no class (any more) get a neutral entry."""
    known: Mapping[int, ClassLabel] = {label.id: label for label in classes}
    last = max([*known, highest + 1])
    labels = [known.get(k) or ClassLabel(k, default_name(k), default_colour(k)) for k in range(1, last + 1)]
    return [ClassStyle(label.name, label.rgb) for label in labels]
