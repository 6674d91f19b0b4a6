"""Meaning of the numbers in a label file that is read as annotation."""

from typing import Literal, get_args

LabelMeaning = Literal["classes", "mask", "objects"]
LABEL_MEANINGS: tuple[LabelMeaning, ...] = get_args(LabelMeaning)
