"""Laws of the areas that were proposed: what is remembered of them, and which of them count."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.project.area_checks import AreaCheck, Origin
from napari_unet.project.project import Project

AREA = Region(4, 8, 12, 24)
FILLED = np.arange(8 * 16, dtype=np.uint8).reshape(8, 16) % 3


@pytest.fixture
def proposed(tmp_path: Path) -> Iterator[Project]:
    """A project with an image of two planes and an area on the second of them."""
    with Project(tmp_path / "p.unet") as project:
        project.add_class()
        project.add_image(Image("image", np.zeros((2, 40, 50), np.uint8), "zyx"))
        project.test_areas.replace(1, 1, [AREA])
        project.area_checks.add(1, AreaCheck(1, AREA, "random", FILLED, False))
        yield project


def test_a_check_is_remembered_as_it_was(proposed: Project) -> None:
    """Another reader sees where it lies, what it was filled with, and that it is not done; once forgotten, nothing."""
    with Project(proposed.folder, read_only=True) as reader:
        (check,) = reader.area_checks.of(1)
    assert (check.plane, check.region, check.origin, check.is_done) == (1, AREA, "random", False)
    np.testing.assert_array_equal(check.filled, FILLED)
    proposed.area_checks.remove(1, 1, AREA)
    assert proposed.area_checks.of(1) == ()


def test_pixels_that_were_corrected_are_counted(proposed: Project) -> None:
    """Another class and an erased pixel count; none, where nothing was corrected."""
    (check,) = proposed.area_checks.of(1)
    assert check.changed(FILLED) == 0
    labels = FILLED.copy()
    labels[0, 1], labels[0, 2] = 2, 0
    assert check.changed(labels) == 2


@pytest.mark.parametrize(("origin", "done", "counts"), [("random", 1, 1), ("random", 0, 0), ("unsure", 1, 0)])
def test_only_areas_at_random_that_are_done_count(origin: Origin, done: int, counts: int) -> None:
    """A place that was chosen for its errors says nothing of the image."""
    assert AreaCheck(0, AREA, origin, FILLED, bool(done)).counts == bool(counts)


def test_who_reads_by_revision_sees_that_a_check_is_done(proposed: Project) -> None:
    """The worker reads what is newer than a revision, and nothing else."""
    proposed.strokes.commit(1, 1, np.ones((40, 50), np.uint8))
    with Project(proposed.folder, read_only=True) as reader:
        before = reader.strokes.revision
        assert reader.strokes.changed_planes(before) == []
        proposed.area_checks.finish(1, 1, AREA)
        assert reader.strokes.changed_planes(before) == [(1, 1)]
        assert [check.is_done for check in reader.area_checks.of(1)] == [True]
