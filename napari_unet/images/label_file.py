"""Files of labels and masks, opened for their numbers rather than as pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unet.images.image import Image
from napari_unet.images.reading import open_image


def open_labels(path: Path) -> Image:
    """Open a file as numbers: the indices of a palette, and grey values without an alpha channel that hides nothing.

    Programs for drawing save grey pictures with such a channel. Where it hides a pixel, nobody knows what that means.

    Raises
    ------
    UserError
        as ``open_image``
    """
    labels = open_image(path, expand_palette=False)
    if not labels.alpha or labels.all_channels != 1:
        return labels
    axis = labels.axes.index("c")
    grey, alpha = (np.take(np.asarray(labels.pixels), sample, axis) for sample in (0, 1))
    is_opaque = bool((alpha == np.iinfo(alpha.dtype).max).all()) if alpha.dtype.kind == "u" else False
    return replace(labels, pixels=grey, axes=labels.axes.replace("c", ""), alpha=False) if is_opaque else labels
