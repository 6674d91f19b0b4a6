"""Sums over the tiles of an image, from which the Dice of an answer is estimated."""

from dataclasses import astuple, dataclass, fields

import numpy as np
from jaxtyping import Float, Float64

# Both branches of a head see the same pixel, so that their sum is about twice as sure as it should be.
TEMPERATURE = 2.0


@dataclass(frozen=True, slots=True)
class DiceSums:
    """Sums over pixels, one number for each output of a network; the sums of two parts add up to those of both.

    Attributes
    ----------
    shown : pixels that are shown as the class
    sure : the class's probability, summed over the pixels that are shown as it
    expected : the class's probability, summed over all pixels: as many are expected to belong to it
    deep_sure, deep_expected : the same of the probability that the deep branch of the head gives by itself
    """

    shown: Float64[np.ndarray, " k"]
    sure: Float64[np.ndarray, " k"]
    expected: Float64[np.ndarray, " k"]
    deep_sure: Float64[np.ndarray, " k"]
    deep_expected: Float64[np.ndarray, " k"]

    @classmethod
    def none(cls, classes: int) -> "DiceSums":
        """Return the sums of no pixels."""
        return cls(*(np.zeros(classes) for _ in fields(cls)))

    @classmethod
    def of(cls, sums: Float[np.ndarray, "5 k"]) -> "DiceSums":
        """Return the sums whose fields are the rows of an array."""
        return cls(*sums.astype(np.float64))

    @property
    def pixels(self) -> float:
        """Return how many pixels were looked at."""
        return float(self.shown.sum())

    @property
    def branches(self) -> int:
        """Return how many branches the head has, 1 or 2; a single one stands for the deep one too."""
        alike = (self.sure, self.deep_sure), (self.expected, self.deep_expected)
        return 1 if all(np.array_equal(one, deep) for one, deep in alike) else 2

    def __add__(self, other: "DiceSums") -> "DiceSums":
        """Return the sums over the pixels of both."""
        return DiceSums(*(one + another for one, another in zip(astuple(self), astuple(other), strict=True)))
