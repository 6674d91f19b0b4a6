"""A plane that holds only the tiles that were written into: sparse painting costs little memory."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped
from scipy import ndimage

from napari_unet.images.tiles import Region

TILE = 256  # px, the side of a tile; a stroke touches a few of them


class TilePlace(NamedTuple):
    """Name a tile by its row and column, counted in tiles."""

    row: int
    column: int


class TiledPlane:
    """Hold the tiles of a plane that were written into; sliced like an array, it returns copies.

    Parameters
    ----------
    shape : height and width of the plane
    dtype : type of its values
    fill : value of all pixels in tiles that are not held

    Attributes
    ----------
    tiles : the tiles that are held, cut at the rim of the plane
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any, fill: int = 0) -> None:
        self.shape = (int(shape[0]), int(shape[1]))
        self.dtype = np.dtype(dtype)
        self.tiles: dict[TilePlace, np.ndarray] = {}
        self._fill = fill

    @property
    def nbytes(self) -> int:
        """Return the bytes of all tiles that are held."""
        return sum(tile.nbytes for tile in self.tiles.values())

    def area(self, place: TilePlace) -> Region:
        """Return the region of a tile."""
        row, column = place
        return Region(row * TILE, column * TILE, (row + 1) * TILE, (column + 1) * TILE).clipped(*self.shape)

    def places(self, region: Region) -> Iterator[TilePlace]:
        """Yield the tiles, held or not, that share a pixel with a region inside the plane, row by row."""
        if 0 not in region.shape:
            for row in range(region.y0 // TILE, -(-region.y1 // TILE)):
                for column in range(region.x0 // TILE, -(-region.x1 // TILE)):
                    yield TilePlace(row, column)

    def parts(self, region: Region) -> Iterator[tuple[Region, Shaped[np.ndarray, "h w"]]]:
        """Yield the part of each held tile that lies in a region, as its own region and its values."""
        for place in self.places(region):
            tile = self.tiles.get(place)
            if tile is not None:
                area = self.area(place)
                inside = area.within(region)
                yield inside, tile[inside.seen_from(area).slices]

    def tile(self, place: TilePlace) -> Shaped[np.ndarray, "h w"]:
        """Return the values of a tile; do not write into them."""
        tile = self.tiles.get(place)
        return np.full(self.area(place).shape, self._fill, self.dtype) if tile is None else tile

    def islands(self) -> Iterator[tuple[Region, Shaped[np.ndarray, "h w"]]]:
        """Yield groups of held tiles that touch, corners included: the box around each group, and its values alone."""
        taken = np.zeros([-(-side // TILE) for side in self.shape], bool)
        for place in self.tiles:
            taken[place] = True
        groups, count = ndimage.label(taken, np.ones((3, 3)))
        for number in range(1, count + 1):
            places = [TilePlace(int(row), int(column)) for row, column in np.argwhere(groups == number)]
            areas = [self.area(place) for place in places]
            box = Region(
                min(area.y0 for area in areas),
                min(area.x0 for area in areas),
                max(area.y1 for area in areas),
                max(area.x1 for area in areas),
            )
            values = np.full(box.shape, self._fill, self.dtype)
            for place, area in zip(places, areas, strict=True):
                values[area.seen_from(box).slices] = self.tiles[place]
            yield box, values

    def write(self, region: Region, values: Shaped[np.ndarray, "h w"]) -> None:
        """Put values into a region inside the plane; missing tiles are made."""
        for place in self.places(region):
            area = self.area(place)
            inside = area.within(region)
            tile = self.tiles.setdefault(place, self.tile(place))
            tile[inside.seen_from(area).slices] = values[inside.seen_from(region).slices]

    def __getitem__(self, key: slice | tuple[slice, slice]) -> Shaped[np.ndarray, "h w"]:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        (y0, y1, _), (x0, x1, _) = rows.indices(self.shape[0]), columns.indices(self.shape[1])
        region = Region(y0, x0, max(y0, y1), max(x0, x1))
        values = np.full(region.shape, self._fill, self.dtype) if self._fill else np.zeros(region.shape, self.dtype)
        for part, tile in self.parts(region):
            values[part.seen_from(region).slices] = tile
        return values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Shaped[np.ndarray, "y x"]:
        return np.asarray(self[:], dtype=dtype)
