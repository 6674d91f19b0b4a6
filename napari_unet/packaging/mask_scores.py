"""Scores of masks against truth: classes pixel by pixel, objects one by one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, Num, Shaped, UInt8

from napari_unet.errors import UserError
from napari_unet.evaluation.mask_meaning import PREDICTION_MEANINGS, TRUTH_MEANINGS, MaskMeaning
from napari_unet.evaluation.mask_pair import MaskPair
from napari_unet.evaluation.scores import confusion, dice, iou, mean_known, object_overlaps, precision, recall
from napari_unet.images.axis_order import axis_order, mask_axes
from napari_unet.images.image import Image
from napari_unet.images.label_file import open_labels
from napari_unet.images.labels import MAX_CLASS, frame_and_plane
from napari_unet.images.labels_inside import mask_path
from napari_unet.images.lazy_array import Sliceable
from napari_unet.images.lossy import is_lossy
from napari_unet.objects.objects import label_objects

_WHERE = "score"


def score(
    prediction: Sliceable | str | Path,
    truth: Sliceable | str | Path,
    *,
    truth_is: str = "auto",
    prediction_is: str = "auto",
) -> dict[str, Any]:
    """Compute Dice, IoU, precision and recall per mask value, means, and SEG of the objects.

    Precision is None for a value that is predicted nowhere, the others for a value that is not in the truth. SEG is
    the mean over the true objects of all planes, of which "true_objects" tells the number, None as SEG is. "truth_is"
    and "prediction_is" tell what the numbers were taken for.

    Parameters
    ----------
    prediction, truth : masks of the same image, of NumPy, Dask or Zarr, or the pixels of an `Image`; the last two axes
        are y and x, others of length 1 do not count
    truth_is, prediction_is : "classes" for class - 1 with background 0; "mask" for 0 background and anything else
        foreground; "objects" for a number per object; "labels" for a truth of 0 unlabelled and 1..K classes, of which
        labelled pixels alone are compared. A mask or objects on either side compare foreground with background, and
        SEG object by object. "auto" decides from the numbers, and refuses what could mean several things.

    Raises
    ------
    UserError
        NU-S01 for different shapes or no y and x, NU-S02 for values that have no or no certain meaning, and for paths.
    """
    found, true = _in_memory(prediction), _in_memory(truth)
    _refuse_unlike(found, true)
    size = (-1, *true.shape[-2:])
    pair = MaskPair(found.reshape(size).astype(np.int64), true.reshape(size).astype(np.int64))
    true_meaning = _meaning(truth_is, TRUTH_MEANINGS)
    if true_meaning == "auto":
        true_meaning = pair.truth_meaning()
    meaning = _meaning(prediction_is, PREDICTION_MEANINGS)
    if meaning == "auto":
        meaning = pair.prediction_meaning(true_meaning)
    return _scored(pair, true_meaning, meaning)


def score_files(
    prediction: str | Path, truth: str | Path, *, truth_is: str = "auto", prediction_is: str = "auto"
) -> dict[str, Any]:
    """Score one mask file against another; see ``score``.

    Planes are matched by the names of their axes where both files have names, else by their order, see ``axis_order``.
    Of an OME-Zarr that an export wrote the labels inside are compared, see ``mask_path``.
    A truth that has its plane in its name (``frame_and_plane``), and holds it alone, is compared with that plane.

    Raises
    ------
    UserError
        NU-S01 for axes that cannot be matched, NU-S02 and NU-S03 for files that hold no mask, and as ``mask_path``,
        ``score`` and ``open_image``.
    """
    image = _open_mask(mask_path(Path(prediction), objects=prediction_is == "objects"))
    has_objects, has_labels = truth_is == "objects", truth_is == "labels"
    true_image = _open_mask(mask_path(Path(truth), objects=has_objects, zero_is_unlabelled=has_labels))
    found, true = _values_as(true_image, image), _values_as(true_image, true_image)
    place = frame_and_plane(Path(truth))
    if place is not None and found.ndim == 3 and true.ndim == 2 and place[1] < len(found):
        found = found[place[1]]
    try:
        return score(found, true, truth_is=truth_is, prediction_is=prediction_is)
    except UserError as error:  # arrays have no name, and a command may compare many files
        raise UserError(error.code, error.what, f"{prediction} and {truth}", error.fix) from error


def _scored(pair: MaskPair, true_meaning: MaskMeaning, meaning: MaskMeaning) -> dict[str, Any]:
    found, true = _classes(pair, true_meaning, meaning)
    known = pair.truth > 0 if true_meaning == "labels" else np.ones(pair.truth.shape, np.bool_)
    matrix = confusion(true[known], found[known], range(int(max(true.max(initial=0), found.max(initial=0))) + 1))
    values, overlaps = dice(matrix), iou(matrix)
    if "objects" in (true_meaning, meaning):
        objects = pair.prediction if meaning == "objects" else _objects(found)
        pieces = [(pair.truth if true_meaning == "objects" else _objects(true), objects)]
    else:  # a piece of another class is no match
        pieces = [(_objects(true, value), _objects(found, value)) for value in range(1, int(true.max(initial=0)) + 1)]
    overlaps_of_objects = _object_overlaps(pieces) if known.all() else None
    return {
        "dice": _by_value(values),
        "iou": _by_value(overlaps),
        "precision": _by_value(precision(matrix)),
        "recall": _by_value(recall(matrix)),
        "mean_dice": mean_known(values),
        "mean_iou": mean_known(overlaps),
        "seg": _mean(overlaps_of_objects),
        "true_objects": None if overlaps_of_objects is None else len(overlaps_of_objects),
        "truth_is": true_meaning,
        "prediction_is": meaning,
    }


def _classes(
    pair: MaskPair, true_meaning: MaskMeaning, meaning: MaskMeaning
) -> tuple[UInt8[np.ndarray, "planes y x"], UInt8[np.ndarray, "planes y x"]]:
    """Bring prediction and truth to values that can be compared pixel by pixel.

    Raises
    ------
    UserError
        NU-S02 for classes above 255, and for several true classes beside a prediction without classes.
    """
    found, true = pair.prediction, np.maximum(pair.truth - 1, 0) if true_meaning == "labels" else pair.truth
    has_classes, truth_has_classes = meaning == "classes", true_meaning in ("classes", "labels")
    for name, values, limited in (("prediction", found, has_classes), ("truth", true, truth_has_classes)):
        if limited and values.max(initial=0) > MAX_CLASS:
            what, fix = f"the {name} holds the value {values.max()}", f"give classes 0 to {MAX_CLASS}"
            raise UserError("NU-S02", what, _WHERE, fix)
    if has_classes and truth_has_classes:
        return found.astype(np.uint8), true.astype(np.uint8)
    if truth_has_classes and true.max(initial=0) > 1:
        what = "the truth has several classes and the prediction none"
        raise UserError("NU-S02", what, _WHERE, "give the mask of classes as prediction, or a truth of one class")
    return (found > 0).astype(np.uint8), (true > 0).astype(np.uint8)


def _in_memory(mask: Sliceable | str | Path) -> Shaped[np.ndarray, "..."]:
    """Return a mask as an array of NumPy; refuse the path of one, for only ``score_files`` knows its axes."""
    if isinstance(mask, str | Path):
        fix = "give the pixels, open_image(path).pixels, or score files by napari_unet.api.score_files"
        raise UserError("NU-S02", "a path is given where a mask is wanted", str(mask), fix)
    return np.asarray(mask)


def _refuse_unlike(prediction: Shaped[np.ndarray, "..."], truth: Shaped[np.ndarray, "..."]) -> None:
    if min(prediction.ndim, truth.ndim) < 2:
        what = f"prediction {prediction.shape} and truth {truth.shape} are no masks of rows and columns"
        raise UserError("NU-S01", what, _WHERE, "give arrays whose last two axes are y and x")
    if _shape(prediction) != _shape(truth):
        what = f"prediction {prediction.shape} and truth {truth.shape} have different shapes"
        raise UserError("NU-S01", what, _WHERE, "compare masks of the same image")
    for name, values in (("prediction", prediction), ("truth", truth)):
        if values.dtype.kind not in "uib" and not np.array_equal(values, np.round(values)):
            raise UserError("NU-S02", f"values of type {values.dtype} are no classes", _WHERE, "give integer masks")
        if values.min(initial=0) < 0:
            raise UserError("NU-S02", f"the {name} holds the value {values.min()}", _WHERE, "use 0 for background")
        if values.max(initial=0) > np.iinfo(np.int64).max:
            raise UserError("NU-S02", f"the {name} holds the value {values.max()}", _WHERE, "number objects from 1 on")


def _shape(mask: Shaped[np.ndarray, "..."]) -> tuple[int, ...]:
    """Return the shape without plane axes of length 1: ``predict`` gives a single plane as a stack of one."""
    return (*(size for size in mask.shape[:-2] if size != 1), *mask.shape[-2:])


def _meaning(wanted: str, allowed: tuple[MaskMeaning, ...]) -> MaskMeaning:
    for meaning in allowed:
        if meaning == wanted:
            return meaning
    raise UserError("NU-C14", f"a mask cannot be '{wanted}'", _WHERE, f"choose one of {', '.join(allowed)}")


def _open_mask(path: Path) -> Image:
    image = open_labels(path)
    if is_lossy(path):
        raise UserError("NU-S02", "JPEG changes the numbers of a mask", str(path), "save the mask as PNG or TIFF")
    if image.axes.endswith("c"):  # a c before y and x stands for planes, as in labels: see ``axis_order``
        raise UserError("NU-S03", "the mask is a colour picture", str(path), "give one integer per pixel")
    return image


def _values_as(truth: Image, mask: Image) -> Shaped[np.ndarray, "..."]:
    """Read a mask with its axes in the order of the truth's: plane axes, then y and x."""
    order = axis_order(mask, truth)
    if order is None:
        what = f"prediction and truth have the axes {mask_axes(mask)} and {mask_axes(truth)}"
        raise UserError("NU-S01", what, mask.file_name, "name them alike, or save one as NPY in the order of the other")
    return np.asarray(mask.pixels).transpose(order)


def _objects(classes: UInt8[np.ndarray, "planes y x"], value: int = 1) -> Int64[np.ndarray, "planes y x"]:
    """Number the connected pieces of a class in each plane."""
    return np.stack([label_objects((plane == value).astype(np.uint8)) for plane in classes]).astype(np.int64)


def _object_overlaps(
    pieces: Sequence[tuple[Int64[np.ndarray, "planes y x"], Int64[np.ndarray, "planes y x"]]],
) -> Float64[np.ndarray, " n"]:
    """Return the overlap of every true object of each pair of truth and prediction, plane by plane."""
    planes = (plane for true, found in pieces for plane in zip(true, found, strict=True))
    return np.concatenate([np.zeros(0), *(object_overlaps(*plane) for plane in planes)])


def _mean(values: Float64[np.ndarray, " n"] | None) -> float | None:
    return None if values is None or not values.size else float(values.mean())


def _by_value(values: Num[np.ndarray, " k"]) -> dict[str, float | None]:
    return {str(i): float(v) if np.isfinite(v) else None for i, v in enumerate(values)}
