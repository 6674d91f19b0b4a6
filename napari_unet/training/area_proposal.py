"""Places for test areas that the program proposes: at random, or where the network is least sure."""

from collections.abc import Iterable, Iterator

import numpy as np

from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project
from napari_unet.project.split import BUFFER_ZONE

# px; sixteen areas of this side say as much of an image as eight of twice the side, which are twice as many pixels.
_SIDE = 64
_SHARE = 3  # an area is at most so much of the shorter side of a plane
_TRIES = 500  # places drawn at random, until one is free
_PLANES = 20  # of an image, drawn at random, until one has a place that is free


def area_side(height: int, width: int) -> int:
    """Return the side, in px, of the areas that are proposed on a plane of this size."""
    return max(1, min(_SIDE, min(height, width) // _SHARE))


def random_planes(project: Project, random: np.random.Generator) -> Iterator[PlaneKey]:
    """Yield planes at random, so that areas on the first ones speak for all images of the project.

    An image comes the sooner, the larger it is and the fewer areas at random it has. So every pixel of the project has
    about the same chance, and the areas are spread over the images.
    """
    records = project.images.all()
    checks = {image_id: project.area_checks.of(image_id) for image_id in project.area_checks.image_ids()}
    sizes = np.array([float(np.prod(record.annotation_shape)) for record in records])
    areas = [sum(check.origin == "random" for check in checks.get(record.id, ())) for record in records]
    # Of random numbers from an exponential distribution, each divided by the size of an image, the smallest is that of
    # an image with a chance in proportion to its size: so is the first image, while there are no areas.
    waiting = (np.array(areas) + random.exponential(size=len(records))) / sizes
    for i in np.argsort(waiting):
        planes = random.permutation(records[i].planes)[:_PLANES]
        yield from ((records[i].id, int(plane)) for plane in planes)


def random_area(annotations: Annotations, key: PlaneKey, random: np.random.Generator) -> Region | None:
    """Draw a place without a stroke in or near it; None where none was found."""
    shape = _shape(annotations, key)
    for _ in range(_TRIES):
        area = random_square(shape, area_side(*shape), random)
        if is_free(annotations, key, area):
            return area
    return None


def random_square(shape: tuple[int, int], side: int, random: np.random.Generator) -> Region:
    """Draw a square around a pixel at random, moved into the plane where it would reach out of it.

    So pixels at the frame are in it about as often as those in the middle: were all squares inside the plane equally
    likely, few of them would hold the frame.
    """
    y, x = (int(random.integers(length)) for length in shape)
    return _square_around((y, x), shape, side)


def least_sure_area(annotations: Annotations, key: PlaneKey, ranked: Iterable[Region]) -> Region | None:
    """Return the middle of the first tile in which no stroke lies, with the size of an area; None where all have one.

    Tiles at the rim may be a few pixels high or wide, which is too little to see what is right and to correct it. So
    the area is moved into the plane rather than cut.

    Parameters
    ----------
    ranked : tiles of the plane, the least sure first
    """
    shape = _shape(annotations, key)
    for tile in ranked:
        middle = (tile.y0 + tile.y1) // 2, (tile.x0 + tile.x1) // 2
        area = _square_around(middle, shape, area_side(*shape))
        if is_free(annotations, key, area):
            return area
    return None


def is_free(annotations: Annotations, key: PlaneKey, area: Region) -> bool:
    """Tell whether neither strokes, which the network has learned, nor other test areas lie in or near an area."""
    around = area.grown(BUFFER_ZONE).clipped(*_shape(annotations, key))
    painted = annotations.planes.get(key)
    others = annotations.project.test_areas.of(key[0]).get(key[1], ())
    is_painted = painted is not None and bool(painted.labels[around.slices].any())
    return not is_painted and not any(other.intersects(around) for other in others)


def _square_around(middle: tuple[int, int], shape: tuple[int, int], side: int) -> Region:
    """Return the square around a pixel, moved into the plane where it would reach out of it."""
    y, x = (min(max(pixel - side // 2, 0), length - side) for pixel, length in zip(middle, shape, strict=True))
    return Region(y, x, y + side, x + side)


def _shape(annotations: Annotations, key: PlaneKey) -> tuple[int, int]:
    height, width = annotations.project.images.get(key[0]).annotation_shape[-2:]
    return height, width
