"""From an image and a network to files: predict every plane, write, and say beside it how it was made."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from napari_unet.annotations.classes import ClassLabel, default_colour, default_name
from napari_unet.config import DEFAULT_SETTINGS, Settings
from napari_unet.errors import UserError
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.inference import Predictor
from napari_unet.prediction.plane import predict_plane, predict_probabilities
from napari_unet.prediction.rescaling import UNCHANGED, rescaled, scaled_back
from napari_unet.results.file_stem import file_stem
from napari_unet.results.formats import export, format_named
from napari_unet.results.json_file import write_json
from napari_unet.results.mask_npy import write_array
from napari_unet.results.objects import object_settings
from napari_unet.results.segmentation import ClassStyle


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
) -> list[Path]:
    """Predict all planes and write them in every format, and a ``.json`` that names network, step, score and classes.

    Objects are told apart as ``settings`` say. The network sees the image with ``factors`` times its rows and columns.

    Raises
    ------
    UserError
        NU-I08 when the network learned another number of channels; NU-E0x as ``results.formats.export``.
    """
    for name in formats:
        format_named(name)  # before the long work, not after it
    check_channels(predictor, planes)
    mask = predict_mask(predictor, planes, tile, tile_done, factors)
    image = planes.image
    written = export(mask, image, styles(classes, int(mask.max())), folder, formats, stem, settings)
    record = _provenance(checkpoint, classes, image.name, settings, factors)
    return [*written, write_json(folder / f"{file_stem(stem or image.name)}.json", record)]


def predict_mask(
    predictor: Predictor,
    planes: NormalisedPlanes,
    tile: int | None = None,
    tile_done: Callable[[], object] = lambda: None,
    factors: tuple[float, float] = UNCHANGED,
) -> UInt8[np.ndarray, "planes y x"]:
    """Class - 1 at every pixel of every plane."""
    image = planes.image
    mask = np.zeros((image.planes, image.height, image.width), np.uint8)
    for plane in range(image.planes):
        found = predict_plane(predictor, rescaled(planes[plane], factors), tile, tile_done)
        mask[plane] = scaled_back(found, image.height, image.width) - 1
    return mask


def write_probabilities(
    predictor: Predictor,
    planes: NormalisedPlanes,
    folder: Path,
    tile: int | None,
    stem: str,
    factors: tuple[float, float] = UNCHANGED,
) -> Path:
    """All probabilities as ``<stem>-probabilities.npy``: float32 with axes (plane, class, y, x)."""
    check_channels(predictor, planes)
    image = planes.image
    seen = (rescaled(planes[plane], factors) for plane in range(image.planes))
    values: Float32[np.ndarray, "planes k y x"] = np.stack(
        [scaled_back(predict_probabilities(predictor, each, tile), image.height, image.width) for each in seen]
    )
    return write_array(folder / f"{file_stem(stem)}-probabilities.npy", values)


def check_channels(predictor: Predictor, planes: NormalisedPlanes) -> None:
    """Refuse an image of another kind than the network learned on."""
    wanted, found = predictor.network.architecture.channels, planes.image.channels
    if wanted != found:
        what = f"the network learned on {wanted} channels, the image has {found}"
        raise UserError("NU-I08", what, planes.image.name, "choose an image of the same kind or train on this one")


def styles(classes: Sequence[ClassLabel], highest: int) -> list[ClassStyle]:
    """Names and colours indexed by mask value; ids that are no class (any more) get a neutral entry."""
    known: Mapping[int, ClassLabel] = {label.id: label for label in classes}
    last = max([*known, highest + 1])
    labels = [known.get(k) or ClassLabel(k, default_name(k), default_colour(k)) for k in range(1, last + 1)]
    return [ClassStyle(label.name, label.rgb) for label in labels]


def _provenance(
    checkpoint: Checkpoint,
    classes: Sequence[ClassLabel],
    image: str,
    settings: Settings,
    factors: tuple[float, float],
) -> dict[str, Any]:
    scores = checkpoint.facts.get("held_out_dice", {})
    return {
        "image": image,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "napari-unet-live": version("napari-unet-live"),
        "step": checkpoint.step,
        "classes": {str(label.id - 1): label.name for label in classes},
        "held_out_dice": {label.name: scores.get(str(label.id)) for label in classes},
        "mean_held_out_dice": checkpoint.facts.get("mean_held_out_dice"),
        "objects": object_settings(settings),
        "rescaled": list(factors),
    }
