"""Squares of planes on the device that are trained on: read once, and there for every step as long as there is room."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from napari_unet.dataset.annotated import PlaneKey
from napari_unet.images.tiled_plane import TILE, TilePlace
from napari_unet.network.transfer import on_device

BLANK = 0  # the number of a page of zeros
_AREA = TILE * TILE
_FIRST = 16  # pages that there is room for at first
_MOST = 2**15 - 1  # pages, so that a pixel's number fits into 32 bits
PageKey = tuple[PlaneKey, TilePlace]


class PagePool:
    """Keeps pages, squares of ``TILE`` px, in one tensor on the device; the least recently used go when it is full.

    Parameters
    ----------
    values : numbers per pixel
    budget_bytes : limit of all pages; exceeded only where one step needs more
    read : makes a page, (rows, columns, values); smaller where it is cut at the rim of its plane
    """

    def __init__(
        self,
        device: torch.device,
        values: int,
        budget_bytes: int,
        read: Callable[[PlaneKey, TilePlace], Float32[np.ndarray, "h w v"]],
    ) -> None:
        self._device = device
        self._read = read
        self._room = max(_FIRST, min(_MOST, budget_bytes // (_AREA * values * 4)))
        self._pixels = torch.zeros(_FIRST, _AREA, values, device=device)
        self._numbers: OrderedDict[PageKey, int] = OrderedDict()
        self._free = list(range(_FIRST - 1, BLANK, -1))

    @property
    def pixels(self) -> Float32[Tensor, "n v"]:
        """Return the values of the pixels of all pages: pixel y, x of page p is number (p * TILE + y) * TILE + x."""
        return self._pixels.flatten(0, 1)

    def numbers(self, wanted: Iterable[PageKey]) -> dict[PageKey, int]:
        """Return the numbers of pages, which stay until the next call; pages that are missing are read."""
        keys = list(dict.fromkeys(wanted))
        for key in keys:
            if key in self._numbers:
                self._numbers.move_to_end(key)
        for key in keys:
            if key not in self._numbers:
                self._add(key, set(keys))
        return {key: self._numbers[key] for key in keys}

    def drop(self, planes: Collection[PlaneKey]) -> None:
        """Forget the pages of planes that changed."""
        if not planes:  # as in most steps, and the pages can be many
            return
        for key in [key for key in self._numbers if key[0] in planes]:
            self._free.append(self._numbers.pop(key))

    def clear(self) -> None:
        """Forget all pages and give back their memory."""
        self._pixels = torch.zeros(_FIRST, *self._pixels.shape[1:], device=self._device)
        self._numbers.clear()
        self._free = list(range(_FIRST - 1, BLANK, -1))

    def _add(self, key: PageKey, needed: set[PageKey]) -> None:
        page = self._read(*key)  # before a place is taken: reading can fail
        number = self._place(needed)
        height, width, values = page.shape
        square = self._pixels[number].view(TILE, TILE, values)
        square[:height, :width] = on_device(page, self._device)
        self._numbers[key] = number

    def _place(self, needed: set[PageKey]) -> int:
        if not self._free and len(self._pixels) < self._room:
            self._grow(min(self._room, 2 * len(self._pixels)))
        if not self._free:
            oldest = next((key for key in self._numbers if key not in needed), None)
            if oldest is None:
                self._grow(len(self._pixels) + _FIRST)
            else:
                return self._numbers.pop(oldest)
        return self._free.pop()

    def _grow(self, pages: int) -> None:
        grown = torch.zeros(pages, *self._pixels.shape[1:], device=self._device)
        grown[: len(self._pixels)] = self._pixels
        self._free.extend(range(pages - 1, len(self._pixels) - 1, -1))
        self._pixels = grown
