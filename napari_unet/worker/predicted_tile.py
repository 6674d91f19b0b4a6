"""Predicts one tile of a view, at full or at half resolution."""

import numpy as np
from jaxtyping import UInt8

from napari_unet.evaluation.predicted_maps import PREDICTED_MAPS, map_values
from napari_unet.images.halved_plane import HalvedPlane
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import Region
from napari_unet.network.feature_cache import CachedPlane
from napari_unet.network.inference import Predictor
from napari_unet.prediction.view import View


def tile_of(view: View, region: Region, halved: bool) -> tuple[CachedPlane, Region]:
    """Return the plane on which a tile of a view is predicted, and the region that it has there."""
    return CachedPlane(view.image_id, view.plane, halved), region.halved() if halved else region


def predicted_tile(
    predictor: Predictor, planes: NormalisedPlanes, view: View, region: Region, halved: bool
) -> tuple[UInt8[np.ndarray, "h w"], bytes]:
    """Return the class ids of a region and the map that the view asks for, if it does."""
    plane = planes.with_context(view.plane, predictor.context_planes)
    source = HalvedPlane(plane) if halved else plane
    _, part = tile_of(view, region, halved)
    if view.map not in PREDICTED_MAPS:
        labels = predictor.classes(source, part)
        return _doubled(labels, region) if halved else labels, b""
    labels, probabilities = predictor.classes_and_probabilities(source, part)
    values = map_values(view.map, view.class_id, predictor.class_ids, probabilities)
    if halved:
        labels, values = _doubled(labels, region), _doubled(values, region)
    return labels, values.tobytes()


def _doubled(values: UInt8[np.ndarray, "h w"], region: Region) -> UInt8[np.ndarray, "y x"]:
    """Enlarge what was predicted for a halved plane to the size of the region."""
    height, width = region.shape
    return values.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
