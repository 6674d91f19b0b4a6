"""Names of channels in the part "omero" of an OME-Zarr image, with the colour and range that it asks for with them."""

from typing import Any

import numpy as np

from napari_unet.images.image import Image
from napari_unet.images.normalisation import measure_normalisation

_GREY = "FFFFFF"
_COLOURS = ("FF0000", "00FF00", "0000FF", "FFFF00", "FF00FF", "00FFFF")


def omero_of(image: Image) -> dict[str, Any]:
    """Return "omero" for the channels that the image hands out; {} where they have no names.

    The range to show is that of the network: all but the 0.2 % darkest and brightest of some pixels.
    """
    names = [image.channel_names[number - 1] for number in image.channel_numbers if number <= len(image.channel_names)]
    if len(names) != image.channels or not all(names):
        return {}
    dtype, shown = image.read(0, slice(1), slice(1)).dtype, measure_normalisation(image)
    channels = []
    for place, (name, low, high) in enumerate(zip(names, shown.low, shown.high, strict=True)):
        end = high if high > low else low + 1
        limits = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else (low, end)
        channels.append(
            {
                "label": name,
                "color": _GREY if len(names) == 1 else _COLOURS[place % len(_COLOURS)],
                "active": True,
                "window": {"min": limits[0], "max": limits[1], "start": low, "end": end},
            }
        )
    return {"channels": channels}
