"""The estimated Dice of the images that were learned from, from a bounded number of tiles."""

from typing import Any

import numpy as np

from napari_unet.dataset.annotated import Annotations
from napari_unet.errors import UserError
from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.evaluation.estimated_dice import as_record, unknown_dice
from napari_unet.images.tiles import grid
from napari_unet.network.inference import Predictor
from napari_unet.training.looked_at import LookedAt

_TILE = 256  # px
_TILES = 128  # of all images together, about
_LEAST_TILES = 4  # of each image


def image_estimates(predictor: Predictor, annotations: Annotations, looked_at: LookedAt) -> list[dict[str, Any]]:
    """Estimate the Dice of every painted image from tiles at random; of a small image from all of it.

    Parameters
    ----------
    predictor : of the network that is estimated
    looked_at : takes note of the images, for the description of the network, and knows of checked areas
    """
    project = annotations.project
    names = project.classes.names()
    painted = sorted({image_id for image_id, _ in annotations.planes})
    most = max(_LEAST_TILES, _TILES // max(1, len(painted)))
    random = np.random.default_rng(0)
    found = []
    for image_id in painted:
        record = project.images.get(image_id)
        try:
            sums = _sums_of_some(predictor, annotations, image_id, most, random)
            looked_at.note(image_id, 0, sums, predictor.class_ids, predictor.network)
            estimates = looked_at.estimate(image_id, sums, predictor.class_ids)
        except UserError as error:  # moved away meanwhile
            estimates = unknown_dice(predictor.class_ids, str(error))
        name = record.name if record.path is None else str(record.path)
        found.append({"image": name, "estimated_dice": as_record(estimates, names)})
    return found


def _sums_of_some(
    predictor: Predictor, annotations: Annotations, image_id: int, most: int, random: np.random.Generator
) -> DiceSums:
    """Sum over at most so many tiles of the planes of an image."""
    image = annotations.pixels(image_id).image
    tiles = [(plane, region) for plane in range(image.planes) for region in grid(image.height, image.width, _TILE)]
    predictor.estimate_anew()
    for number in random.permutation(len(tiles))[:most]:
        plane, region = tiles[number]
        predictor.classes(annotations.with_context((image_id, plane), predictor.context_planes), region)
    return predictor.take_sums()
