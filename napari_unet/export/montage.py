"""A picture to check a result by: planes of an image, as they are and with the outlines of their objects."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngImageFile
from skimage.segmentation import find_boundaries

from napari_unet.export.segmentation import Segmentation
from napari_unet.export.verified import array_difference, write_verified
from napari_unet.images.thumbnail import thumbnail, thumbnail_step

_SIDE = 512  # px of the longer side of a plane in the picture, up to twice that
_PLANES = 6  # of a stack, evenly spaced
_GAP = 4  # px between pictures
_GREY = 128


def write_montage(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write ``base`` + "-montage.png": one row for each plane, at most six, without and with outlines."""
    picture = _montage(segmentation)

    def difference(temporary: Path) -> str:
        with PngImageFile(temporary) as found:
            return array_difference(np.asarray(found), picture)

    return [
        write_verified(
            base.with_name(f"{base.name}-montage.png"), lambda path: write_picture(path, picture), difference
        )
    ]


def write_picture(path: Path, picture: UInt8[np.ndarray, "y x 3"]) -> None:
    """Write a picture as PNG."""
    PillowImage.fromarray(picture).save(path, format="PNG")


def _montage(segmentation: Segmentation) -> UInt8[np.ndarray, "y x 3"]:
    planes = np.unique(np.linspace(0, segmentation.image.planes - 1, _PLANES).round().astype(int))
    rows = [_row(segmentation, int(plane)) for plane in planes]
    return np.concatenate([rows[0], *(part for row in rows[1:] for part in (_gap(_GAP, row.shape[1]), row))])


def _row(segmentation: Segmentation, plane: int) -> UInt8[np.ndarray, "y x 3"]:
    image = replace(segmentation.image, coarser=())  # outlines lie on the pixels that objects were found in
    shown = thumbnail(image, _SIDE, plane)
    every = slice(None, None, thumbnail_step(image, _SIDE))
    numbers = segmentation.objects.numbers[plane, every, every]
    return np.concatenate([shown, _gap(len(shown), _GAP), _outlined(shown, numbers, segmentation)], axis=1)


def _outlined(
    shown: UInt8[np.ndarray, "y x 3"], numbers: Int32[np.ndarray, "y x"], segmentation: Segmentation
) -> UInt8[np.ndarray, "y x 3"]:
    colours = np.array([style.colour for style in segmentation.classes], np.uint8)
    rim = find_boundaries(numbers, mode="inner", background=0)
    outlined = shown.copy()
    outlined[rim] = colours[segmentation.objects.values[numbers[rim]]]
    return outlined


def _gap(height: int, width: int) -> UInt8[np.ndarray, "y x 3"]:
    return np.full((height, width, 3), _GREY, np.uint8)
