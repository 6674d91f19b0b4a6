"""The separate objects of a mask, numbered."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Bool, Float64, Int, Int32, Int64, UInt8
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

from napari_unet.config import Settings
from napari_unet.objects.links import link_planes
from napari_unet.objects.sizes import ClassSizes, of_counted_size

# Connected pieces, each as it is.
AS_PAINTED = Settings(object_split=0.0, object_minimum=0, object_holes=0, object_range=0)

_OBLIQUE = 0.9  # px that a gap may look wider where it runs across the grid; below 1, which the next wider one is
_SMOOTHING = 1.0  # px; the pixel grid makes false peaks of distance along straight sides
_Part = tuple[slice, slice]
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))  # y, x; each pair of touching pixels once


@dataclass(frozen=True, slots=True)
class Objects:
    """Numbered objects of all planes of a mask.

    Attributes
    ----------
    numbers : 0 where there is none; one number is one object of the whole image
    values : mask value (class - 1) of each object, indexed by its number; 0 at index 0
    sizes : typical size of each class, and what was left out for its size, indexed by mask value
    """

    numbers: Int32[np.ndarray, "planes y x"]
    values: UInt8[np.ndarray, " objects_and_none"]
    sizes: tuple[ClassSizes, ...] = ()

    @property
    def count(self) -> int:
        """Return the number of objects."""
        return len(self.values) - 1


def find_objects(
    mask: UInt8[np.ndarray, "planes y x"], settings: Settings, plane_axes: str = "z", plane_shape: tuple[int, ...] = ()
) -> Objects:
    """Number the objects of all planes from 1 on, plane after plane, each plane in reading order.

    Parameters
    ----------
    mask : class - 1 at every pixel, 0 is background
    settings : those that begin with ``object_`` count
    plane_axes, plane_shape : as of the image; where ``object_link`` is above 0, objects that overlap in neighbouring
        planes along z or t get one number
    """
    numbers = np.zeros(mask.shape, np.int32)
    values = [np.zeros(1, np.uint8)]
    count = 0
    for plane, of_plane in enumerate(mask):
        found, found_values = _objects_of_any_size(of_plane, settings)
        numbers[plane] = np.where(found > 0, found + count, 0)
        count += len(found_values) - 1
        values.append(found_values[1:])
    of_any_size = Objects(numbers, np.concatenate(values))
    if settings.object_link > 0 and len(mask) > 1:
        shape = plane_shape or mask.shape[:1]
        linked = link_planes(of_any_size.numbers, of_any_size.values, plane_axes, shape, settings.object_link)
        of_any_size = Objects(*linked)
    return _of_counted_size(of_any_size, settings)


def objects_of_plane(
    mask: UInt8[np.ndarray, "y x"], settings: Settings
) -> tuple[Int32[np.ndarray, "y x"], UInt8[np.ndarray, " objects_and_none"]]:
    """Return numbers and mask values of the objects of one plane, as ``find_objects`` of this plane alone."""
    objects = find_objects(mask[np.newaxis], settings)
    return objects.numbers[0], objects.values


def _objects_of_any_size(
    mask: UInt8[np.ndarray, "y x"], settings: Settings
) -> tuple[Int32[np.ndarray, "y x"], UInt8[np.ndarray, " objects_and_none"]]:
    """Return numbers and mask values of the objects of one plane, whatever size is typical.

    Holes are filled, touching objects of one class separated, the pixels of the border class and of the ridge given
    to the objects beside them, and objects below the smallest size or cut by the frame left out, in this order.
    """
    border = (mask == settings.object_border - 1) & (settings.object_border > 1)
    classes = np.where(border, 0, mask)
    numbers = np.zeros(mask.shape, np.int64)
    for value in np.unique(classes[classes > 0]):
        inside = _without_holes(classes == value, (classes == 0) & ~border, settings.object_holes)
        pieces = split_touching(inside, settings.object_split, settings.object_minimum)
        numbers[inside] = pieces[inside] + numbers.max()
        classes[inside] = value
    numbers = _with_border(numbers, border)
    numbers = _with_ridge(numbers, (classes == 0) & ~border, settings.object_ridge)
    return _renumbered(numbers, _kept(numbers, settings), classes)


def _of_counted_size(found: Objects, settings: Settings) -> Objects:
    """Leave out the objects whose size does not count, and number the others without gaps.

    The size of an object that is linked over planes is that in the plane where it is largest.
    """
    areas = np.zeros(len(found.values), np.int64)
    for plane in found.numbers:
        np.maximum(areas, np.bincount(plane.ravel(), minlength=len(areas)), out=areas)
    counts, sizes = of_counted_size(areas, found.values, settings)
    new = np.where(counts, np.cumsum(counts), 0).astype(np.int32)
    for plane in found.numbers:
        plane[...] = new[plane]
    return Objects(found.numbers, np.append(np.zeros(1, np.uint8), found.values[counts]), sizes)


def object_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that say what an object is, for records of how a result was made."""
    return {name: value for name, value in msgspec.to_builtins(settings).items() if name.startswith("object_")}


