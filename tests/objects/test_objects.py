"""Laws of numbering objects."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_unet.config import Settings
from napari_unet.images.object_labels import RIDGE, object_labels, ridge
from napari_unet.images.reading import open_image
from napari_unet.objects.objects import AS_PAINTED, find_objects, label_objects, objects_of_plane, split_touching

masks = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3))


@given(masks)
def test_objects_cover_exactly_the_foreground(mask: np.ndarray) -> None:
    """A pixel has an object number exactly where its class is not background, and numbers run 1..N without gaps."""
    objects = label_objects(mask)
    assert np.array_equal(objects > 0, mask > 0)
    assert np.array_equal(np.unique(objects[objects > 0]), np.arange(1, objects.max() + 1))


@given(masks)
def test_neighbours_share_an_object_exactly_when_they_share_a_class(mask: np.ndarray) -> None:
    """Two foreground pixels touching at an edge or corner have equal numbers if and only if they have equal classes."""
    objects = label_objects(mask)
    height, width = mask.shape
    for dy, dx in [(0, 1), (1, 0), (1, 1), (1, -1)]:
        here = (slice(0, height - dy), slice(max(0, -dx), width - max(0, dx)))
        there = (slice(dy, height), slice(max(0, dx), width - max(0, -dx)))
        foreground = (mask[here] > 0) & (mask[there] > 0)
        same_class = (mask[here] == mask[there])[foreground]
        assert np.array_equal((objects[here] == objects[there])[foreground], same_class)


@given(masks)
def test_one_object_is_connected(mask: np.ndarray) -> None:
    """Growing one pixel of an object step by step inside its own number reaches all of it."""
    objects = label_objects(mask)
    for number in range(1, int(objects.max()) + 1):
        inside = np.pad(objects == number, 1)
        reached = np.zeros_like(inside)
        reached[tuple(np.argwhere(inside)[0])] = True
        for _ in range(inside.size):
            grown = np.array(reached)
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    grown |= np.roll(reached, (dy, dx), (0, 1))
            grown &= inside
            if np.array_equal(grown, reached):
                break
            reached = grown
        assert np.array_equal(reached, inside)


def test_diagonal_pixels_are_one_object() -> None:
    """Two pixels of a class that touch at a corner are one object."""
    assert label_objects(np.array([[1, 0], [0, 1]], np.uint8)).max() == 1


def test_touching_classes_are_two_objects() -> None:
    """Touching pixels of different classes are different objects."""
    assert np.array_equal(label_objects(np.array([[1, 2]], np.uint8)), [[1, 2]])


def test_255_classes_and_many_objects_fit() -> None:
    """More objects than 16 bits can count keep their own numbers."""
    mask = np.zeros((2 * 260, 2 * 260), np.uint8)
    mask[::2, ::2] = np.arange(260 * 260).reshape(260, 260) % 255 + 1
    assert label_objects(mask).max() == 260 * 260


def discs(*places: tuple[int, int, int], shape: tuple[int, int] = (60, 90)) -> np.ndarray:
    """A mask of discs: y, x and radius of each."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.any([(y - cy) ** 2 + (x - cx) ** 2 <= r**2 for cy, cx, r in places], axis=0).astype(np.uint8)


@given(masks, st.floats(0, 1))
def test_splitting_cuts_and_never_joins_or_loses(mask: np.ndarray, narrow: float) -> None:
    """Whatever is cut, the pieces cover the foreground and each lies within one connected piece."""
    inside = mask == 1
    pieces = split_touching(inside, narrow)
    assert np.array_equal(pieces > 0, inside)
    whole = split_touching(inside, 0.0)
    for number in np.unique(pieces[inside]):
        assert len(np.unique(whole[pieces == number])) == 1


