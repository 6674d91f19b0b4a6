"""Corrections inside an episode: where the present answer is most wrong, the user paints once more."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from scripts.base.batch import NONE, Batch
from scripts.base.episodes import MOST_ROUNDS
from scripts.base.ridge import Heads

_NEAR = 9  # px: side of the square over which errors of a class are averaged, twice, so that the middle is the highest
_RADIUS = 4  # px of the brush

Fit = Callable[[Tensor, Tensor], Heads]


@torch.no_grad()
def with_corrections(batch: Batch, features: Tensor, fit: Fit) -> tuple[Tensor, Tensor]:
    """Add the strokes that a user would paint onto the largest error of tile 0, round after round.

    Parameters
    ----------
    features : (b, pixels of both tiles, f)
    fit : makes heads from features (c, n, f) and classes (c, n)

    Returns
    -------
    places, painted : int64 (b, n + m) as those of a batch, NONE where there is no correction
    """
    if not len(batch.rows):
        return batch.places, batch.painted
    side = batch.labels.shape[-1]
    own = features[batch.rows, : side * side]
    labels = batch.labels[batch.rows, 0].long()
    places, painted = batch.places[batch.rows], batch.painted[batch.rows]
    for number in range(MOST_ROUNDS):
        heads = fit(own.gather(1, places[..., None].expand(-1, -1, own.shape[2])), painted)
        dab, classes = stroke_on_error(answers(own, heads).view_as(labels), labels, heads.seen)
        classes = classes.masked_fill((batch.rounds <= number)[:, None], NONE)
        places, painted = torch.cat([places, dab], 1), torch.cat([painted, classes], 1)
    more = places.shape[1] - batch.places.shape[1]
    all_places = functional.pad(batch.places, (0, more))
    all_painted = functional.pad(batch.painted, (0, more), value=NONE)
    return all_places.index_copy(0, batch.rows, places), all_painted.index_copy(0, batch.rows, painted)


def answers(features: Tensor, heads: Heads) -> Tensor:
    """Compute the class (b, pixels) that heads give pixels (b, pixels, f)."""
    logits = torch.baddbmm(heads.bias[:, None], features, heads.weight)
    return logits.masked_fill(~heads.seen[:, None], -torch.inf).argmax(2)


def stroke_on_error(answer: Tensor, labels: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Paint a dab where the most pixels of one class are wrong near to each other, on pixels of that class alone.

    Parameters
    ----------
    answer, labels : int64 (b, y, x)
    seen : bool (b, classes), which classes a user would correct

    Returns
    -------
    places, classes : int64 (b, pixels of the brush), NONE where there is nothing to paint
    """
    height, width = labels.shape[1:]
    one_hot = functional.one_hot(labels, seen.shape[1]).permute(0, 3, 1, 2)
    wrong = one_hot * (answer != labels)[:, None] * seen[..., None, None]
    near = wrong.float()
    for _ in range(2):
        near = functional.avg_pool2d(near, _NEAR, 1, _NEAR // 2)
    most, at = near.flatten(1).max(1, keepdim=True)
    class_index, place = at // (height * width), at % (height * width)
    offsets = torch.arange(-_RADIUS, _RADIUS + 1, device=labels.device)
    dy, dx = (x.flatten() for x in torch.meshgrid(offsets, offsets, indexing="ij"))
    rows, columns = place // width + dy, place % width + dx
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width) & (dy**2 + dx**2 <= _RADIUS**2)
    places = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    right = inside & (labels.flatten(1).gather(1, places) == class_index) & (most > 0)
    return places, torch.where(right, class_index, NONE)
