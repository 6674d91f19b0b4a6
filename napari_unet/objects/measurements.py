"""The objects of one plane as rows of numbers, units in the column names."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64, Int, Int32, Num, Shaped, UInt8
from skimage.measure import regionprops_table

from napari_unet.images.image import PixelSize

Measurement = dict[str, int | float | str]

_LENGTHS = {"perimeter": "perimeter", "major_axis": "axis_major_length", "minor_axis": "axis_minor_length"}
_SHARES = ("eccentricity", "solidity")
_BOX = ("top_px", "left_px", "bottom_px", "right_px")  # as slices: the object ends before bottom and right


def measure_plane(
    numbers: Int32[np.ndarray, "y x"],
    values: UInt8[np.ndarray, " objects_and_none"],
    pixels: Num[np.ndarray, "y x c"],
    pixel_size: PixelSize,
    class_names: Sequence[str],
    plane: int,
    channels: Sequence[int],
) -> list[Measurement]:
    """Measure every object of a plane, one row each, in the order of their numbers.

    Parameters
    ----------
    numbers : of the object at every pixel, 0 where there is none
    values : mask value (class - 1) of each object, indexed by its number
    pixels : the intensities under the objects; NaN is left out, and what is measured over NaN alone is NaN
    pixel_size : adds calibrated columns where its unit is known
    class_names : indexed by mask value
    plane : number written into the rows, from 0
    channels : numbers of the channels in ``pixels``, which the columns are named after

    Notes
    -----
    A centroid is the mean of pixel indices, so the centre of the first pixel is at 0, as in napari and scikit-image.
    Perimeter, axes, eccentricity and solidity are those of scikit-image's regionprops.
    """
    rows, columns = np.nonzero(numbers)
    present, index = np.unique(numbers[rows, columns], return_inverse=True)
    if present.size == 0:
        return []
    area = np.bincount(index)
    numeric = {
        "area_px": area,
        **_centroids(index, rows, columns),
        **_intensities(index, pixels[rows, columns], channels),
        **_shapes(numbers),
    }
    columns_of_table = measurement_columns(pixel_size, channels)
    table = {**numeric, **_calibrated(numeric, pixel_size)}
    return [
        {
            "object": number,
            "plane": plane,
            "class": int(values[number]),
            "class_name": class_names[int(values[number])],
            **{name: table[name][row].item() for name in columns_of_table[4:]},
        }
        for row, number in enumerate(present.tolist())
    ]


def measurement_columns(pixel_size: PixelSize, channels: Sequence[int]) -> list[str]:
    """Return the column names of a table of measurements, in order, also where there is no object to measure.

    Lengths are calibrated only where pixels are square. Intensities are those of the channels of these numbers.
    """
    unit = unit_in_names(pixel_size)
    names = ["object", "plane", "class", "class_name", "area_px"]
    names += [f"area_{unit}2"] if unit else []
    names += ["centroid_y_px", "centroid_x_px"]
    names += [f"centroid_y_{unit}", f"centroid_x_{unit}"] if unit else []
    names += [f"mean_intensity_c{channel}" for channel in channels]
    names += [f"{name}_intensity_c{channel}" for channel in channels for name in ("min", "max")]
    for name in _LENGTHS:
        names += [f"{name}_px", *([f"{name}_{unit}"] if unit and pixel_size.y == pixel_size.x else [])]
    return [*names, *_SHARES, *_BOX, "touches_frame"]


def unit_in_names(pixel_size: PixelSize) -> str:
    """Write the unit as column names and ImageJ spell it ("um" for every micrometre sign); "" where unknown."""
    # The micro sign U+00B5 and the Greek mu U+03BC look alike and are both in use.
    return pixel_size.unit.replace("\N{MICRO SIGN}", "u").replace("\u03bc", "u") if pixel_size.is_known else ""


def _calibrated(
    numeric: Mapping[str, Shaped[np.ndarray, " objects"]], pixel_size: PixelSize
) -> dict[str, Shaped[np.ndarray, " objects"]]:
    unit = unit_in_names(pixel_size)
    lengths = {f"{name}_{unit}": numeric[f"{name}_px"] * pixel_size.x for name in _LENGTHS}
    return {
        f"area_{unit}2": numeric["area_px"] * (pixel_size.y * pixel_size.x),
        f"centroid_y_{unit}": numeric["centroid_y_px"] * pixel_size.y,
        f"centroid_x_{unit}": numeric["centroid_x_px"] * pixel_size.x,
        **lengths,
    }


def _centroids(
    index: Int[np.ndarray, " n"], rows: Int[np.ndarray, " n"], columns: Int[np.ndarray, " n"]
) -> dict[str, Float64[np.ndarray, " objects"]]:
    area = np.bincount(index)
    places = {"centroid_y_px": rows, "centroid_x_px": columns}
    return {name: np.bincount(index, weights=place) / area for name, place in places.items()}


def _intensities(
    index: Int[np.ndarray, " n"], pixels: Num[np.ndarray, "n c"], channels: Sequence[int]
) -> dict[str, Shaped[np.ndarray, " objects"]]:
    order = np.argsort(index, kind="stable")
    firsts = np.flatnonzero(np.diff(index[order], prepend=-1))
    found: dict[str, Shaped[np.ndarray, " objects"]] = {}
    for channel, values in zip(channels, pixels.T, strict=True):
        found[f"mean_intensity_c{channel}"] = _mean(index, values)
        found[f"min_intensity_c{channel}"] = np.fmin.reduceat(values[order], firsts)
        found[f"max_intensity_c{channel}"] = np.fmax.reduceat(values[order], firsts)
    return found


def _mean(index: Int[np.ndarray, " n"], values: Num[np.ndarray, " n"]) -> Float64[np.ndarray, " objects"]:
    given = ~np.isnan(values)
    objects = int(index.max()) + 1
    total = np.bincount(index[given], weights=values[given], minlength=objects)
    count = np.bincount(index[given], minlength=objects)
    means = np.full(total.shape, np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means


def _shapes(numbers: Int32[np.ndarray, "y x"]) -> dict[str, Shaped[np.ndarray, " objects"]]:
    table = regionprops_table(numbers, properties=("bbox", *_LENGTHS.values(), *_SHARES))
    box = [table[f"bbox-{side}"] for side in range(4)]
    height, width = numbers.shape
    touches = (box[0] == 0) | (box[1] == 0) | (box[2] == height) | (box[3] == width)
    return {
        **{f"{name}_px": table[of_skimage] for name, of_skimage in _LENGTHS.items()},
        **{name: table[name] for name in _SHARES},
        **dict(zip(_BOX, box, strict=True)),
        "touches_frame": touches.astype(int),
    }
