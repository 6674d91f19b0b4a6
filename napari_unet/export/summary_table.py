"""Number, area and density of the objects of each class in each plane."""

import math

import numpy as np

from napari_unet.export.segmentation import Segmentation
from napari_unet.images.image import PixelSize
from napari_unet.objects.measurements import Measurement, unit_in_names


def summarise(segmentation: Segmentation) -> list[Measurement]:
    """Return a row for each plane and class but the background; areas, and ``area_fraction``, are those of objects."""
    image, objects = segmentation.image, segmentation.objects
    unit = unit_in_names(image.pixel_size)
    plane_area = image.height * image.width
    pixel_area = image.pixel_size.y * image.pixel_size.x
    rows: list[Measurement] = []
    for plane, numbers in enumerate(objects.numbers):
        present = objects.values[np.unique(numbers)]  # of the background too, whose value is 0
        pixels = np.bincount(objects.values[numbers].ravel(), minlength=len(segmentation.classes))
        for value, style in list(enumerate(segmentation.classes))[1:]:
            count, area = int((present == value).sum()), int(pixels[value])
            row: Measurement = {"image": image.name, "plane": plane, "class": value, "class_name": style.name}
            row |= {"objects": count, "area_px": area, "area_fraction": area / plane_area}
            row |= {"mean_area_px": area / count if count else math.nan, "objects_per_px2": count / plane_area}
            if unit:
                row |= {f"area_{unit}2": area * pixel_area, f"objects_per_{unit}2": count / (plane_area * pixel_area)}
            rows.append(row)
    return rows


def summary_columns(pixel_size: PixelSize) -> list[str]:
    """Return the column names of the summary, in order, also where there is no class but the background."""
    unit = unit_in_names(pixel_size)
    names = ["image", "plane", "class", "class_name", "objects", "area_px", "area_fraction", "mean_area_px"]
    return [*names, "objects_per_px2", *([f"area_{unit}2", f"objects_per_{unit}2"] if unit else [])]
