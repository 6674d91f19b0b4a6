"""Notice when training has stopped making the loss smaller."""

import math
from dataclasses import dataclass

PATIENCE = 400  # steps without a lower loss after which more of them bring nothing
LOWER = 0.97  # share of the lowest smoothed loss below which a loss counts as lower
_SMOOTHING = 0.98  # share of the smoothed loss that is kept per step


@dataclass(slots=True)
class Plateau:
    """Watches the smoothed loss."""

    steps: int = 0
    smooth: float = 0.0
    lowest: float = math.inf
    lowest_step: int = 0

    def take(self, loss: float) -> None:
        """Note the loss of one more step."""
        self.steps += 1
        self.smooth = _SMOOTHING * self.smooth + (1 - _SMOOTHING) * loss
        unbiased = self.smooth / (1 - _SMOOTHING**self.steps)
        if unbiased < LOWER * self.lowest:
            self.lowest, self.lowest_step = unbiased, self.steps

    @property
    def reached(self) -> bool:
        """Tell whether the loss has not fallen for long."""
        return self.steps - self.lowest_step >= PATIENCE
