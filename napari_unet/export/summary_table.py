"""Number, areas and density of the objects of each class in each plane."""

import math

import numpy as np

from napari_unet.evaluation.estimated_dice import EstimatedDice, area_bounds
from napari_unet.export.segmentation import Segmentation, named_values
from napari_unet.images.image import PixelSize
from napari_unet.objects.measurements import Measurement, unit_in_names

_ESTIMATED = (
    "mask_area_fraction_low",
    "mask_area_fraction_high",
    "estimated_dice",
    "estimated_dice_low",
    "estimated_dice_high",
)


def summarise(segmentation: Segmentation) -> list[Measurement]:
    """Return a row for each plane and class but that of mask value 0, the background.

    ``mask_area`` counts the pixels of the class in the exported mask, ``object_area`` those of its objects: an object
    that is left out has no object area, a hole that is filled and a border pixel that is given to an object have.
    """
    image, objects = segmentation.image, segmentation.objects
    unit = unit_in_names(image.pixel_size)
    plane_area = image.height * image.width
    pixel_area = image.pixel_size.y * image.pixel_size.x
    classes = len(segmentation.classes)
    foreground = [(value, style) for value, style in named_values(segmentation.classes) if value > 0]
    whole = np.bincount(segmentation.mask.ravel(), minlength=classes)  # what the estimated Dice is of
    rows: list[Measurement] = []
    for plane, numbers in enumerate(objects.numbers):
        present = objects.values[np.unique(numbers)]  # of the background too, whose value is 0
        of_mask = np.bincount(segmentation.mask[plane].ravel(), minlength=classes)
        of_objects = np.bincount(objects.values[numbers].ravel(), minlength=classes)
        for value, style in foreground:
            count, in_mask, area = int((present == value).sum()), int(of_mask[value]), int(of_objects[value])
            row: Measurement = {"image": image.name, "plane": plane, "class": value, "class_name": style.name}
            row |= {"objects": count, "mask_area_px": in_mask, "mask_area_fraction": in_mask / plane_area}
            row |= _estimated(segmentation.estimates.get(value), in_mask / plane_area, int(whole[value]) / plane_area)
            row |= {"object_area_px": area, "object_area_fraction": area / plane_area}
            row |= {"mean_object_area_px": area / count if count else math.nan, "objects_per_px2": count / plane_area}
            if unit:
                row |= {f"mask_area_{unit}2": in_mask * pixel_area, f"object_area_{unit}2": area * pixel_area}
                row |= {f"objects_per_{unit}2": count / (plane_area * pixel_area)}
            rows.append(row)
    return rows


def _estimated(estimate: EstimatedDice | None, fraction: float, whole: float) -> Measurement:
    """Return how far the share of the area can be trusted, NaN where nobody knows; ``whole`` is that of all planes."""
    bounds = None if estimate is None else area_bounds(fraction, estimate, whole)
    if estimate is None or bounds is None:
        return dict.fromkeys(_ESTIMATED, math.nan)
    known = (bounds[0], min(1.0, bounds[1]), estimate.value, estimate.low, estimate.high)
    return {name: math.nan if value is None else value for name, value in zip(_ESTIMATED, known, strict=True)}


def summary_columns(pixel_size: PixelSize) -> list[str]:
    """Return the column names of the summary, in order, also where there is no class but the background."""
    unit = unit_in_names(pixel_size)
    names = ["image", "plane", "class", "class_name", "objects"]
    names += ["mask_area_px", "mask_area_fraction", *_ESTIMATED, "object_area_px", "object_area_fraction"]
    names += ["mean_object_area_px", "objects_per_px2"]
    return [*names, *([f"{name}_{unit}2" for name in ("mask_area", "object_area", "objects_per")] if unit else [])]
