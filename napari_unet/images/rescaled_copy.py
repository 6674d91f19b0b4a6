"""A copy of an image at another pixel size, to be an image of its own."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Shaped
from scipy import ndimage

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.rescaling import rescaled, rescaled_shape, scaled_back

MOST_BYTES = 2**29  # limit of the copy, and of a plane while it is resampled


def refuse_large_copy(image: Image, factors: tuple[float, float]) -> None:
    """Refuse a copy that would take more memory than a window should.

    Raises
    ------
    UserError
        NU-I17 with the size of the copy.
    """
    height, width = rescaled_shape(image.height, image.width, factors)
    values = image.all_channels * max(image.height * image.width, height * width)
    copied = image.planes * image.all_channels * height * width * np.dtype(image.pixels.dtype).itemsize
    if max(copied, values * _kind(image).itemsize) > MOST_BYTES:
        what = f"a copy of {image.planes} x {height} x {width} pixels takes more than {MOST_BYTES // 2**20} MiB"
        raise UserError(
            "NU-I17", what, image.name, "rescale the file before you open it, or see `napari-unet predict --rescale`"
        )


def rescaled_copy(image: Image, factors: tuple[float, float], name: str) -> Image:
    """Rescale all planes and channels by factors of rows and columns, in memory; range and type stay.

    NaN and infinities stay at the nearest pixels. An alpha channel is left out.

    Raises
    ------
    UserError
        NU-I17 as ``refuse_large_copy``, and when there is not enough memory all the same.
    """
    refuse_large_copy(image, factors)
    whole = replace(image, chosen=())
    try:
        planes = np.stack([_resampled(whole, plane, factors) for plane in range(image.planes)])
    except MemoryError as error:
        fix = "close other programs, or see `napari-unet predict --rescale`"
        raise UserError("NU-I17", "there is not enough memory for a copy", image.name, fix) from error
    height, width = planes.shape[1:3]
    order = [f"{image.plane_axes}yxc".index(axis) for axis in image.axes]
    shape = (*image.plane_shape, height, width, *([image.all_channels] if "c" in image.axes else []))
    size = image.pixel_size
    pixel_size = replace(size, y=size.y * image.height / height, x=size.x * image.width / width)
    pixels = np.ascontiguousarray(planes.reshape(shape).transpose(order))
    return Image(name, pixels, image.axes, pixel_size, channel_names=image.channel_names[: image.all_channels])


def _resampled(image: Image, plane: int, factors: tuple[float, float]) -> Shaped[np.ndarray, "h w c"]:
    pixels: Float[np.ndarray, "y x c"] = image.read(plane).astype(_kind(image))
    found = np.asarray(rescaled(_filled(pixels), factors))
    if not np.isfinite(pixels).all():
        nearest = np.moveaxis(scaled_back(np.moveaxis(pixels, 2, 0), *found.shape[:2]), 0, 2)
        found = np.where(np.isfinite(nearest), found, nearest)
    dtype = np.dtype(image.pixels.dtype).newbyteorder("=")
    return found.astype(dtype) if dtype.kind == "f" else np.rint(found).astype(dtype)


def _filled(pixels: Float[np.ndarray, "y x c"]) -> Float[np.ndarray, "y x c"]:
    """Replace NaN and infinities by the nearest number of their channel, so that nothing foreign mixes in."""
    is_number = np.isfinite(pixels)
    filled = np.where(is_number, pixels, 0).astype(pixels.dtype)
    for channel in np.flatnonzero(is_number.any(axis=(0, 1)) & ~is_number.all(axis=(0, 1))):
        missing = ~is_number[..., channel]
        rows, columns = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
        filled[..., channel] = pixels[rows, columns, channel]
    return filled


def _kind(image: Image) -> "np.dtype[np.floating]":
    """Return a floating type that holds every value of the type of the image."""
    return np.result_type(np.dtype(image.pixels.dtype).newbyteorder("="), np.float32)
