"""Arrays written as NumPy files."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from jaxtyping import Shaped


def fill_npy(path: Path, values: Shaped[np.ndarray, "..."]) -> None:
    """Write one array under exactly this name; raise OSError when the disk does not take it.

    numpy hands an array to the system by itself where it is given a file, and an error then does not say why: here it
    is given only the means to write, so that a full disk is told as one.
    """
    with open(path, "wb") as stream:
        np.save(SimpleNamespace(write=stream.write), values, allow_pickle=False)