def label_objects(mask: UInt8[np.ndarray, "y x"]) -> Int32[np.ndarray, "y x"]:
    """Give each connected component of each class its own number 1..N; background (0) stays 0.

    Pixels that touch at an edge or a corner are connected; touching pixels of different classes are not.
    """
    return np.asarray(label(mask, background=0, connectivity=2), dtype=np.int32)


def split_touching(inside: Bool[np.ndarray, "y x"], narrow: float, smallest: int = 0) -> Int64[np.ndarray, "y x"]:
    """Number the pieces of a foreground, cut where a neck is narrow.

    Parameters
    ----------
    inside : what to cut
    narrow : necks below this share of the width of the narrower piece are cut; 0 cuts nothing, 1 every neck
    smallest : pixels; no cut makes a smaller piece

    Notes
    -----
    Width is told by the distance to the background, smoothed. Each of its peaks begins a piece (watershed), and
    pieces are joined again, widest neck first, where the neck is not narrow: the same pieces as those of h-maxima of
    the logarithm of the distance, so it does not matter how large objects are.
    """
    if narrow == 0 or not inside.any() or inside.all():
        return np.asarray(label(inside, connectivity=2), np.int64)
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(inside), _SMOOTHING) * inside
    # Padded, because scikit-image finds no maxima in images below 3 x 3.
    peaks = label(local_maxima(np.pad(depth, 1))[1:-1, 1:-1] & inside, connectivity=2)
    basins = np.asarray(watershed(-depth, peaks, mask=inside, connectivity=2), np.int64)
    joined = _join(basins, depth, narrow, smallest)
    return joined[basins]


def _join(
    basins: Int64[np.ndarray, "y x"], depth: Float64[np.ndarray, "y x"], narrow: float, smallest: int
) -> Int64[np.ndarray, " basins_and_none"]:
    """Return the piece that each basin belongs to."""
    peak = ndimage.maximum(depth, basins, np.arange(basins.max() + 1)).tolist()
    area = np.bincount(basins.ravel()).tolist()
    parent = list(range(len(area)))

    def root(basin: int) -> int:
        while parent[basin] != basin:
            parent[basin] = parent[parent[basin]]
            basin = parent[basin]
        return basin

    for first, second, neck in _necks(basins, depth):
        a, b = root(first), root(second)
        if a != b and (neck >= narrow * min(peak[a], peak[b]) or min(area[a], area[b]) < smallest):
            parent[b] = a
            peak[a] = max(peak[a], peak[b])
            area[a] += area[b]
    return np.array([root(basin) for basin in range(len(parent))], np.int64)


def _necks(basins: Int64[np.ndarray, "y x"], depth: Float64[np.ndarray, "y x"]) -> Iterator[tuple[int, int, float]]:
    """Give each pair of touching basins with the depth at the widest place where they touch, the widest first."""
    found = []
    for here, there in _touching_pairs(basins.shape):
        touching = (basins[here] != basins[there]) & (basins[here] > 0) & (basins[there] > 0)
        neck = np.minimum(depth[here], depth[there])[touching]
        found.append(np.stack([basins[here][touching], basins[there][touching], neck]))
    first, second, neck = np.concatenate(found, axis=1)
    order = np.argsort(-neck, kind="stable")
    return zip(first[order].astype(int).tolist(), second[order].astype(int).tolist(), neck[order].tolist(), strict=True)


