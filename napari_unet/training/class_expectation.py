"""How strongly a network expects frequent classes, chosen where labels show how frequent they are.

A fitted head adds its prior twice, once for each branch, since the sum of both is twice as sure as it should be. Where
training has made the sum as sure as it should be, that is too much: rare classes shrink. Strokes cannot tell, since
they show every class alike. Held-out blocks in which every pixel is labelled can (measured in docs/architecture.md).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Int, UInt8

from napari_unet.dataset.annotated import Annotations
from napari_unet.evaluation.comparison import mean_dice
from napari_unet.evaluation.scores import confusion
from napari_unet.network.inference import Predictor
from napari_unet.network.unet import DeepShallowHead, UNet
from napari_unet.training.scored_candidate import ScoredPart, scored_parts

WHOLE_PRIOR = 1.0
_STRENGTHS = (WHOLE_PRIOR, 0.75, 0.5, 0.25, 0.0)  # shares of the prior; the first of equally good ones is taken
_MOST_PIXELS = 2**21  # that are computed to choose: a second or less; of half as many too few blocks were whole
_LEAST_BLOCKS = 16


def best_strength(predictor: Predictor, annotations: Annotations) -> float:
    """Return the share of its prior (0 to 1) with which a network has the highest mean Dice on such blocks.

    Without a head that has a prior, with fewer than 16 such blocks, or where these lack a class, it is 1.
    """
    head = predictor.network.head
    if not isinstance(head, DeepShallowHead):
        return WHOLE_PRIOR
    parts = [*_whole_parts(annotations, predictor.network.architecture.rim)]
    if sum(len(part.blocks) for part in parts) < _LEAST_BLOCKS:
        return WHOLE_PRIOR
    offsets = torch.stack([(strength - WHOLE_PRIOR) * head.prior for strength in _STRENGTHS])
    total = _counted(predictor, annotations, parts, offsets)
    if not total[0].any(axis=1).all():
        return WHOLE_PRIOR
    return _STRENGTHS[int(np.argmax([mean_dice(matrix) for matrix in total]))]


def weaken_prior(network: UNet, strength: float) -> None:
    """Let a network's head expect frequent classes by this share of its prior; other heads are left as they are."""
    head = network.head
    if isinstance(head, DeepShallowHead):
        head.expect(strength * head.prior)


def _whole_parts(annotations: Annotations, rim: int) -> Iterator[ScoredPart]:
    """Yield the parts to predict, with those of their blocks in which every pixel is labelled; none without any."""
    for part in scored_parts(annotations, rim, _MOST_PIXELS):
        held_out = annotations.planes[part.key].held_out
        whole = [block for block in part.blocks if held_out[block.slices].all()]
        if whole:
            yield part._replace(blocks=whole)


def _counted(
    predictor: Predictor, annotations: Annotations, parts: Sequence[ScoredPart], offsets: torch.Tensor
) -> Int[np.ndarray, "offsets k k"]:
    """Return the confusion matrix over all blocks for each offset (k,) of the logits."""
    class_ids = predictor.class_ids
    total = np.zeros((len(offsets), len(class_ids), len(class_ids)), np.int64)
    for key, region, blocks in parts:
        logits = predictor.logits(annotations.with_context(key, predictor.context_planes), region)
        for matrix, offset in zip(total, offsets, strict=True):
            shown = _classes(logits + offset[:, None, None], class_ids)
            for block in blocks:
                truth = annotations.planes[key].labels[block.slices]
                matrix += confusion(truth, shown[block.seen_from(region).slices], class_ids)
    return total


def _classes(logits: torch.Tensor, class_ids: tuple[int, ...]) -> UInt8[np.ndarray, "h w"]:
    return np.array(class_ids, np.uint8)[logits.max(0).indices.cpu().numpy()]
