"""Check of painted strokes: the network contradicts slips of the hand even after it was trained on them.

A stroke of a wrong class is contradicted as a whole, one that ran over a border at its end.
"""

from collections.abc import Collection, Iterator

import msgspec
import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from napari_unet.evaluation.answers import Answers
from napari_unet.evaluation.spill_over import FEWEST, spill_over
from napari_unet.images.packed_pixels import pack, unpack
from napari_unet.images.tiled_plane import TiledPlane
from napari_unet.images.tiles import Region

_IN_A_ROW = 3  # number of scorings in a row in which a stroke must be wrong
_MOST = 0.5  # share of a stroke's pixels; with more of them predicted as other classes it counts as wrong
_TOUCHING = np.ones((3, 3))


class Doubt(msgspec.Struct, frozen=True):
    """Describe a stroke that may be wrong, or may have run over the border of its thing."""

    image_id: int
    plane: int
    class_id: int  # as painted
    predicted: int  # the class that the network says instead
    region: Region  # the smallest region that holds the doubted pixels
    pixel: tuple[int, int]  # row and column of one doubted pixel
    beyond: bytes = b""  # the doubted pixels of the region, row by row, eight to a byte; empty for a whole stroke


class LabelCheck:
    """Remember how often in a row each stroke, or its end, was wrong.

    A stroke is a connected piece of one class. It is known by its class and its first pixel, so that one that grows
    downward stays the same. Of its end those pixels are doubted that were wrong every time.
    """

    def __init__(self) -> None:
        self._wrong: dict[tuple[int, int], dict[tuple[int, tuple[int, int]], tuple[int, Doubt]]] = {}

    def score(
        self,
        key: tuple[int, int],
        labels: TiledPlane,
        trained: TiledPlane,
        answers: Answers,
        known: Collection[int],
    ) -> None:
        """Take note of a scoring of one plane.

        Parameters
        ----------
        key : image id and plane
        trained : labelled pixels that the network learns from
        answers : what was predicted this time
        known : the classes that the network can answer with; strokes of others, as of a removed class, are not judged
        """
        before = self._wrong.get(key, {})
        now: dict[tuple[int, tuple[int, int]], tuple[int, Doubt]] = {}
        for class_id, box, inside in strokes_of(labels):
            if class_id not in known:
                continue
            first = _first_pixel(box, inside)
            predicted = answers.classes[box.slices]
            seen = inside & trained[box.slices] & (predicted > 0)
            said = predicted[seen]
            name = (class_id, first)
            times, last = before.get(name, (0, None))
            doubted = _doubted_before(last, box)
            is_elsewhere = doubted.any() and not seen[doubted].any()  # tiles take turns: the doubted end was not seen
            if said.size < FEWEST or is_elsewhere:
                now |= {name: before[name]} if name in before else {}
            elif np.mean(said != class_id) > _MOST:
                other = int(np.bincount(said[said != class_id]).argmax())
                whole = last is not None and not last.beyond
                now[name] = times + 1 if whole else 1, Doubt(*key, class_id, other, box, first)
            elif (beyond := spill_over(class_id, box, inside, labels, seen, answers)).any():
                other = int(np.bincount(answers.sure[box.slices][beyond]).argmax())
                times, pixels = _in_a_row(times, doubted, beyond)
                now[name] = times, _doubt_of(key, class_id, other, pixels, box)
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


def _in_a_row(
    times: int, before: Bool[np.ndarray, "h w"], beyond: Bool[np.ndarray, "h w"]
) -> tuple[int, Bool[np.ndarray, "h w"]]:
    """Return how often in a row the end of a stroke was wrong, and which pixels were every time.

    What the user was told stays as it is while at least half of it is wrong: an answer may be under way.
    """
    again = beyond & before
    if np.count_nonzero(again) < FEWEST:
        return 1, beyond
    is_told = times >= _IN_A_ROW and 2 * np.count_nonzero(again) >= np.count_nonzero(before)
    return times + 1, before if is_told else again


def _doubt_of(key: tuple[int, int], class_id: int, other: int, pixels: Bool[np.ndarray, "h w"], box: Region) -> Doubt:
    """Describe what is doubted of the end of a stroke; ``box`` is where its ``pixels`` lie."""
    part = Region.around(pixels) or Region(0, 0, *pixels.shape)
    place, pixels = part.moved(box.y0, box.x0), pixels[part.slices]
    return Doubt(*key, class_id, other, place, _first_pixel(place, pixels), pack(pixels))


def _doubted_before(last: Doubt | None, box: Region) -> Bool[np.ndarray, "h w"]:
    """Mark the pixels of a region that were doubted at the end of a stroke the last time."""
    before = np.zeros(box.shape, bool)
    if last is not None and last.beyond:
        part = last.region.within(box)
        before[part.seen_from(box).slices] = _beyond(last)[part.seen_from(last.region).slices]
    return before


def _beyond(doubt: Doubt) -> Bool[np.ndarray, "h w"]:
    return unpack(doubt.beyond, doubt.region.shape)


def doubted_pixels(doubt: Doubt, labels: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return what is doubted of a stroke as it is now, in its box as ``labels`` are; nothing when painted over."""
    if doubt.beyond:
        return _beyond(doubt) & (labels == doubt.class_id)
    parts, _ = ndimage.label(labels == doubt.class_id, _TOUCHING)
    number = parts[doubt.pixel[0] - doubt.region.y0, doubt.pixel[1] - doubt.region.x0]
    return (parts == number) & (number > 0)


def _first_pixel(box: Region, inside: Bool[np.ndarray, "h w"]) -> tuple[int, int]:
    return box.y0, box.x0 + int(inside[0].argmax())
