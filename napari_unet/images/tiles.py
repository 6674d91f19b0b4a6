"""Regions of a plane: cutting it into tiles, ordering these outward, reading with mirrored rims."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Shaped

from napari_unet.images.plane_pixels import PlanePixels


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """Hold a half-open rectangle in pixels; it may reach outside the plane where mirrored pixels are meant."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Return height and width."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return the slices that cut the region out of an array of the plane."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @classmethod
    def around(cls, pixels: Bool[np.ndarray, "y x"]) -> "Region | None":
        """Return the smallest region that holds all pixels that are set, or None when none is."""
        rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
        return cls(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1) if rows.size else None

    def moved(self, rows: int, columns: int) -> "Region":
        """Return the region moved by so many rows and columns."""
        return Region(self.y0 + rows, self.x0 + columns, self.y1 + rows, self.x1 + columns)

    def seen_from(self, other: "Region") -> "Region":
        """Return the region in pixels counted from the origin of another region."""
        return self.moved(-other.y0, -other.x0)

    def grown(self, pixels: int) -> "Region":
        """Return the region with so many ``pixels`` more on every side."""
        return Region(self.y0 - pixels, self.x0 - pixels, self.y1 + pixels, self.x1 + pixels)

    def aligned(self, multiple: int) -> "Region":
        """Return the region grown until its origin and end are multiples of a number of pixels."""
        return Region(
            self.y0 // multiple * multiple,
            self.x0 // multiple * multiple,
            -(-self.y1 // multiple) * multiple,
            -(-self.x1 // multiple) * multiple,
        )

    def halved(self) -> "Region":
        """Return the same region of a ``HalvedPlane``; the origin of this one must be even."""
        return Region(self.y0 // 2, self.x0 // 2, -(-self.y1 // 2), -(-self.x1 // 2))

    def intersects(self, other: "Region") -> bool:
        """Tell whether two regions share a pixel."""
        return self.y0 < other.y1 and other.y0 < self.y1 and self.x0 < other.x1 and other.x0 < self.x1

    def clipped(self, height: int, width: int) -> "Region":
        """Return the part inside a plane of a size; it may be empty."""
        y0, x0 = min(max(self.y0, 0), height), min(max(self.x0, 0), width)
        return Region(y0, x0, max(y0, min(self.y1, height)), max(x0, min(self.x1, width)))

    def within(self, other: "Region") -> "Region":
        """Return the part that lies in another region too; it may be empty."""
        inside = self.seen_from(other).clipped(*other.shape)
        return inside.moved(other.y0, other.x0)

    def __contains__(self, point: tuple[float, float]) -> bool:
        return self.y0 <= point[0] < self.y1 and self.x0 <= point[1] < self.x1


def grid(height: int, width: int, tile: int) -> Iterator[Region]:
    """Yield tiles that cover every pixel of a plane once, row by row; the last ones are cut at the rim."""
    for y in range(0, height, tile):
        for x in range(0, width, tile):
            yield Region(y, x, min(y + tile, height), min(x + tile, width))


def outward(tiles: list[Region], view: Region) -> list[Region]:
    """Order tiles: those in view first, then the others, each part from the centre of the view outward."""
    cy, cx = (view.y0 + view.y1) / 2, (view.x0 + view.x1) / 2

    def distance(tile: Region) -> tuple[bool, float]:
        dy, dx = (tile.y0 + tile.y1) / 2 - cy, (tile.x0 + tile.x1) / 2 - cx
        return not tile.intersects(view), dy * dy + dx * dx

    return sorted(tiles, key=distance)


def read_mirrored(plane: Shaped[np.ndarray, "y x ..."] | PlanePixels, region: Region) -> Shaped[np.ndarray, "h w ..."]:
    """Copy a region; pixels outside the plane are mirrored at its rim, as often as needed."""
    inside = region.clipped(plane.shape[0], plane.shape[1])
    if region == inside:
        return plane[region.slices].copy()
    before = inside.y0 - region.y0, inside.x0 - region.x0
    behind = region.y1 - inside.y1, region.x1 - inside.x1
    if all(max(pair) <= side for pair, side in zip(zip(before, behind, strict=True), inside.shape, strict=True)):
        # Far quicker than picking every pixel by its index, and for all but tiny planes the same.
        part = plane[inside.slices]
        rims = [*zip(before, behind, strict=True), *[(0, 0)] * (part.ndim - 2)]
        return np.pad(part, rims, mode="symmetric")
    rows = mirrored(np.arange(region.y0, region.y1), plane.shape[0])
    columns = mirrored(np.arange(region.x0, region.x1), plane.shape[1])
    y0, x0 = int(rows.min()), int(columns.min())
    needed = plane[y0 : int(rows.max()) + 1, x0 : int(columns.max()) + 1]
    return needed[rows[:, None] - y0, columns[None, :] - x0]


def mirrored(index: Shaped[np.ndarray, " n"], size: int) -> Shaped[np.ndarray, " n"]:
    """Mirror rows or columns at the rims of a plane of this many, as often as needed."""
    folded = index % (2 * size)
    return np.where(folded < size, folded, 2 * size - 1 - folded)