@given(masks.map(lambda mask: np.kron(mask, np.ones((3, 3), np.uint8))), st.floats(0, 1), st.integers(0, 40))
def test_no_cut_makes_a_piece_below_the_smallest(mask: np.ndarray, narrow: float, smallest: int) -> None:
    """A piece below the smallest size was a connected piece by itself."""
    inside = mask == 1
    pieces, whole = split_touching(inside, narrow, smallest), split_touching(inside, 0.0)
    for number in np.unique(pieces[inside]):
        size = np.count_nonzero(pieces == number)
        assert size >= smallest or size == np.count_nonzero(whole == whole[pieces == number][0])


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_touching_discs_are_cut_at_any_size(factor: int) -> None:
    """Two discs that overlap a little are two, near the line between them, one disc is one, at every magnification."""
    first, second = (30 * factor, 25 * factor, 15 * factor), (30 * factor, 53 * factor, 15 * factor)
    shape = (60 * factor, 90 * factor)
    found, values = objects_of_plane(discs(first, second, shape=shape), Settings())
    assert values.tolist() == [0, 1, 1]
    sizes = np.bincount(found.ravel())[1:]
    assert sizes.min() > 0.9 * sizes.max()
    assert objects_of_plane(discs(first, shape=shape), Settings())[1].tolist() == [0, 1]
    together = objects_of_plane(discs(first, second, shape=shape), AS_PAINTED)
    assert together[1].tolist() == [0, 1]


def test_holes_are_filled_up_to_their_size_and_only_where_background() -> None:
    """A small hole joins its object; a larger one, one of another class and a bay at the frame stay."""
    mask = np.ones((20, 20), np.uint8)
    mask[2:4, 2:4] = mask[8:13, 8:13] = mask[15:17, 0:2] = 0
    mask[2:4, 15:17] = 2
    found, values = objects_of_plane(mask, Settings(object_holes=10, object_minimum=0))
    assert found[2, 2] == 1
    assert found[10, 10] == found[15, 0] == 0
    assert values[found[2, 15]] == 2


def test_small_and_cut_objects_are_left_out() -> None:
    """Objects below the smallest size, and on demand those at the frame, have no number, and numbers have no gaps."""
    mask = np.zeros((30, 30), np.uint8)
    mask[0:8, 0:8] = mask[10:13, 10:13] = mask[20:28, 10:18] = 1
    assert objects_of_plane(mask, Settings(object_minimum=10))[0].max() == 2
    found, values = objects_of_plane(mask, Settings(object_minimum=10, object_cut=True))
    assert (found > 0).sum() == 64
    assert found[20, 10] == 1
    assert len(values) == 2


def test_a_border_class_separates_and_is_no_object() -> None:
    """Cells with a painted line between them are two, the line's pixels belong to one or the other, none is lost."""
    mask = np.zeros((20, 41), np.uint8)
    mask[5:15, 5:36] = 1
    mask[5:15, 20] = 2
    found, values = objects_of_plane(mask, Settings(object_border=3))
    assert values.tolist() == [0, 1, 1]
    assert np.array_equal(found > 0, mask > 0)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_a_ridge_goes_to_the_objects_beside_it(width: int) -> None:
    """Gaps up to the width are filled from both sides, wider ones stay, and nothing else grows."""
    for gap in range(1, 7):
        mask = np.zeros((20, 41), np.uint8)
        mask[5:15, 4:18] = mask[5:15, 18 + gap : 36] = 1
        found, values = objects_of_plane(mask, Settings(object_ridge=width, object_split=0.0))
        assert values.tolist() == [0, 1, 1]
        filled = found[6:14, 18 : 18 + gap] > 0
        assert filled.all() == (gap <= width)
        assert filled.any() == (gap <= width)
        sides = np.bincount(found[10])[1:]
        if gap <= width:
            assert sides.tolist() == [14 + (gap + 1) // 2, 18 - gap + gap // 2] or sides.tolist() == [
                14 + gap // 2, 18 - gap + (gap + 1) // 2
            ]  # fmt: skip
        assert not found[: 5 - width].any()  # notches where a gap ends are filled a little
        assert not found[:, :4].any()
    assert objects_of_plane(mask, Settings(object_ridge=width, object_split=0.0, object_minimum=10**6))[0].max() == 0


def test_annotation_of_objects_and_its_ridge_are_inverse() -> None:
    """Touching squares that are annotated with a ridge come back as they were, up to where three of them meet."""
    objects = np.zeros((40, 60), np.int32)
    objects[4:20, 4:30], objects[4:20, 30:50], objects[20:36, 10:40] = 1, 2, 3
    mask = (object_labels(objects) - 1).astype(np.uint8)
    found, values = objects_of_plane(mask, Settings(object_ridge=RIDGE, object_split=0.0))
    assert len(values) == 4
    for number in (1, 2, 3):
        inside = objects == number
        best = max(((found == k) & inside).sum() / ((found == k) | inside).sum() for k in (1, 2, 3))
        assert best > 0.97
    without = objects_of_plane(mask, Settings(object_split=0.0))[0]
    np.testing.assert_array_equal(without > 0, (objects > 0) & ~ridge(objects))


