"""Check of painted strokes: the network contradicts slips of the hand even after it was trained on them."""

from collections.abc import Collection, Iterator

import msgspec
import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from napari_unet.images.tiled_plane import TiledPlane
from napari_unet.images.tiles import Region

_IN_A_ROW = 3  # number of scorings in a row in which a stroke must be wrong
_MOST = 0.5  # share of a stroke's pixels predicted as another class from which on it is wrong
_FEWEST = 10  # trained pixels that a stroke is judged by
_TOUCHING = np.ones((3, 3))


class Doubt(msgspec.Struct, frozen=True):
    """Describe a stroke that may be wrong."""

    image_id: int
    plane: int
    class_id: int  # as painted
    predicted: int  # the class that the network says instead
    region: Region  # the smallest region that holds the stroke
    pixel: tuple[int, int]  # row and column of one pixel of the stroke


class LabelCheck:
    """Remember how often in a row each stroke was wrong.

    A stroke is a connected piece of one class. It is told by its class and its first pixel, so that one that grows
    downward stays the same.
    """

    def __init__(self) -> None:
        self._wrong: dict[tuple[int, int], dict[tuple[int, tuple[int, int]], tuple[int, Doubt]]] = {}

    def score(
        self,
        key: tuple[int, int],
        labels: TiledPlane,
        trained: TiledPlane,
        predicted: TiledPlane,
        known: Collection[int],
    ) -> None:
        """Take note of a scoring of one plane.

        Parameters
        ----------
        key : image id and plane
        trained : labelled pixels that the network learns from
        predicted : class ids; 0 where nothing was predicted this time
        known : the classes that the network can answer with; strokes of others, as of a removed class, are not judged
        """
        before = self._wrong.get(key, {})
        now: dict[tuple[int, tuple[int, int]], tuple[int, Doubt]] = {}
        for class_id, box, inside in strokes_of(labels):
            if class_id not in known:
                continue
            first = _first_pixel(box, inside)
            seen = inside & trained[box.slices] & (predicted[box.slices] > 0)
            answers = predicted[box.slices][seen]
            name = (class_id, first)
            if answers.size < _FEWEST:
                now |= {name: before[name]} if name in before else {}
            elif np.mean(answers != class_id) > _MOST:
                other = int(np.bincount(answers[answers != class_id]).argmax())
                times = before[name][0] + 1 if name in before else 1
                now[name] = times, Doubt(*key, class_id, other, box, first)
        self._wrong[key] = now

    def keep(self, keys: Collection[tuple[int, int]]) -> None:
        """Forget all planes but these, given by image id and plane."""
        self._wrong = {key: strokes for key, strokes in self._wrong.items() if key in keys}

    def doubts(self) -> tuple[Doubt, ...]:
        """Return the strokes that were wrong often enough in a row."""
        return tuple(doubt for plane in self._wrong.values() for times, doubt in plane.values() if times >= _IN_A_ROW)


def strokes_of(labels: TiledPlane) -> Iterator[tuple[int, Region, Bool[np.ndarray, "h w"]]]:
    """Yield the connected pieces of each class: the class, a box around the piece, and its pixels in the box."""
    found = [piece for box, part in labels.islands() for piece in _pieces(part, box)]
    yield from sorted(found, key=lambda piece: (piece[0], _first_pixel(piece[1], piece[2])))


def _pieces(labels: UInt8[np.ndarray, "y x"], place: Region) -> Iterator[tuple[int, Region, Bool[np.ndarray, "h w"]]]:
    for class_id in np.flatnonzero(np.bincount(labels.ravel())[1:]) + 1:
        parts, _ = ndimage.label(labels == class_id, _TOUCHING)
        for number, (rows, columns) in enumerate(ndimage.find_objects(parts), start=1):
            box = Region(rows.start, columns.start, rows.stop, columns.stop)
            yield int(class_id), box.moved(place.y0, place.x0), parts[rows, columns] == number


def stroke_of(doubt: Doubt, labels: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return the pixels of a doubted stroke as it is now, in its box as ``labels`` are; none when painted over."""
    parts, _ = ndimage.label(labels == doubt.class_id, _TOUCHING)
    number = parts[doubt.pixel[0] - doubt.region.y0, doubt.pixel[1] - doubt.region.x0]
    return (parts == number) & (number > 0)


def _first_pixel(box: Region, inside: Bool[np.ndarray, "h w"]) -> tuple[int, int]:
    return box.y0, box.x0 + int(inside[0].argmax())
