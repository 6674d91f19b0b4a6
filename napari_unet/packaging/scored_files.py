"""Scores of many masks against their truths, each alone and all together."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_unet.dataset.label_pairs import named_alike
from napari_unet.errors import UserError
from napari_unet.images.folder import images_of, is_plain_folder
from napari_unet.images.overwriting import image_stem
from napari_unet.packaging.mask_scores import score_files
from napari_unet.packaging.result_masks import each_mask_once

_OBJECTS = "-objects"  # the end of the names of files that hold object numbers


def score_pairs(
    predictions: Sequence[Path], truths: Sequence[Path], *, truth_is: str = "auto", prediction_is: str = "auto"
) -> dict[str, Any]:
    """Score mask files, or those of a folder, against true ones: see ``score`` for what each file has.

    Files are taken in the order given. Of two folders every truth is taken, with the prediction of its name or else of
    the last number in its name. Of a folder of results, on either side, the masks count, or, where that side is
    "objects", the files of object numbers, each once where it lies there in several formats, see ``each_mask_once``.

    Returns
    -------
    "mean_dice" and "mean_iou" over the files, "seg" over the true objects of all files, of which there are
    "true_objects" (None where no file has any), and what each file has, with its paths, under "images". Of a single
    file also what it has itself.

    Raises
    ------
    UserError
        NU-C02 where predictions and truths are not as many, a truth has no prediction or several, several truths of a
        folder have one name, or a folder stands beside files; as ``score_files`` and ``images_of``.
    """
    images = [
        {"prediction": str(found), "truth": str(true)}
        | score_files(found, true, truth_is=truth_is, prediction_is=prediction_is)
        for found, true in _pairs(predictions, truths, prediction_is, truth_is)
    ]
    alone = images[0] if len(images) == 1 else {}
    objects = [(image["seg"], image["true_objects"]) for image in images if image["seg"] is not None]
    count = sum(number for _, number in objects)
    return alone | {
        "mean_dice": _mean([image["mean_dice"] for image in images]),
        "mean_iou": _mean([image["mean_iou"] for image in images]),
        "seg": sum(seg * number for seg, number in objects) / count if count else None,
        "true_objects": count if objects else None,
        "images": images,
    }


def _pairs(
    predictions: Sequence[Path], truths: Sequence[Path], prediction_is: str, truth_is: str
) -> list[tuple[Path, Path]]:
    folders = [path for path in (*predictions, *truths) if is_plain_folder(path)]
    if len(predictions) == len(truths) == 1 and len(folders) == 2:
        ending = _OBJECTS if "objects" in (prediction_is, truth_is) else ""
        return named_alike(_predictions_in(predictions[0], prediction_is), _truths_in(truths[0], truth_is), ending)
    if folders:
        fix = "give one folder of predictions and one of truths, or files alone"
        raise UserError("NU-C02", "a folder among predictions or truths", str(folders[0]), fix)
    if len(predictions) != len(truths):
        what = f"{len(predictions)} predictions and {len(truths)} truths"
        raise UserError("NU-C02", what, "score", "give one truth for each prediction, or a folder of each")
    return list(zip(predictions, truths, strict=True))


def _predictions_in(folder: Path, prediction_is: str) -> list[Path]:
    found = images_of([folder])
    numbered = [path for path in found if path.stem.endswith(_OBJECTS)]
    if prediction_is == "objects" and numbered:
        return each_mask_once(folder, numbered, _OBJECTS)
    masks = each_mask_once(folder, [path for path in found if path not in numbered])
    return masks or each_mask_once(folder, numbered, _OBJECTS)


def _truths_in(folder: Path, truth_is: str) -> list[Path]:
    """Leave out what an export recorded besides the masks, and nothing else: truth may have any name.

    Raises
    ------
    UserError
        NU-C02 for several files of one name, which may differ: one truth would count as many times.
    """
    found = each_mask_once(folder, images_of([folder]), _OBJECTS if truth_is == "objects" else "")
    names = Counter(map(image_stem, found))
    for path in found:
        if names[image_stem(path)] > 1:
            what = f"{names[image_stem(path)]} files of truth in the folder have its name"
            raise UserError("NU-C02", what, str(path), "leave one of them there, or give two lists of files")
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
