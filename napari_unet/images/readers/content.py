"""The parts of an image as a reader found them in a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from napari_unet.images.image import PixelSize
from napari_unet.images.lazy_array import Sliceable


@dataclass(frozen=True)
class Content:
    """Hold an array, the names of its axes, and what else the file says of the image.

    Attributes
    ----------
    pixels : array-like with shape, dtype and slicing; axes of length 1 are still there
    axes : one name per axis of ``pixels``, as the file has it
    pixel_size : of y and x, and the distance of slices
    alpha : the last sample is an alpha channel
    coarser : the same pixels with fewer rows and columns each time
    channel_names : of all channels; () where the file names none
    notices : one coded line for each thing that the user should know of how the file was read
    names_axes : the file names its axes; they are guessed from the shape otherwise
    """

    pixels: Sliceable
    axes: Sequence[str]
    pixel_size: PixelSize = field(default_factory=PixelSize)
    alpha: bool = False
    coarser: Sequence[Sliceable] = ()
    channel_names: Sequence[str] = ()
    notices: tuple[str, ...] = ()
    names_axes: bool = True
