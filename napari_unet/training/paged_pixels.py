"""Reads pixels of several planes, whose pages are on the device, at any place."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

from napari_unet.dataset.annotated import PlaneKey
from napari_unet.dataset.augmentation import reaches
from napari_unet.dataset.sampler import TilePlans
from napari_unet.images.tiled_plane import TILE, TilePlace
from napari_unet.images.tiles import mirrored
from napari_unet.network.transfer import on_device
from napari_unet.training.page_pool import BLANK, PagePool
from napari_unet.training.source_places import Places

_SHIFT = TILE.bit_length() - 1  # of a row or column to that of its page
_INSIDE = TILE - 1  # the bits that count within a page


class Windows(NamedTuple):
    """The pages that tiles may read: a rectangle of them in the plane of each tile.

    Attributes
    ----------
    pixels : row and column of the pixel that each tile is drawn around
    sizes : height and width of each tile's plane, px
    pages : first row, first column, rows and columns of the rectangle, counted in pages
    bounces : whether a tile reaches so far beyond a plane that pixels are mirrored more than once
    """

    keys: list[PlaneKey]
    pixels: Int64[np.ndarray, "b 2"]
    sizes: Int64[np.ndarray, "b 2"]
    pages: Int64[np.ndarray, "b 4"]
    bounces: bool

    @classmethod
    def of(cls, plans: TilePlans, shapes: Sequence[tuple[int, int]]) -> "Windows":
        """Find the windows of tiles, the shapes of whose planes are given."""
        sizes = np.array(shapes, np.int64)
        ranges = reaches(plans.motions, plans.side) + np.tile(plans.pixels, 2)
        first = np.empty((len(sizes), 2), np.int64)
        last = np.empty_like(first)
        for tile, (y0, x0, y1, x1) in enumerate(ranges.tolist()):
            first[tile, 0], last[tile, 0] = _pages(y0, y1, int(sizes[tile, 0]))
            first[tile, 1], last[tile, 1] = _pages(x0, x1, int(sizes[tile, 1]))
        bounces = bool((ranges < -np.tile(sizes, 2)).any() or (ranges >= np.tile(2 * sizes, 2)).any())
        return cls(plans.keys, plans.pixels, sizes, np.concatenate([first, last + 1 - first], axis=1), bounces)

    def places(self, tile: int) -> list[TilePlace]:
        """Return the pages of a tile row by row."""
        row, column, rows, columns = self.pages[tile].tolist()
        return [TilePlace(row + y, column + x) for y in range(rows) for x in range(columns)]


class _Along(NamedTuple):
    """Rows or columns as their share of a page's place in the table, and of a pixel's number within its page."""

    page: Int32[Tensor, "b y x"]
    pixel: Int32[Tensor, "b y x"]


class PagedPixels:
    """The pixels of a pool's pages in windows.

    Parameters
    ----------
    held : the pages of each plane that hold anything; all others are blank. None where every page does
    """

    def __init__(
        self,
        pool: PagePool,
        windows: Windows,
        device: torch.device,
        held: Mapping[PlaneKey, Collection[TilePlace]] | None = None,
    ) -> None:
        count = len(windows.keys)
        self._bounces = windows.bounces
        wanted = [[(key, place) for place in windows.places(tile)] for tile, key in enumerate(windows.keys)]
        known = pool.numbers(page for pages in wanted for page in pages if held is None or page[1] in held[page[0]])
        longest = max(len(pages) for pages in wanted)
        table = np.full((count, longest), BLANK, np.int32)
        for tile, pages in enumerate(wanted):
            table[tile, : len(pages)] = [known.get(page, BLANK) << 2 * _SHIFT for page in pages]
        row, column, _, across = windows.pages.T
        before = np.arange(count) * longest - row * across - column
        facts = np.stack([*windows.pixels.T, *windows.sizes.T, before, across]).astype(np.int32)
        self._values = pool.pixels
        self._table = on_device(table.ravel(), device)
        y, x, height, width, self._before, self._across = on_device(facts, device)[..., None, None]
        self._pixel, self._size = (y, x), (height, width)

    def bilinear(self, places: Places) -> Float32[Tensor, "b y x v"]:
        """Interpolate at places; beyond the rim of a plane its pixels are mirrored."""
        above, left = places.rows.floor(), places.columns.floor()
        below, beside = (places.rows - above)[..., None], (places.columns - left)[..., None]
        row, column = above.int() + self._pixel[0], left.int() + self._pixel[1]
        rows = [self._rows(self._mirrored(each, 0)) for each in (row, row + 1)]
        columns = [_columns(self._mirrored(each, 1)) for each in (column, column + 1)]
        upper, lower = (torch.lerp(self._at(each, columns[0]), self._at(each, columns[1]), beside) for each in rows)
        return torch.lerp(upper, lower, below)

    def nearest(self, places: Places) -> Float32[Tensor, "b y x v"]:
        """Return the values of the nearest pixels; 0 beyond the rim of a plane."""
        near = [(along + 0.5).floor().int() + pixel for along, pixel in zip(places, self._pixel, strict=True)]
        rows, columns = (self._mirrored(along, axis) for axis, along in enumerate(near))
        is_inside = (rows == near[0]) & (columns == near[1])
        return self._at(self._rows(rows), _columns(columns)) * is_inside[..., None]

    def _mirrored(self, index: Int32[Tensor, "b y x"], axis: int) -> Int32[Tensor, "b y x"]:
        """Mirror rows or columns at the rims of their planes."""
        twice = 2 * self._size[axis]
        folded = index.remainder(twice) if self._bounces else index ^ (index >> 31)  # -1 becomes 0, -2 becomes 1
        return torch.minimum(folded, twice - 1 - folded)

    def _rows(self, rows: Int32[Tensor, "b y x"]) -> _Along:
        return _Along((rows >> _SHIFT) * self._across + self._before, (rows & _INSIDE) << _SHIFT)

    def _at(self, rows: _Along, columns: _Along) -> Float32[Tensor, "b y x v"]:
        first = self._table.index_select(0, (rows.page + columns.page).flatten())
        number = first + (rows.pixel + columns.pixel).flatten()
        return self._values.index_select(0, number).view(*rows.page.shape, -1)


def _columns(columns: Int32[Tensor, "b y x"]) -> _Along:
    return _Along(columns >> _SHIFT, columns & _INSIDE)


def _pages(low: int, high: int, size: int) -> tuple[int, int]:
    """Return the first and the last page of a range of rows or columns, mirrored where it leaves the plane."""
    if low < 0 or high >= size:
        inside = mirrored(np.arange(low, high + 1), size)
        low, high = int(inside.min()), int(inside.max())
    return low // TILE, high // TILE
