"""How strongly a network expects frequent classes, chosen where labels show how frequent they are.

A fitted head adds its prior twice, once for each branch, since the sum of both is twice as sure as it should be. Where
training has made the sum as sure as it should be, that is too much: rare classes shrink. Strokes cannot tell, since
they show every class alike. Held-out blocks in which every pixel is labelled can (measured in docs/architecture.md).
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Int, UInt8

from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.annotated_plane import AnnotatedPlane
from napari_unet.evaluation.comparison import mean_dice
from napari_unet.evaluation.scores import confusion
from napari_unet.images.tiles import Region
from napari_unet.network.inference import Predictor
from napari_unet.network.unet import DeepShallowHead, UNet
from napari_unet.training.scored_candidate import scored_parts

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
    offsets = torch.stack([(strength - WHOLE_PRIOR) * head.prior for strength in _STRENGTHS])
    found = [*_counted(predictor, annotations, offsets)]
    total = np.sum(found, axis=0) if found else None
    if total is None or len(found) < _LEAST_BLOCKS or not total[0].any(axis=1).all():
        return WHOLE_PRIOR
    return _STRENGTHS[int(np.argmax([mean_dice(matrix) for matrix in total]))]


@torch.no_grad()
def weaken_prior(network: UNet, strength: float) -> None:
    """Let a network's head expect frequent classes by this share of its prior; other heads are left as they are."""
    head = network.head
    if isinstance(head, DeepShallowHead) and strength != WHOLE_PRIOR:
        head.deep.bias.add_((strength - WHOLE_PRIOR) * head.prior)  # type: ignore[union-attr]
        head.prior.mul_(strength)


def _counted(
    predictor: Predictor, annotations: Annotations, offsets: torch.Tensor
) -> Iterator[Int[np.ndarray, "offsets k k"]]:
    """Yield the confusion matrices of each block that is labelled as a whole, one for each offset of the logits."""
    class_ids = predictor.class_ids
    rim = predictor.network.architecture.halo + predictor.network.architecture.margin
    for key, region, blocks in scored_parts(annotations, rim, _MOST_PIXELS):
        plane = annotations.planes[key]
        whole = [block for block in blocks if _is_whole(plane, block)]
        if not whole:
            continue
        logits = predictor.logits(annotations.with_context(key, predictor.context_planes), region)
        shown = np.stack([_classes(logits + offset[:, None, None], class_ids) for offset in offsets])
        for block in whole:
            truth = plane.labels[block.slices]
            inside = block.seen_from(region).slices
            yield np.stack([confusion(truth, each[inside], class_ids) for each in shown])


def _is_whole(plane: AnnotatedPlane, block: Region) -> bool:
    return bool(plane.held_out[block.slices].all())


def _classes(logits: torch.Tensor, class_ids: tuple[int, ...]) -> UInt8[np.ndarray, "h w"]:
    return np.array(class_ids, np.uint8)[logits.max(0).indices.cpu().numpy()]
