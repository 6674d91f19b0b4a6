"""The axes that a user corrected of an image, which the network that learned from it remembers."""

from pathlib import Path

import msgspec

from napari_unet.images.image import PixelSize
from napari_unet.project.image_record import ImageRecord


class CorrectedAxes(msgspec.Struct, frozen=True):
    """The axes of an image as its file names them and as they were corrected.

    Attributes
    ----------
    axes : as the user corrected them, one letter each
    found_axes : as the file names them
    shape : of the pixels
    alpha : under ``found_axes`` the last channel is an alpha channel
    """

    axes: str
    found_axes: str
    shape: tuple[int, ...]
    alpha: bool

    def __post_init__(self) -> None:
        for axes in (self.axes, self.found_axes):
            if not len(axes) == len(set(axes)) == len(self.shape) or not {"y", "x"} <= set(axes):
                raise ValueError("axes that cannot be")

    def as_record(self) -> ImageRecord:
        """Return what a project would remember of the image, as far as its axes go."""
        path, size = Path(), PixelSize()
        return ImageRecord(0, "", path, False, self.shape, "", self.axes, self.alpha, size, "", self.found_axes)


def corrected_axes_of(record: ImageRecord) -> CorrectedAxes | None:
    """Return what a network remembers of the axes of an image; None where they are as its file says."""
    if record.axes == record.found_axes:
        return None
    return CorrectedAxes(record.axes, record.found_axes, record.shape, record.alpha)
