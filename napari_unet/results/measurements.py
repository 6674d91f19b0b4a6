"""The objects of one plane as rows of numbers, units in the column names."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int, Num, Shaped, UInt8

from napari_unet.images.image import PixelSize
from napari_unet.results.objects import label_objects

Measurement = dict[str, int | float | str]


def measure_plane(
    mask: UInt8[np.ndarray, "y x"],
    pixels: Num[np.ndarray, "y x c"],
    pixel_size: PixelSize,
    class_names: Sequence[str],
    plane: int,
) -> list[Measurement]:
    """Measure every object of a mask, one row each, in the order of their numbers.

    Parameters
    ----------
    mask : class - 1 at every pixel, 0 is background
    pixels : the intensities under the mask; NaN is left out of the means, a mean over NaN alone is NaN
    pixel_size : adds calibrated columns where its unit is known
    class_names : indexed by mask value
    plane : number written into the rows, from 0; objects are numbered from 1 within each plane

    Notes
    -----
    A centroid is the mean of pixel indices, so the centre of the first pixel is at 0, as in napari and scikit-image.
    """
    objects = label_objects(mask)
    rows, columns = np.nonzero(objects)
    numbers = objects[rows, columns]
    area = np.bincount(numbers)[1:]
    value = _value_of_objects(numbers, mask[rows, columns])
    numeric = {
        "area_px": area,
        **_calibrated_areas(area, pixel_size),
        **_centroids(numbers, rows, columns, pixel_size),
        **_means(numbers, pixels[rows, columns]),
    }
    return [
        {
            "object": index + 1,
            "plane": plane,
            "class": int(value[index]),
            "class_name": class_names[int(value[index])],
            **{name: column[index].item() for name, column in numeric.items()},
        }
        for index in range(len(area))
    ]


def measurement_columns(pixel_size: PixelSize, channels: int) -> list[str]:
    """Column names of a table of measurements, in order, also where there is no object to measure."""
    unit = unit_in_names(pixel_size)
    names = ["object", "plane", "class", "class_name", "area_px"]
    names += [f"area_{unit}2"] if unit else []
    names += ["centroid_y_px", "centroid_x_px"]
    names += [f"centroid_y_{unit}", f"centroid_x_{unit}"] if unit else []
    return names + [f"mean_intensity_c{channel}" for channel in range(1, channels + 1)]


def unit_in_names(pixel_size: PixelSize) -> str:
    """Write the unit as column names and ImageJ spell it ("um" for every micrometre sign); "" where unknown."""
    # The micro sign U+00B5 and the Greek mu U+03BC look alike and are both in use.
    return pixel_size.unit.replace("\N{MICRO SIGN}", "u").replace("\u03bc", "u") if pixel_size.is_known else ""


def _value_of_objects(numbers: Int[np.ndarray, " n"], values: UInt8[np.ndarray, " n"]) -> UInt8[np.ndarray, " objects"]:
    # All pixels of an object have the same value, so whichever is written last is right.
    of_object = np.zeros(numbers.max(initial=0) + 1, dtype=np.uint8)
    of_object[numbers] = values
    return of_object[1:]


def _calibrated_areas(
    area: Int[np.ndarray, " objects"], pixel_size: PixelSize
) -> dict[str, Shaped[np.ndarray, " objects"]]:
    unit = unit_in_names(pixel_size)
    return {f"area_{unit}2": area * (pixel_size.y * pixel_size.x)} if unit else {}


def _centroids(
    numbers: Int[np.ndarray, " n"], rows: Int[np.ndarray, " n"], columns: Int[np.ndarray, " n"], pixel_size: PixelSize
) -> dict[str, Float64[np.ndarray, " objects"]]:
    area = np.bincount(numbers)[1:]
    y = np.bincount(numbers, weights=rows)[1:] / area
    x = np.bincount(numbers, weights=columns)[1:] / area
    unit = unit_in_names(pixel_size)
    calibrated = {f"centroid_y_{unit}": y * pixel_size.y, f"centroid_x_{unit}": x * pixel_size.x} if unit else {}
    return {"centroid_y_px": y, "centroid_x_px": x, **calibrated}


def _means(
    numbers: Int[np.ndarray, " n"], pixels: Num[np.ndarray, "n c"]
) -> dict[str, Float64[np.ndarray, " objects"]]:
    return {f"mean_intensity_c{c + 1}": _mean(numbers, pixels[:, c]) for c in range(pixels.shape[1])}


def _mean(numbers: Int[np.ndarray, " n"], values: Num[np.ndarray, " n"]) -> Float64[np.ndarray, " objects"]:
    given = ~np.isnan(values)
    objects = numbers.max(initial=0) + 1
    total = np.bincount(numbers[given], weights=values[given], minlength=objects)[1:]
    count = np.bincount(numbers[given], minlength=objects)[1:]
    means = np.full(total.shape, np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means
