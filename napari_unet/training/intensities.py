"""Changes the intensities of tiles on the device, in the order of a microscope: blur, gamma, contrast, noise."""

import numpy as np
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from napari_unet.dataset.augmentation import Intensities
from napari_unet.images.normalisation import CLIP
from napari_unet.network.transfer import on_device
from napari_unet.training.noise import normal_noise

_TRUNCATE = 3.0  # standard deviations at which a blur ends


def with_intensities(
    pixels: Float32[Tensor, "b c y x"], changes: Intensities, random: np.random.Generator
) -> Float32[Tensor, "b c y x"]:
    """Blur, change gamma, contrast and brightness, add noise; values in [-3, 3]."""
    device = pixels.device
    varied = _blurred(pixels, changes.blur) if changes.blur.any() else pixels
    exponents, factors, offsets = (
        on_device(each, device)[..., None, None] for each in (changes.exponents, changes.factors, changes.offsets)
    )
    if (changes.exponents != 1).any():
        varied = _with_gamma(varied, exponents)
    varied = varied * factors + offsets
    if changes.noise.any():
        noise = normal_noise(tuple(pixels.shape), device, random)
        varied = varied + noise * on_device(changes.noise, device)[:, None, None, None]
    return varied.clamp(-CLIP, CLIP)


def _with_gamma(pixels: Float32[Tensor, "b c y x"], exponents: Float32[Tensor, "b c 1 1"]) -> Tensor:
    """Map pixels p between -1 and 1 to ((p + 1) / 2) ** exponent on the same range; all others stay."""
    share = ((pixels + 1) / 2).clamp(0, 1)
    return pixels + 2 * (share**exponents - share)


def _blurred(pixels: Float32[Tensor, "b c y x"], deviations: Float32[np.ndarray, " b"]) -> Tensor:
    """Blur the tiles whose standard deviation is above 0 with a Gaussian; at the rim the last pixel is repeated."""
    tiles = np.flatnonzero(deviations)
    reach = _TRUNCATE * deviations[tiles, None] + 0.5
    along = np.arange(-int(reach.max()), int(reach.max()) + 1)
    bells = np.exp(-(along**2) / (2 * deviations[tiles, None] ** 2)) * (abs(along) <= reach)
    bells /= bells.sum(axis=1, keepdims=True)
    chosen = on_device(tiles, pixels.device)
    shown = pixels[chosen]
    count, channels, height, width = shown.shape
    kernel = on_device(np.repeat(bells, channels, axis=0).astype(np.float32), pixels.device)
    groups = count * channels
    smooth = functional.pad(shown.reshape(1, groups, height, width), [len(along) // 2] * 4, mode="replicate")
    smooth = functional.conv2d(smooth, kernel[:, None, :, None], groups=groups)
    smooth = functional.conv2d(smooth, kernel[:, None, None, :], groups=groups)
    return pixels.index_copy(0, chosen, smooth.reshape(shown.shape))
