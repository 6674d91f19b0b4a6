"""Classes of every plane of an image, held in memory."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, UInt8

from napari_unet.counted import counted
from napari_unet.errors import UserError
from napari_unet.images.plane_pixels import PlanePixels
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.rescaling import UNCHANGED, rescaled, scaled_back
from napari_unet.network.inference import Predictor
from napari_unet.prediction.plane import predict_probabilities, resumable_plane
from napari_unet.prediction.resumable import Resumable, run_to_end, shares_of

PlaneDone = Callable[[int, UInt8[np.ndarray, "y x"]], object]


def predict_mask(
    predictor: Predictor,
    planes: NormalisedPlanes,
    tile: int | None = None,
    factors: tuple[float, float] = UNCHANGED,
) -> UInt8[np.ndarray, "planes y x"]:
    """Return class - 1 at every pixel of every plane.

    Parameters
    ----------
    tile : side in pixels, which changes no pixel; None for the largest that the memory takes
    factors : the network sees the image with so many times its rows and columns
    """
    return run_to_end(resumable_mask(predictor, planes, tile, factors))


def resumable_mask(
    predictor: Predictor,
    planes: NormalisedPlanes,
    tile: int | None,
    factors: tuple[float, float],
    plane_done: PlaneDone = lambda plane, mask: None,
) -> Resumable[UInt8[np.ndarray, "planes y x"]]:
    """Make the mask of ``predict_mask`` a tile at a time; ``plane_done`` gets the mask of each plane that is whole."""
    image = planes.image
    mask = np.zeros((image.planes, image.height, image.width), np.uint8)
    for plane in range(image.planes):
        pixels = _seen(planes, plane, predictor.context_planes, factors)
        found = yield from shares_of(resumable_plane(predictor, pixels, tile), plane, image.planes)
        np.subtract(scaled_back(found, image.height, image.width), 1, out=mask[plane])
        plane_done(plane, mask[plane])
    return mask


def predict_all_probabilities(
    predictor: Predictor, planes: NormalisedPlanes, tile: int | None, factors: tuple[float, float]
) -> Float32[np.ndarray, "planes k y x"]:
    """Return the probability of every class at every pixel of every plane; parameters as ``predict_mask``."""
    image = planes.image
    seen = (_seen(planes, plane, predictor.context_planes, factors) for plane in range(image.planes))
    return np.stack(
        [scaled_back(predict_probabilities(predictor, each, tile), image.height, image.width) for each in seen]
    )


def _seen(planes: NormalisedPlanes, plane: int, context_planes: int, factors: tuple[float, float]) -> PlanePixels:
    """Return a plane as the network sees it: raw, to be normalised on the device, unless it is rescaled."""
    if factors == UNCHANGED:
        return planes.raw(plane, context_planes)
    return rescaled(planes.with_context(plane, context_planes), factors)


def check_channels(predictor: Predictor, planes: NormalisedPlanes) -> None:
    """Refuse an image with another number of channels than the network learned on.

    Raises
    ------
    UserError
        NU-I08
    """
    wanted, image = predictor.network.architecture.image_channels, planes.image
    if wanted == image.channels:
        return
    learned = f"the network learned on {counted(wanted, 'channel')}"
    what = f"{learned}, the image has {image.all_channels}"
    fix = "choose an image of the same kind or train on this one"
    if image.chosen and wanted <= image.all_channels:
        what = f"{learned}, and {image.channels} of {image.all_channels} are chosen"
        fix = f"choose {wanted}"
    raise UserError("NU-I08", what, image.name, fix)
