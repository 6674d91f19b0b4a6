"""Meaning of the numbers in a mask that is scored: classes, a foreground mask, objects, or labels for training."""

from typing import Literal

MaskMeaning = Literal["auto", "classes", "mask", "objects", "labels"]
TRUTH_MEANINGS: tuple[MaskMeaning, ...] = ("auto", "classes", "mask", "objects", "labels")
PREDICTION_MEANINGS: tuple[MaskMeaning, ...] = ("auto", "classes", "mask", "objects")
