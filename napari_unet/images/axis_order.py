"""Order of the axes of labels or a mask, as another image over the same planes has them."""

from napari_unet.images.image import Image


def mask_axes(image: Image) -> str:
    """Return the axes of labels or of a mask over an image: plane axes longer than 1, then y and x."""
    return "".join(axis for axis in image.plane_axes if image.pixels.shape[image.axes.index(axis)] != 1) + "yx"


def axis_order(labels: Image, image: Image) -> tuple[int, ...] | None:
    """Return which axis of ``labels`` stands for each axis of a mask over ``image``, for ``numpy.transpose``.

    Where both name as many axes, names count: one that is called differently stands for the only one that is left, as
    programs save slices as times. None where two or more are called differently, so that their order is not known.
    Otherwise, as beside NPY files, plane axes stay in the order that they have. So they do where labels have channels:
    programs that are not told the axes of an array call them so (tifffile: z, c), and labels of channels hardly exist.
    """
    samples = "c" if labels.axes.endswith("c") else ""  # of a colour picture, which are no planes
    wanted, names = mask_axes(image), "".join(axis for axis in labels.axes.removesuffix("c") if axis not in "yx") + "yx"
    named = labels.names_axes and image.names_axes and "c" not in labels.axes
    if named and len(names) == len(wanted):
        others = [axis for axis in names if axis not in wanted]
        if len(others) > 1:
            return None
        names = "".join(axis if axis in names else others[0] for axis in wanted)
    return tuple(labels.axes.index(axis) for axis in names + samples)
