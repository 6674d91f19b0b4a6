"""Laws of taking an image out of a project, and of taking all off one: nothing of it is left, all else stays."""

from pathlib import Path

import numpy as np
import pytest
from drawing import Drawing

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.reading import open_image
from napari_unet.images.tiles import Region
from napari_unet.project.area_checks import AreaCheck
from napari_unet.project.project import Project

TABLES = ("tiles", "blocks", "kept_strokes", "test_areas", "area_checks")
SHAPE = (3, 40, 50)


@pytest.fixture
def drawing() -> Drawing:
    """Draw a stack, without strokes."""
    return Drawing(Image("stack", np.random.default_rng(0).integers(0, 99, SHAPE, np.uint8), "zyx"))


def strokes(class_id: int, shape: tuple[int, int] = (40, 50)) -> np.ndarray:
    labels = np.zeros(shape, np.uint8)
    labels[2:6, 5:30] = class_id
    return labels


def paint_all(project: Project, image_id: int) -> None:
    """Put something of every kind on an image."""
    area = Region(20, 20, 36, 36)
    project.commit(image_id, 1, strokes(1))
    project.commit(image_id, 2, strokes(2), source="import")
    project.strokes.keep_stroke(image_id, 1, 1, np.ones((3, 3), bool), (2, 5))
    project.test_areas.replace(image_id, 1, [area])
    project.area_checks.add(image_id, AreaCheck(1, area, "random", np.ones(area.shape, np.uint8), True))


def rows(project: Project, image_id: int) -> dict[str, int]:
    """Count the rows that are of an image, by table."""
    query = "SELECT count(*) FROM {} WHERE image_id = ?"
    return {table: project.database.execute(query.format(table), (image_id,)).fetchone()[0] for table in TABLES}


