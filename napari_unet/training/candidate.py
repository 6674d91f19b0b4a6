"""A network that may be the one that predicts, with what it was worth on held-out pixels."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int

from napari_unet.dataset.annotated import PlaneKey
from napari_unet.evaluation.comparison import is_clearly_worse, mean_dice
from napari_unet.evaluation.scores import BlockScore, dice, mean_known
from napari_unet.images.tiles import Region
from napari_unet.network.unet import UNet


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network at a step, with its confusion matrix on every held-out block.

    Attributes
    ----------
    trained_with : for the facts of its checkpoint, as ``device_settings.as_fact`` gives it; {} where nobody knows
    """

    step: int
    class_ids: tuple[int, ...]
    network: UNet
    matrices: dict[tuple[PlaneKey, Region], Int[np.ndarray, "k k"]] = field(default_factory=dict)
    trained_with: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> Int[np.ndarray, "k k"]:
        """Return the confusion matrix of all held-out blocks together."""
        classes = len(self.class_ids)
        return np.sum([*self.matrices.values()], axis=0) if self.matrices else np.zeros((classes, classes), np.int64)

    @property
    def blocks(self) -> tuple[BlockScore, ...]:
        """Return the held-out Dice of every block."""
        return tuple(_block_score(key, region, matrix) for (key, region), matrix in self.matrices.items())

    def is_clearly_worse(self, best: "Candidate") -> bool:
        """Tell whether its held-out Dice is lower beyond doubt; never with fewer than two blocks, or other ones."""
        if self is best or len(best.matrices) < 2 or self.matrices.keys() != best.matrices.keys():
            return False
        mine = np.stack([*self.matrices.values()])
        theirs = np.stack([best.matrices[key] for key in self.matrices])
        return is_clearly_worse(mine, theirs)

    def is_better(self, other: "Candidate") -> bool:
        """Tell whether its mean held-out Dice is higher than that of another one."""
        return bool(mean_dice(self.total) > mean_dice(other.total))


def _block_score(key: PlaneKey, region: Region, matrix: Int[np.ndarray, "k k"]) -> BlockScore:
    value = mean_known(dice(matrix))
    return BlockScore(*key, region.y0, region.x0, region.y1, region.x1, 0.0 if value is None else value)
