"""The part of a plane that our layers lie over: all of it, or of a large one a part that follows the user."""

from napari_unet.images.image import LARGE
from napari_unet.images.tiles import Region
from napari_unet.project.image_record import ImageRecord

SIDE = 4096  # px of the part


def first_cover(record: ImageRecord) -> Region:
    """Return the whole plane of an image, or the middle of a large one."""
    height, width = record.annotation_shape[-2:]
    whole = Region(0, 0, height, width)
    return cover_around(whole, whole) if height * width > LARGE else whole


def cover_around(visible: Region, plane: Region) -> Region:
    """Return the part of a large plane to cover, with what is visible in its middle as far as the rim allows."""
    (height, width), (y, x) = plane.shape, ((visible.y0 + visible.y1) // 2, (visible.x0 + visible.x1) // 2)
    rows, columns = min(SIDE, height), min(SIDE, width)
    y0, x0 = min(max(y - rows // 2, 0), height - rows), min(max(x - columns // 2, 0), width - columns)
    return Region(y0, x0, y0 + rows, x0 + columns)


def can_cover(visible: Region) -> bool:
    """Tell whether all that is visible of a large plane can be covered at once."""
    return max(visible.shape) <= SIDE
