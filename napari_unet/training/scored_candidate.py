"""Predicts the held-out blocks and counts what came out."""

from collections.abc import Iterator, Sequence

import numpy as np

from napari_unet.dataset.annotated import Annotations
from napari_unet.evaluation.scores import confusion
from napari_unet.images.tiles import Region
from napari_unet.network.inference import Predictor
from napari_unet.training.candidate import Candidate

_SQUARE = 512  # px, the side of what is predicted at once at most


def scored_candidate(predictor: Predictor, step: int, annotations: Annotations) -> Candidate:
    """Return the predictor's network with its confusion matrix on every held-out block."""
    class_ids = predictor.class_ids
    rim = predictor.network.architecture.halo + predictor.network.architecture.margin
    matrices = {}
    for key, plane in annotations.planes.items():
        pixels = annotations.with_context(key, predictor.context_planes)
        for region, blocks in predicted_together(plane.held_out_blocks, rim):
            found = predictor.classes(pixels, region)
            for block in blocks:
                truth = np.where(plane.held_out[block.slices], plane.labels[block.slices], 0).astype(np.uint8)
                matrices[key, block] = confusion(truth, found[block.seen_from(region).slices], class_ids)
    return Candidate(step, class_ids, predictor.network, matrices)


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


def _pixels(region: Region, rim: int) -> int:
    height, width = region.grown(rim).shape
    return height * width