@pytest.mark.parametrize("is_inside", [True, False])
def test_an_image_goes_with_all_that_lies_on_it(project: Project, tmp_path: Path, is_inside: bool) -> None:
    """Its pixels stay where they are, so does the other image; added again it is a new one without strokes."""
    from napari_unet.api import verify

    pixels = np.random.default_rng(1).integers(0, 99, SHAPE, np.uint8)
    np.save(tmp_path / "other.npy", pixels)
    image = Image("other", pixels, "zyx") if is_inside else open_image(tmp_path / "other.npy", "zyx")
    other = project.add_image(image, None if is_inside else tmp_path / "other.npy")
    for image_id in (1, other.id):
        paint_all(project, image_id)
    kept, counts = rows(project, 1), project.strokes.labelled_pixels()
    assert min(kept.values()) > 0
    before = other.path.read_bytes()
    project.images.remove(other.id)
    assert rows(project, other.id) == dict.fromkeys(TABLES, 0)
    assert {table: rows(project, 1)[table] for table in TABLES if table != "test_areas"} == {
        table: count for table, count in kept.items() if table != "test_areas"
    }
    assert project.test_areas.of(1) == {1: (Region(20, 20, 36, 36),)}
    assert [record.id for record in project.images.all()] == [1]
    assert project.strokes.labelled_pixels() == {class_id: count // 2 for class_id, count in counts.items()}
    assert project.strokes.labelled_pixels_by_image().keys() == {1}
    assert project.area_checks.image_ids() == [1]
    np.testing.assert_array_equal(project.strokes.plane(1, 1), strokes(1))
    with pytest.raises(UserError, match=r"^NU-P05: "):
        project.strokes.plane(other.id, 1)
    assert other.path.read_bytes() == before
    again = project.add_image(image, None if is_inside else tmp_path / "other.npy")
    assert again.id > other.id
    assert not project.strokes.plane(again.id, 1).any()
    assert again.path.read_bytes() == before
    assert verify(project.folder) == []


def test_a_removal_reads_no_stroke_of_the_other_images(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that removes an image tells its counts at once, however much is painted on the others."""
    other = project.add_image(Image("other", np.zeros(SHAPE, np.uint8), "zyx"))
    for image_id in (1, other.id):
        paint_all(project, image_id)
    before = project.strokes.labelled_pixels()

    def read(*_: object) -> None:
        raise AssertionError("strokes are read again")

    monkeypatch.setattr("napari_unet.project.strokes.all_tiles", read)
    project.images.remove(other.id)
    assert project.strokes.labelled_pixels() == {class_id: count // 2 for class_id, count in before.items()}


def test_what_comes_after_a_removal_is_newer_than_all_before(project: Project) -> None:
    """Who reads by revision would not see a stroke that gets the revision of one that went."""
    other = project.add_image(Image("other", np.zeros((40, 50), np.uint8), "yx"))
    project.commit(1, 0, strokes(1))
    for class_id in (1, 2, 1):
        project.commit(other.id, 0, strokes(class_id))
    seen = project.strokes.revision
    project.images.remove(other.id)
    after = project.strokes.revision
    assert after > seen
    project.commit(1, 0, strokes(2))
    assert project.strokes.changed_planes(after) == [(1, 0)]


def test_the_only_image_goes_and_another_comes(project: Project) -> None:
    """Opened again, no stroke is said to be missing."""
    project.commit(1, 0, strokes(1))
    project.commit(1, 0, strokes(2))
    project.images.remove(1)
    assert (project.images.count(), project.strokes.revision) == (0, 0)
    project.close()
    with Project(project.folder) as opened:
        assert opened.notices == []
        record = opened.add_image(Image("next", np.zeros((40, 50, 3), np.uint8), "yxc"))
        opened.commit(record.id, 0, strokes(2))
        assert opened.strokes.labelled_pixels_by_image() == {record.id: 100}


def test_an_image_that_cannot_go_stays(project: Project) -> None:
    """Where there is none of that number, and in a project that is open for reading alone."""
    project.commit(1, 0, strokes(1))
    with pytest.raises(UserError, match=r"^NU-P05: "):
        project.images.remove(2)
    with Project(project.folder, read_only=True) as reader:
        with pytest.raises(UserError, match=r"^NU-P11: "):
            reader.images.remove(1)
        np.testing.assert_array_equal(reader.strokes.plane(1, 0), strokes(1))


@pytest.mark.parametrize("wanted", ["zxy", "yxz", "cyx"])
def test_axes_are_free_again_once_all_strokes_are_undone(project: Project, wanted: str) -> None:
    """Strokes on planes of the new shape are all that is stored then, and they are newer than those of before."""
    from napari_unet.api import verify

    for class_id in (1, 0):
        for plane in (0, 2):
            project.commit(1, plane, strokes(class_id))
    project.strokes.keep_stroke(1, 0, 1, np.ones((3, 3), bool), (2, 5))
    seen = project.strokes.revision
    project.images.set_axes(1, wanted)
    record = project.images.get(1)
    assert record.axes == wanted
    assert project.strokes.revision > seen
    assert project.strokes.damaged_tiles() == []
    labels = np.full(record.annotation_shape[-2:], 2, np.uint8)
    project.commit(1, record.planes - 1, labels)
    assert project.strokes.changed_planes(seen) == [(1, record.planes - 1)]
    np.testing.assert_array_equal(project.strokes.plane(1, record.planes - 1), labels)
    with pytest.raises(UserError, match=r"^NU-I33: "):
        project.images.set_axes(1, "zyx")
    assert verify(project.folder) == []


def test_channels_are_free_again_once_all_strokes_are_undone(tmp_path: Path) -> None:
    """Of all images on which nothing is painted."""
    with Project(tmp_path / "p.unet") as project:
        project.add_class()
        for name in "ab":
            project.add_image(Image(name, np.full((3, 40, 50), ord(name), np.uint8), "cyx"))
        project.commit(1, 0, strokes(1))
        with pytest.raises(UserError, match=r"^NU-I33: "):
            project.images.set_channels(1, [1])
        project.commit(1, 0, strokes(0))
        project.images.set_channels(2, [1])
        assert [record.chosen for record in project.images.all()] == [(1,), (1,)]
