"""Laws of the images that a worker keeps open: bounded memory, and the same pixels whenever they are asked for."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.dataset.annotated import Annotations
from napari_unet.images.halved_plane import HalvedPlane
from napari_unet.images.image import Image
from napari_unet.images.planes import NormalisedPlanes, OpenedImages
from napari_unet.images.thumbnail import thumbnail
from napari_unet.project.project import Project
from napari_unet.project.stored_planes import StoredPlanes
from napari_unet.project.strokes import Strokes

SIDE = 64
PLANE_BYTES = SIDE * SIDE * 4
COUNT = 12


def image(number: int) -> Image:
    """Two planes of noise of its own brightness."""
    random = np.random.default_rng(number)
    return Image(f"image {number}", random.normal(100 * number, 5, (2, SIDE, SIDE)).astype(np.float32), "zyx")


def test_memory_is_bounded_and_a_dropped_plane_comes_back_equal() -> None:
    """However often images are asked for, three planes and three opened images are kept; pixels never differ."""
    opened: list[int] = []

    def open_image(number: int) -> Image:
        opened.append(number)
        return image(number)

    cost = 2 * 2**20 + 2 * PLANE_BYTES
    images = OpenedImages(open_image, planes_bytes=3 * PLANE_BYTES, opened_bytes=3 * cost)
    expected = {(n, p): NormalisedPlanes(image(n))[p].copy() for n in range(COUNT) for p in range(2)}
    order = np.random.default_rng(0)
    for _ in range(200):
        number, plane = int(order.integers(COUNT)), int(order.integers(2))
        np.testing.assert_array_equal(images[number][plane], expected[number, plane])
        assert images.planes.held_bytes <= 3 * PLANE_BYTES
        assert images.opened.held_bytes <= 3 * cost
    assert len(opened) > COUNT
    before = len(opened)
    first = images[3][0]
    assert images[3][0] is first
    assert len(opened) <= before + 1


def test_what_is_larger_than_the_budget_is_kept_alone() -> None:
    images = OpenedImages(image, planes_bytes=PLANE_BYTES // 2)
    first = images[1][0]
    assert images[1][0] is first
    assert images[1][1] is not first
    assert len(images.planes) == 1


def test_the_annotations_of_a_project_keep_no_more_than_that(tmp_path: Path) -> None:
    """Images of a project are opened by number, lazily, within the bounds above."""
    with Project(tmp_path / "p.unet") as project:
        ids = [project.add_image(image(number)).id for number in range(3)]
        images = OpenedImages(project.images.open, PLANE_BYTES)
        annotations = Annotations(project, images)
        for number, image_id in [*enumerate(ids), *enumerate(ids)]:
            np.testing.assert_array_equal(annotations.pixels(image_id)[1], NormalisedPlanes(image(number))[1])
            assert images.planes.held_bytes == PLANE_BYTES


def test_strokes_come_back_equal_when_the_store_kept_other_planes(tmp_path: Path) -> None:
    """A writer whose memory of planes is one plane long commits, forgets and reads back the same strokes."""
    with Project(tmp_path / "p.unet") as project:
        ids = [project.add_image(image(number)).id for number in range(3)]
        project.add_class()
        project.add_class()
        planes = StoredPlanes(project.database, SIDE * SIDE)
        strokes = Strokes(project.database, planes, project.classes, project.test_areas)
        wanted: dict[int, np.ndarray] = {}
        random = np.random.default_rng(1)
        for turn in range(12):
            image_id = ids[turn % 3]
            wanted[image_id] = random.integers(0, 3, (SIDE, SIDE)).astype(np.uint8)
            assert strokes.commit(image_id, 0, wanted[image_id])
            for known, labels in wanted.items():
                np.testing.assert_array_equal(strokes.plane(known, 0), labels)
            assert planes.held_bytes == SIDE * SIDE
        assert sum(strokes.labelled_pixels().values()) == sum((labels > 0).sum() for labels in wanted.values())


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_a_halved_plane_is_made_of_means_of_four(height: int, width: int, drawn: st.DataObject) -> None:
    """Whatever part is read, and of odd sizes too; the last row or column counts twice there."""
    plane = np.random.default_rng(height).random((height, width, 2), np.float32)
    padded = np.pad(plane, [(0, height % 2), (0, width % 2), (0, 0)], mode="edge")
    means = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2, 2).mean((1, 3))
    halved = HalvedPlane(plane)
    assert halved.shape == means.shape
    y0, x0 = (drawn.draw(st.integers(0, n - 1)) for n in means.shape[:2])
    np.testing.assert_allclose(halved[y0 : means.shape[0], x0 : means.shape[1]], means[y0:, x0:], rtol=1e-6)
    np.testing.assert_allclose(halved[y0 : y0 + 1, x0 : x0 + 1], means[y0 : y0 + 1, x0 : x0 + 1], rtol=1e-6)


def test_a_thumbnail_is_small_and_shows_the_middle_plane() -> None:
    """Its longer side is between the wanted one and twice that; colours stay colours; NaN is black."""
    stack = np.zeros((3, 100, 650, 3), np.float32)
    stack[1, :, 300:] = (0, 50, 100)
    stack[1, :20] = np.nan
    found = thumbnail(Image("stack", stack, "zyxc"), 32)
    assert found.shape == (5, 33, 3)
    assert not found[0].any()
    assert not found[1:, :15].any()
    np.testing.assert_allclose(found[1:, 16:], np.broadcast_to((0, 127, 255), (4, 17, 3)), atol=1)
    assert not thumbnail(Image("one", np.full((5, 5), 7, np.uint16), "yx"), 32).any()
