"""The example in a model package: the pixels that its network is shown, and the picture on its cover."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from napari_unet.images.image import Image
from napari_unet.images.normalisation import measure_normalisation
from napari_unet.images.npy_file import fill_npy
from napari_unet.images.thumbnail import thumbnail
from napari_unet.images.tiles import Region, read_mirrored
from napari_unet.network.unet import Architecture


def normalised(raw: Float32[np.ndarray, "b c y x"]) -> Float32[np.ndarray, "b c y x"]:
    """Normalise raw pixels as the steps before the network do."""
    planes = [Image("example", np.moveaxis(each, 0, 2), "yxc") for each in raw]
    return np.stack([np.moveaxis(measure_normalisation(p).apply(p.read(0)), 2, 0) for p in planes])


def least_side(architecture: Architecture) -> int:
    """Return the smallest side of an input with pixels that lie farther from the rim than the network sees."""
    return architecture.fitting(2 * architecture.rim + 1)


def example_input(image: Image, architecture: Architecture) -> Float32[np.ndarray, "1 c y x"]:
    """Return the middle of the first plane and of its context planes, mirrored where it is too small."""
    side = least_side(architecture) + architecture.stride
    y0, x0 = (image.height - side) // 2, (image.width - side) // 2
    around = image.with_context(0, architecture.context_planes)
    planes = np.concatenate([np.nan_to_num(image.read(plane).astype(np.float32)) for plane in around], axis=2)
    pixels = read_mirrored(planes, Region(y0, x0, y0 + side, x0 + side))
    return np.ascontiguousarray(np.moveaxis(pixels, 2, 0)[np.newaxis])


def write_example(
    folder: Path, raw: Float32[np.ndarray, "b c y x"], probabilities: Float32[np.ndarray, "b k h w"]
) -> None:
    """Write the input of the network, and what it answers, as "test-input.npy" and "test-output.npy"."""
    fill_npy(folder / "test-input.npy", raw)
    fill_npy(folder / "test-output.npy", probabilities)


def cover(raw: Float32[np.ndarray, "c y x"], classes: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w2 3"]:
    """Draw the example beside its classes."""
    shown = thumbnail(Image("cover", raw, "cyx"), max(raw.shape))
    rim = [(side - inner) // 2 for side, inner in zip(shown.shape, classes.shape, strict=True)][:2]
    middle = shown[rim[0] : rim[0] + classes.shape[0], rim[1] : rim[1] + classes.shape[1]]
    return np.concatenate([middle, classes], axis=1)
