"""Confusion matrices of a network where somebody painted; nothing else is predicted."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from napari_unet.dataset.annotated import Annotations
from napari_unet.evaluation.checked_areas import checked_dice
from napari_unet.evaluation.checked_correction import CheckedArea
from napari_unet.evaluation.scores import AreaScore, CheckedDice, area_score, confusion
from napari_unet.images.plane_pixels import PlanePixels
from napari_unet.images.tiles import Region, grid
from napari_unet.network.inference import Predictor

_TILE = 256  # px


class AreaScores(NamedTuple):
    """Hold the score of each test area, the Dice over those that count for the one to publish, and these."""

    each: tuple[AreaScore, ...] = ()
    checked: CheckedDice | None = None
    counted: tuple[CheckedArea, ...] = ()


def area_scores(predictor: Predictor, annotations: Annotations) -> AreaScores:
    """Score each test area of the painted planes by all that is painted in it, and those that count together."""
    scores, counted = [], []
    for (image_id, plane), painted in annotations.planes.items():
        for area in painted.areas:
            pixels = annotations.with_context((image_id, plane), predictor.context_planes)
            matrix = np.zeros((len(predictor.class_ids),) * 2, np.int64)
            predictor.estimate_anew()
            for part, truth in painted.labels.parts(area):
                matrix += confusion_at(predictor, pixels, part, truth)
            sums = predictor.take_sums()
            place = (image_id, plane, area.y0, area.x0, area.y1, area.x1)
            scores.append(area_score(place, matrix, predictor.class_ids))
            if area in painted.checked:
                counted.append(CheckedArea(image_id, matrix, sums))
    names = annotations.project.classes.names()
    matrices, image_ids = [area.matrix for area in counted], [area.image_id for area in counted]
    together = checked_dice(np.stack(matrices), image_ids, predictor.class_ids, names) if counted else None
    return AreaScores(tuple(scores), together, tuple(counted))


def confusion_at(
    predictor: Predictor, plane: PlanePixels, region: Region, truth: UInt8[np.ndarray, "h w"]
) -> Int64[np.ndarray, "k k"]:
    """Count the pixels of a region by true class (row) and predicted class (column).

    Only the parts with known pixels are predicted, tile by tile.

    Parameters
    ----------
    truth : class ids; 0 where nothing is known
    """
    total = np.zeros((len(predictor.class_ids),) * 2, np.int64)
    for tile in grid(*region.shape, _TILE):
        known = Region.around(truth[tile.slices] > 0)
        if known is None:
            continue
        part = known.moved(tile.y0, tile.x0)
        found = predictor.classes(plane, part.moved(region.y0, region.x0))
        total += confusion(truth[part.slices], found, predictor.class_ids)
    return total
