"""Predicts held-out blocks and counts what came out."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.dataset.annotated_plane import AnnotatedPlane
from napari_unet.evaluation.scores import confusion
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.training.candidate import Candidate

_SQUARE = 512  # px, the side of what is predicted at once at most
_MOST_PIXELS = 2**22  # that are computed for a score: one to three seconds, in which nothing else is answered
_LEAST_BLOCKS = 8  # of a class, whatever they cost: fewer say little of it


class ScoredPart(NamedTuple):
    """Name a region that is predicted at once, and the held-out blocks in it."""

    key: PlaneKey
    region: Region
    blocks: list[Region]

    @property
    def lot(self) -> bytes:
        """Return what decides, as if at random, which parts come first; more labels elsewhere do not change it."""
        return hashlib.sha256(f"{self.key}/{self.blocks[0].y0}/{self.blocks[0].x0}".encode()).digest()


def scored_candidate(candidate: Candidate, device: Device, annotations: Annotations) -> Candidate:
    """Return a candidate with its confusion matrix on the held-out blocks that are scored now."""
    predictor = Predictor(candidate.network, candidate.class_ids, device)
    matrices = {}
    for key, region, blocks in scored_parts(annotations, candidate.network.architecture.rim):
        plane = annotations.planes[key]
        found = predictor.classes(annotations.with_context(key, predictor.context_planes), region)
        for block in blocks:
            truth = np.where(plane.held_out[block.slices], plane.labels[block.slices], 0).astype(np.uint8)
            matrix = confusion(truth, found[block.seen_from(region).slices], candidate.class_ids)
            if matrix.any():  # a block may hold nothing but a class that was removed
                matrices[key, block] = matrix
    return replace(candidate, matrices=matrices)


def scored_parts(annotations: Annotations, rim: int, most_pixels: int = _MOST_PIXELS) -> list[ScoredPart]:
    """Choose what is scored: every held-out block, or where that would take long, some of them at random.

    Labels of every pixel of many images have thousands of blocks. A hundred or so, of as many images as can be, tell
    the Dice well enough. Rare classes get some whatever they cost.

    Parameters
    ----------
    rim : px on every side of a region that are computed with it
    most_pixels : that are computed, but for the blocks of rare classes
    """
    parts = [
        ScoredPart(key, region, blocks)
        for key, plane in annotations.planes.items()
        for region, blocks in predicted_together(plane.held_out_blocks, rim)
    ]
    if sum(_pixels(part.region, rim) for part in parts) <= most_pixels:
        return parts
    chosen, computed, blocks_of = [], 0, Counter[int]()
    for part in _by_turns(parts):
        pixels, found = _pixels(part.region, rim), _blocks_by_class(annotations.planes[part.key], part.blocks)
        if computed + pixels <= most_pixels or any(blocks_of[class_id] < _LEAST_BLOCKS for class_id in found):
            chosen.append(part)
            computed += pixels
            blocks_of.update(found)
    return chosen


def predicted_together(blocks: Sequence[Region], rim: int) -> Iterator[tuple[Region, list[Region]]]:
    """Yield regions to predict, each with the blocks that lie in it, so that few pixels are computed.

    A block alone costs its rim too, which is several times its own pixels; blocks of every pixel labelled lie so close
    that a region around some costs less.

    Parameters
    ----------
    rim : px on every side of a region that are computed with it
    """
    squares: dict[tuple[int, int], list[Region]] = {}
    for block in blocks:
        squares.setdefault((block.y0 // _SQUARE, block.x0 // _SQUARE), []).append(block)
    for near in squares.values():
        y0, x0 = min(block.y0 for block in near), min(block.x0 for block in near)
        around = Region(y0, x0, max(block.y1 for block in near), max(block.x1 for block in near))
        if _pixels(around, rim) < sum(_pixels(block, rim) for block in near):
            yield around, near
        else:
            yield from ((block, [block]) for block in near)


def _by_turns(parts: Sequence[ScoredPart]) -> list[ScoredPart]:
    """Return one part of each plane, then another of each, and so on: images differ more than parts of an image do."""
    turns: list[tuple[int, ScoredPart]] = []
    done = Counter[PlaneKey]()
    for part in sorted(parts, key=lambda part: part.lot):
        turns.append((done[part.key], part))
        done[part.key] += 1
    return [part for _, part in sorted(turns, key=lambda turn: turn[0])]


def _blocks_by_class(plane: AnnotatedPlane, blocks: Sequence[Region]) -> Counter[int]:
    """Count in how many of the blocks each class has held-out pixels."""
    found = Counter[int]()
    for block in blocks:
        found.update(np.unique(plane.labels[block.slices][plane.held_out[block.slices]]).tolist())
    return found


def _pixels(region: Region, rim: int) -> int:
    height, width = region.grown(rim).shape
    return height * width
