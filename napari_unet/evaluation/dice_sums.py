"""Sums over the tiles of an image, from which the Dice of an answer is estimated."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

# Both experts of a head see the same pixel, so that their sum is about twice as sure as it should be.
TEMPERATURE = 2.0


@dataclass(frozen=True, slots=True)
class DiceSums:
    """Sums over pixels, one number for each output of a network; the sums of two parts add up to those of both.

    Attributes
    ----------
    shown : pixels that are shown as the class
    sure : the class's probability, summed over the pixels that are shown as it
    expected : the class's probability, summed over all pixels: as many are expected to belong to it
    """

    shown: Float64[np.ndarray, " k"]
    sure: Float64[np.ndarray, " k"]
    expected: Float64[np.ndarray, " k"]

    @classmethod
    def none(cls, classes: int) -> "DiceSums":
        """Return the sums of no pixels."""
        return cls(*(np.zeros(classes) for _ in range(3)))

    @property
    def pixels(self) -> float:
        """Return how many pixels were looked at."""
        return float(self.shown.sum())

    def __add__(self, other: "DiceSums") -> "DiceSums":
        """Return the sums over the pixels of both."""
        return DiceSums(self.shown + other.shown, self.sure + other.sure, self.expected + other.expected)
