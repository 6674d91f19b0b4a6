"""Episodes: the job of the program in small. Strokes on one tile, and another tile of the same kind to be answered."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field

import numpy as np
import torch
from torch import Tensor

from scripts.base.drawn import drawn_picture
from scripts.base.look import Look
from scripts.base.picture import Picture
from scripts.base.regions import region_classes
from scripts.base.sets import BaseSet
from scripts.base.strokes import Hand, Strokes, strokes_on
from scripts.base.warp import warped

MOST_ROUNDS = 2  # of corrections
_TRIES = 1000
_POOL = 64  # drawn images at a time
_POOL_USES = 6  # episodes of a drawn image, on average
_SAME_PICTURE = 0.4  # share of the episodes whose tiles come from one picture
_FIRST_PARTITION = 0.5  # share of the episodes that ask in the first way of the set for sure
_LARGEST_SCALE = 2.0
_SCALES_APART = 1.15  # factor between the scales of the two tiles

Pair = tuple[Picture, Picture]


@dataclass(frozen=True, slots=True)
class Tasks:
    """Shares of the episodes; those that are neither drawn nor of regions ask for the classes of a labelled set.

    Attributes
    ----------
    drawn : on drawn images
    regions : on images of the sets, whose classes are regions that are alike
    corrected : with one or two rounds of corrections
    hand : that paints

    Raises
    ------
    ValueError
        For shares that are none or that add up to more than all episodes.
    """

    drawn: float = 0.3
    regions: float = 0.15
    corrected: float = 0.0
    hand: Hand = field(default_factory=Hand)

    def __post_init__(self) -> None:
        shares = self.drawn, self.regions, self.drawn + self.regions, self.corrected, *astuple(self.hand)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("a share of the episodes is between 0 and 1, drawn images and regions together as well")


@dataclass(frozen=True, slots=True)
class Episode:
    """Two tiles: index 0 carries the strokes, index 1 is asked for; both are scored.

    Attributes
    ----------
    set_name : None for a drawn image and for regions, which no set's own head could know
    classes : of the task
    pixels : (2, 3, side, side)
    labels : (2, side, side), task class
    strokes : on tile 0
    fine : (2, side, side), fine class of the set
    rounds : of corrections that follow the strokes
    """

    set_name: str | None
    classes: int
    pixels: Tensor
    labels: Tensor
    strokes: Strokes
    fine: Tensor
    rounds: int


class Episodes:
    """Draws episodes from labelled sets and from drawn images; the same seed gives the same ones."""

    def __init__(self, sets: Sequence[BaseSet], tasks: Tasks, side: int, seed: int | Sequence[int]) -> None:
        self._sets = sets
        shares = np.array([each.share for each in sets])
        self._shares = shares / shares.sum()
        self._tasks = tasks
        self._side = side
        self._random = np.random.default_rng(seed)
        self._pool: list[Picture] = []

    def draw(self) -> Episode:
        """Draw one episode with at least two classes under strokes."""
        for _ in range(_TRIES):
            kind = self._random.random()
            if kind < self._tasks.drawn:
                episode = self._of_drawn()
            elif kind < self._tasks.drawn + self._tasks.regions:
                episode = self._of_regions()
            else:
                episode = self._of_set()
            if episode is not None:
                return episode
        raise RuntimeError("no two classes are found together on a tile")

    def _of_drawn(self) -> Episode | None:
        """Draw two tiles of one drawn image, asked for all its classes."""
        picture = self._drawn()
        tiles, fine = self._tiles((picture, picture), 1.0)
        return self._painted(None, tiles, fine.long(), fine, grey=picture.grey)

    def _of_regions(self) -> Episode | None:
        """Draw two tiles of a set, asked for regions that are alike."""
        _, pictures = self._pictures()
        tiles, _ = self._tiles(pictures, self._scale())
        classes = region_classes(tiles.numpy(), self._random)
        if classes is None:
            return None
        fine = torch.from_numpy(classes)
        return self._painted(None, tiles, fine.long(), fine, grey=pictures[0].grey)

    def _of_set(self) -> Episode | None:
        """Draw two tiles of a set, asked for in one of its ways."""
        random = self._random
        chosen, pictures = self._pictures()
        at = 0 if random.random() < _FIRST_PARTITION else int(random.integers(len(chosen.partitions)))
        tiles, fine = self._tiles(pictures, self._scale())
        labels = torch.tensor(chosen.partitions[at])[fine.long()]
        return self._painted(chosen, tiles, labels, fine, grey=pictures[0].grey)

    def _painted(
        self, of_set: BaseSet | None, tiles: Tensor, labels: Tensor, fine: Tensor, *, grey: bool
    ) -> Episode | None:
        """Paint strokes on the first of two tiles and vary the look of both; None where they cannot be painted."""
        random = self._random
        strokes = strokes_on(labels[0].numpy(), random, self._tasks.hand)
        if strokes is None:
            return None
        look = Look.draw(random, grey=grey)
        pixels = torch.stack([look.apply(tile, random) for tile in tiles])
        rounds = int(random.integers(1, MOST_ROUNDS + 1)) if random.random() < self._tasks.corrected else 0
        name = of_set.name if of_set else None
        return Episode(name, int(labels.max()) + 1, pixels, labels, strokes, fine, rounds)

    def _pictures(self) -> tuple[BaseSet, Pair]:
        """Draw a set and two pictures of it, or one twice."""
        random = self._random
        chosen = self._sets[int(random.choice(len(self._sets), p=self._shares))]
        first = _any(chosen.pictures, random)
        return chosen, (first, first if random.random() < _SAME_PICTURE else _any(chosen.pictures, random))

    def _scale(self) -> float:
        """Draw how many pixels of a tile there are per pixel of the picture."""
        return float(_LARGEST_SCALE ** self._random.uniform(-1, 1))

    def _tiles(self, pictures: Pair, scale: float) -> tuple[Tensor, Tensor]:
        """Cut two tiles: pixels (2, 3, side, side) and fine classes (2, side, side)."""
        random = self._random
        cut = [
            warped(picture, self._side, scale * _SCALES_APART ** random.uniform(-1, 1), random) for picture in pictures
        ]
        pixels, fine = zip(*cut, strict=True)
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