def _touching_pairs(shape: tuple[int, ...]) -> Iterator[tuple[_Part, _Part]]:
    """Give the parts of a plane that lie over each other where it is moved by a pixel, for each kind of neighbour."""
    height, width = shape
    for dy, dx in _NEIGHBOURS:
        here = (slice(0, height - dy), slice(max(0, -dx), width - max(0, dx)))
        yield here, (slice(dy, height), slice(max(0, dx), width - max(0, -dx)))


def _without_holes(
    inside: Bool[np.ndarray, "y x"], background: Bool[np.ndarray, "y x"], largest: int
) -> Bool[np.ndarray, "y x"]:
    """Return the foreground without the holes that are background alone and have at most ``largest`` pixels."""
    if largest == 0:
        return inside
    gaps = label(~inside, connectivity=1)
    size = np.bincount(gaps.ravel())
    foreign = np.bincount(gaps[~background], minlength=len(size)) > 0  # of label 0 too, the foreground
    fill = (size <= largest) & ~foreign
    fill[_on_frame(gaps)] = False
    return inside | fill[gaps]


def _with_border(numbers: Int64[np.ndarray, "y x"], border: Bool[np.ndarray, "y x"]) -> Int64[np.ndarray, "y x"]:
    if not border.any():
        return numbers
    grown: Int64[np.ndarray, "y x"] = watershed(np.zeros(numbers.shape), numbers, mask=border | (numbers > 0))
    return grown


def _with_ridge(
    numbers: Int64[np.ndarray, "y x"], background: Bool[np.ndarray, "y x"], width: int
) -> Int64[np.ndarray, "y x"]:
    """Give background of at most this width, in px, between two objects to the nearer one."""
    if width == 0 or numbers.max(initial=0) < 2:
        return numbers
    distance, nearest = ndimage.distance_transform_edt(numbers == 0, return_indices=True)
    grown = numbers[tuple(nearest)]
    free = background & (distance > 0) & (distance <= (width + 1) / 2 + _OBLIQUE)
    between = np.zeros(numbers.shape, np.bool_)
    for here, there in _touching_pairs(numbers.shape):
        narrow = (grown[here] != grown[there]) & (distance[here] + distance[there] <= width + _OBLIQUE)
        between[here] |= narrow
        between[there] |= narrow
    between &= free
    if width > 2:  # pixels that are nearer to their object than where the two meet
        between = ndimage.binary_dilation(between, np.ones((3, 3), bool), iterations=(width - 1) // 2) & free
    return np.where(between, grown, numbers)


def _kept(numbers: Int64[np.ndarray, "y x"], settings: Settings) -> Bool[np.ndarray, " numbers"]:
    size = np.bincount(numbers.ravel())
    keep: Bool[np.ndarray, " numbers"] = size >= max(1, settings.object_minimum)
    if settings.object_cut:
        keep[_on_frame(numbers)] = False
    keep[0] = False
    return keep


def _on_frame(numbers: Int[np.ndarray, "y x"]) -> Int[np.ndarray, " n"]:
    return np.unique(np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]]))


def _renumbered(
    numbers: Int64[np.ndarray, "y x"], keep: Bool[np.ndarray, " numbers"], classes: UInt8[np.ndarray, "y x"]
) -> tuple[Int32[np.ndarray, "y x"], UInt8[np.ndarray, " objects_and_none"]]:
    """Return the kept objects, numbered from 1 on without gaps in the order of their first pixels."""
    present, first = np.unique(numbers, return_index=True)
    order = np.argsort(first)
    present = present[order][keep[present[order]]]
    new = np.zeros(len(keep), np.int32)
    new[present] = np.arange(1, len(present) + 1)
    values = np.zeros(len(present) + 1, np.uint8)
    found = new[numbers]
    own = (found > 0) & (classes > 0)  # not the border pixels that an object was given
    values[found[own]] = classes[own]
    return found, values