stacks = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(0, 2))


@given(stacks)
def test_numbers_of_a_stack_are_those_of_its_planes(mask: np.ndarray) -> None:
    """Unlinked, an object lies in one plane, its value is the mask's, and numbers run 1..N without gaps."""
    objects = find_objects(mask, AS_PAINTED)
    assert np.unique(objects.numbers[objects.numbers > 0]).tolist() == list(range(1, objects.count + 1))
    assert np.array_equal(objects.values[objects.numbers], mask)
    for number in range(1, objects.count + 1):
        assert len(np.unique(np.nonzero(objects.numbers == number)[0])) == 1


@given(stacks, st.floats(0.05, 1))
def test_linking_renames_and_nothing_else(mask: np.ndarray, overlap: float) -> None:
    """Linked numbers are unions of unlinked ones, of one class, at most one per plane, in planes without a gap."""
    apart = find_objects(mask, AS_PAINTED)
    linked = find_objects(mask, msgspec.structs.replace(AS_PAINTED, object_link=overlap))
    assert np.array_equal(linked.values[linked.numbers], mask)
    for number in range(1, linked.count + 1):
        planes = [np.unique(apart.numbers[k][linked.numbers[k] == number]) for k in range(len(mask))]
        held = [k for k, names in enumerate(planes) if len(names)]
        assert all(len(names) <= 1 for names in planes)
        assert held == list(range(held[0], held[-1] + 1))


def test_a_ball_is_one_object_and_follows_in_time() -> None:
    """A ball over slices has one number; it keeps it while it moves; another position of the stage has its own."""
    z, y, x = np.mgrid[:9, :30, :40]
    volumes = [((z - 4) ** 2 + (y - 15) ** 2 + (x - 15 - 2 * t) ** 2 <= 16).astype(np.uint8) for t in range(3)]
    settings = Settings(object_link=0.03, object_minimum=0)
    film = np.concatenate(volumes)
    assert find_objects(film, settings, "tz", (3, 9)).count == 1
    assert find_objects(np.stack(volumes, axis=1).reshape(film.shape), settings, "zt", (9, 3)).count == 1
    assert find_objects(film, settings, "pz", (3, 9)).count == 3
    assert find_objects(volumes[0], Settings(object_minimum=0, object_range=0), "z", (9,)).count == 9
    kept = find_objects(film, settings, "tz", (3, 9)).numbers > 0
    assert np.array_equal(kept, film > 0)  # a cap of one pixel belongs to the ball, whatever its size


def test_of_two_heirs_the_larger_keeps_the_number() -> None:
    """A cell that divides gives its number to the daughter that overlaps most; the other gets a new one."""
    mask = np.zeros((2, 10, 20), np.uint8)
    mask[0, 2:8, 2:18] = mask[1, 2:8, 2:12] = mask[1, 2:8, 13:18] = 1
    numbers = find_objects(mask, msgspec.structs.replace(AS_PAINTED, object_link=0.1), "t", (2,)).numbers
    assert numbers[1, 4, 4] == numbers[0, 4, 4]
    assert numbers[1, 4, 15] != numbers[0, 4, 15] > 0


def test_pages_without_a_meaning_are_linked(tmp_path: Path) -> None:
    """A TIFF file of plain pages holds a stack: its objects go on from page to page. Positions beside z do not."""
    mask = np.zeros((5, 20, 20), np.uint8)
    mask[:, 5:15, 5:15] = 1
    with tifffile.TiffWriter(tmp_path / "pages.tif") as file:
        for page in mask:
            file.write(page, contiguous=False, metadata=None)
    image = open_image(tmp_path / "pages.tif")
    settings = Settings(object_link=0.1, object_minimum=0)
    assert image.plane_axes == "i"
    assert find_objects(mask, settings, image.plane_axes, image.plane_shape).count == 1
    assert find_objects(mask[:4], settings, "zi", (2, 2)).count == 2
