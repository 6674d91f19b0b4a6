"""Laws of cutting a plane into tiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.images.tiles import Region, grid, outward, read_mirrored

SIZES = [(55, 3), (80, 10), (17, 128), (1, 1), (64, 64)]
sides = st.integers(1, 90)


@given(sides, sides, st.integers(1, 100))
def test_grid_covers_every_pixel_once(height: int, width: int, tile: int) -> None:
    """No pixel is left out and none is covered twice."""
    covered = np.zeros((height, width), int)
    for region in grid(height, width, tile):
        assert region == region.clipped(height, width)
        covered[region.slices] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tile", [16, 48, 512])
def test_read_then_write_is_the_identity(size: tuple[int, int], tile: int) -> None:
    """A plane put together from its tiles is the plane."""
    plane = np.random.default_rng(0).integers(0, 255, (*size, 2), np.uint8)
    written = np.zeros_like(plane)
    for region in grid(*size, tile):
        written[region.slices] = read_mirrored(plane, region)
    np.testing.assert_array_equal(written, plane)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 40))
def test_rims_are_mirrored(height: int, width: int, margin: int) -> None:
    """Beyond the rim lies what numpy's symmetric padding puts there, however often it has to fold."""
    plane = np.arange(height * width).reshape(height, width)
    read = read_mirrored(plane, Region(0, 0, height, width).grown(margin))
    np.testing.assert_array_equal(read, np.pad(plane, margin, mode="symmetric"))


def test_what_is_read_is_a_copy() -> None:
    """Writing into a tile never reaches the plane, at the rim or inside."""
    plane = np.zeros((20, 20), np.uint8)
    for region in (Region(2, 2, 9, 9), Region(-2, -2, 9, 9)):
        read_mirrored(plane, region)[...] = 1
    assert not plane.any()


@given(sides, sides, st.integers(4, 40), st.tuples(sides, sides, sides, sides))
def test_outward_begins_in_view(height: int, width: int, tile: int, corners: tuple[int, int, int, int]) -> None:
    """All tiles come back, those on screen before all others, and each part from the middle outward."""
    y0, y1 = sorted(corners[:2])
    x0, x1 = sorted(corners[2:])
    view = Region(y0, x0, y1 + 1, x1 + 1)
    tiles = list(grid(height, width, tile))
    ordered = outward(tiles, view)
    assert sorted(ordered) == sorted(tiles)
    seen = [tile.intersects(view) for tile in ordered]
    assert seen == sorted(seen, reverse=True)
    middle = np.array([view.y0 + view.y1, view.x0 + view.x1]) / 2
    for part in (True, False):
        centres = [((t.y0 + t.y1) / 2, (t.x0 + t.x1) / 2) for t in ordered if t.intersects(view) == part]
        distances = [float(((np.array(c) - middle) ** 2).sum()) for c in centres]
        assert distances == sorted(distances)
