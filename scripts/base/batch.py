"""The episodes of a step as tensors of one shape, and the stream of them, drawn by worker processes."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from scripts.base.episodes import Episode, Episodes, Tasks
from scripts.base.sets import BaseSet

NONE = -1  # class of what pads strokes to one length, and set of an episode without
_AHEAD = 2  # steps that every worker has ready


class Batch(NamedTuple):
    """The b episodes of a step; n is the largest number of painted pixels of one of them.

    Attributes
    ----------
    pixels : float32 (b, 2, 3, side, side)
    labels : uint8 (b, 2, side, side), task class
    places : int64 (b, n), flat indices into tile 0 of painted pixels
    painted : int64 (b, n), their task classes; NONE where an episode has fewer
    fine : uint8 (b, 2, side, side), fine class of the set; 0 without a set
    sets : int64 (b,), index of the set, or NONE
    rows : int64 (c,), indices of the episodes that are corrected
    rounds : int64 (c,), of their corrections
    classes : the largest number of task classes of an episode
    """

    pixels: Tensor
    labels: Tensor
    places: Tensor
    painted: Tensor
    fine: Tensor
    sets: Tensor
    rows: Tensor
    rounds: Tensor
    classes: int

    def to(self, device: torch.device) -> Self:
        """Copy everything to a device; from pinned memory nobody waits for it."""
        tensors = {name: x for name, x in self._asdict().items() if isinstance(x, Tensor)}
        return self._replace(**{name: x.to(device, non_blocking=True) for name, x in tensors.items()})


def collate(episodes: Sequence[Episode], set_names: Sequence[str]) -> Batch:
    """Join episodes whose sets are among ``set_names``, by whose order the sets are numbered."""
    rounds = torch.tensor([episode.rounds for episode in episodes])
    rows = torch.nonzero(rounds).flatten()
    known = [episode.set_name is not None for episode in episodes]
    return Batch(
        torch.stack([episode.pixels for episode in episodes]),
        torch.stack([episode.labels.to(torch.uint8) for episode in episodes]),
        pad_sequence([episode.strokes.places for episode in episodes], batch_first=True),
        pad_sequence([episode.strokes.classes for episode in episodes], batch_first=True, padding_value=NONE),
        torch.stack([episode.fine * has for episode, has in zip(episodes, known, strict=True)]),
        torch.tensor([set_names.index(episode.set_name) if episode.set_name else NONE for episode in episodes]),
        rows,
        rounds[rows],
        max(episode.classes for episode in episodes),
    )


class Stream(IterableDataset[Batch]):
    """Batches without end; every worker process draws its own, and all depend on the seed and the worker alone."""

    def __init__(self, sets: Sequence[BaseSet], tasks: Tasks, side: int, episodes: int, seed: int) -> None:
        self._drawn_from = (sets, tasks, side)
        self._names = [each.name for each in sets]
        self._episodes = episodes
        self._seed = seed

    def __iter__(self) -> Iterator[Batch]:
        """Draw batches, as the first of the workers where there are none."""
        worker = get_worker_info()
        episodes = Episodes(*self._drawn_from, (self._seed, worker.id if worker else 0))
        while True:
            yield collate([episodes.draw() for _ in range(self._episodes)], self._names)


def batches(stream: Stream, workers: int, *, pinned: bool) -> Iterator[Batch]:
    """Draw batches in so many other processes, in turn, or in this one where there are 0.

    ``pinned`` puts them into memory that a graphics processor copies from by itself.
    """
    ahead = _AHEAD if workers else None
    return iter(DataLoader(stream, batch_size=None, num_workers=workers, pin_memory=pinned, prefetch_factor=ahead))
