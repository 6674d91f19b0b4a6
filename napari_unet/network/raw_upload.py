"""Upload of raw pixels that are normalised on the device, in exactly the numbers of ``Normalisation.apply``."""

import numpy as np
import torch
from jaxtyping import Float32, Num
from torch import Tensor

from napari_unet.images.normalisation import CLIP, Normalisation, is_wide
from napari_unet.network.device import Device
from napari_unet.network.transfer import on_device, upload

_NO_FLOAT64 = {"mps"}


@torch.inference_mode()
def upload_normalised(
    pixels: Num[np.ndarray, "h w c"], normalisation: Normalisation, device: Device
) -> Float32[Tensor, "h w c"]:
    """Copy raw pixels to a device in their own type, and normalise them there.

    A device without float64 gets wide types, which need it, normalised by the host.
    """
    wide = is_wide(pixels.dtype)
    if wide and device.kind in _NO_FLOAT64:
        return upload(normalisation.apply(pixels), device)
    first = torch.float64 if wide else torch.float32
    low = on_device(np.asarray(normalisation.low, np.float64 if wide else np.float32), device.torch_device)
    scale = on_device(normalisation.scale, device.torch_device)
    normal = _numbers(upload(pixels, device), pixels.dtype, first).sub_(low).float().mul_(scale).sub_(1)
    normal.masked_fill_(scale == 0, 0)
    normal.clamp_(-CLIP, CLIP)
    if np.issubdtype(pixels.dtype, np.floating):
        missing = on_device(normalisation.missing, device.torch_device)
        return torch.where(normal.isnan(), missing, normal)
    return normal


def _numbers(bits: Tensor, dtype: "np.dtype[np.generic]", wanted: torch.dtype) -> Tensor:
    """Return a new tensor of the numbers that the bits mean in the type of the array that they came from."""
    match dtype:
        case np.uint16:
            return bits.to(torch.int32).bitwise_and_(0xFFFF).to(wanted)
        case np.uint32:
            return bits.to(torch.int64).bitwise_and_(0xFFFFFFFF).to(wanted)
        case np.uint64:  # two halves that are exact, so that only their sum is rounded
            high = (bits >> 32).bitwise_and_(0xFFFFFFFF).to(wanted).mul_(2.0**32)
            return high.add_((bits & 0xFFFFFFFF).to(wanted))
    return bits.to(wanted, copy=True)
