"""Episodes: the job of the program in small. Strokes on one tile, and another tile of the same kind to be answered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from scripts.base.drawn import drawn_picture
from scripts.base.look import Look
from scripts.base.picture import Picture
from scripts.base.sets import BaseSet
from scripts.base.strokes import strokes_on
from scripts.base.warp import warped

_TRIES = 1000
_POOL = 64  # drawn images at a time
_POOL_USES = 6  # episodes of a drawn image, on average
_SAME_PICTURE = 0.4  # share of the episodes whose tiles come from one picture
_FIRST_PARTITION = 0.5  # share of the episodes that ask in the first way of the set for sure
_LARGEST_SCALE = 2.0
_SCALES_APART = 1.15  # factor between the scales of the two tiles


@dataclass(frozen=True, slots=True)
class Episode:
    """Two tiles: index 0 carries the strokes, index 1 is asked for; both are scored.

    Attributes
    ----------
    set_name : None for a drawn image
    classes : of the task
    pixels : (2, 3, side, side)
    labels : (2, side, side), task class
    strokes : flat indices into tile 0 of labelled pixels
    fine : (2, side, side), fine class of the set
    """

    set_name: str | None
    classes: int
    pixels: Tensor
    labels: Tensor
    strokes: Tensor
    fine: Tensor


class Episodes:
    """Draws episodes from labelled sets and from drawn images; the same seed gives the same ones."""

    def __init__(self, sets: Sequence[BaseSet], drawn_share: float, side: int, seed: int) -> None:
        self._sets = sets
        shares = np.array([each.share for each in sets])
        self._shares = shares / shares.sum()
        self._drawn_share = drawn_share
        self._side = side
        self._random = np.random.default_rng(seed)
        self._pool: list[Picture] = []

    def draw(self) -> Episode:
        """Draw one episode with at least two classes under strokes."""
        for _ in range(_TRIES):
            drawn = self._random.random() < self._drawn_share
            episode = self._of_drawn() if drawn else self._of_set()
            if episode is not None:
                return episode
        raise RuntimeError("no two classes are found together on a tile")

    def _of_drawn(self) -> Episode | None:
        """Draw two tiles of one drawn image, asked for all its classes."""
        picture = self._drawn()
        pixels, fine = self._tiles((picture, picture), 1.0)
        strokes = strokes_on(fine[0].numpy(), self._random)
        if strokes is None:
            return None
        return Episode(None, int(fine.max()) + 1, pixels, fine.long(), strokes, fine)

    def _of_set(self) -> Episode | None:
        """Draw two tiles of a set, asked for in one of its ways."""
        random = self._random
        chosen = self._sets[int(random.choice(len(self._sets), p=self._shares))]
        first = _any(chosen.pictures, random)
        other = first if random.random() < _SAME_PICTURE else _any(chosen.pictures, random)
        at = 0 if random.random() < _FIRST_PARTITION else int(random.integers(len(chosen.partitions)))
        partition = chosen.partitions[at]
        pixels, fine = self._tiles((first, other), _LARGEST_SCALE ** random.uniform(-1, 1))
        labels = torch.tensor(partition)[fine.long()]
        strokes = strokes_on(labels[0].numpy(), random)
        if strokes is None:
            return None
        return Episode(chosen.name, max(partition) + 1, pixels, labels, strokes, fine)

    def _tiles(self, pictures: tuple[Picture, Picture], scale: float) -> tuple[Tensor, Tensor]:
        """Cut two tiles: pixels (2, 3, side, side) in one look, and fine classes (2, side, side)."""
        random = self._random
        look = Look.draw(random, grey=pictures[0].grey)
        pixels, fine = [], []
        for picture in pictures:
            own = scale * _SCALES_APART ** random.uniform(-1, 1)
            tile, labels = warped(picture, self._side, own, random)
            pixels.append(look.apply(tile, random))
            fine.append(labels)
        return torch.stack(pixels), torch.stack(fine)

    def _drawn(self) -> Picture:
        """Return a drawn image of a pool that changes slowly: drawing takes longer than everything else."""
        random, side = self._random, 2 * self._side
        if len(self._pool) < _POOL:
            self._pool.append(drawn_picture(random, side))
            return self._pool[-1]
        at = int(random.integers(_POOL))
        if random.random() < 1 / _POOL_USES:
            self._pool[at] = drawn_picture(random, side)
        return self._pool[at]


def _any(pictures: Sequence[Picture], random: np.random.Generator) -> Picture:
    return pictures[int(random.integers(len(pictures)))]
