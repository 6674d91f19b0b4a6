"""F62: projects of every format that was ever written open, as what they were, and a reader leaves them alone."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_unet.images.image import PixelSize
from napari_unet.images.tiles import Region
from napari_unet.project import schema
from napari_unet.project.project import Project
from napari_unet.project.salvage import salvage

FIXTURES = Path(__file__).parents[1] / "fixtures"
ID = "fb2e683cd2659aac269714b4e66be45a"  # of the project of format 7
FORMATS = range(1, schema.VERSION + 1)


@pytest.fixture(params=FORMATS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[int, Path]:
    """A copy of the project of one format."""
    folder = shutil.copytree(FIXTURES / f"project-format-{request.param}", tmp_path / "old.unet")
    return request.param, folder


def drawn() -> np.ndarray:
    """The strokes that were painted in all of them."""
    labels = np.zeros((70, 90), np.uint8)
    labels[3:6, 5:80], labels[28:33, 30:50] = 1, 2
    return labels


@pytest.mark.parametrize("read_only", [True, False])
def test_an_old_project_is_what_it_was(old: tuple[int, Path], read_only: bool) -> None:
    """Classes, image, strokes, split, settings, scores, and what its format knew besides; written on afterwards."""
    from napari_unet.api import verify

    number, folder = old
    before = (folder / "project.sqlite").read_bytes()
    assert verify(folder) == []
    with Project(folder, read_only=read_only) as project:
        assert [label.name for label in project.classes.all()] == ["background", "cell"]
        assert project.images.open(1).read(0).max() == 200
        np.testing.assert_array_equal(project.strokes.plane(1, 0), drawn())
        assert len(project.strokes.sides(1)) == 3
        assert (project.settings.read().tile, project.settings.read().learning_rate) == (64, 0.002)
        assert project.scores.all() == [{"loss": 0.5}]
        kept = (drawn() == 2) * 2 if number >= 2 else np.zeros((70, 90))
        np.testing.assert_array_equal(project.strokes.kept_labels(1, 0), kept)
        assert project.test_areas.of(1) == ({0: (Region(50, 60, 70, 90),)} if number >= 3 else {})
        checks = [(check.region, check.is_done, check.filled.all()) for check in project.area_checks.of(1)]
        assert checks == ([(Region(50, 60, 70, 90), True, True)] if number >= 6 else [])
        corrected = [("tyx", ()), ("cyx", (1,))] if number >= 4 else []
        sliced = [("zyx", ())] if number >= 5 else []
        assert [(record.axes, record.chosen) for record in project.images.all()] == [("yx", ()), *corrected, *sliced]
        sizes = [PixelSize(), *[PixelSize()] * len(corrected), *[PixelSize(0.5, 0.25, "um", 1.5)] * len(sliced)]
        assert [record.pixel_size for record in project.images.all()] == sizes
        assert (project.rescued.identity.ids == (ID,)) == (number >= 7)
        assert (
            project.rescued.identity.is_older
        )  # all of them were made from that of format 6, or before there was an id
        assert not project.is_newer
        if not read_only:
            assert project.commit(1, 0, drawn() * 0)
    assert ((folder / "project.sqlite").read_bytes() == before) == read_only
    assert verify(folder) == []


def test_an_old_project_that_was_damaged_is_salvaged(old: tuple[int, Path]) -> None:
    """Its rows have fewer columns than today's, and all of them come along."""
    number, folder = old
    with Project(folder, read_only=True) as project:
        before = project.images.all()
    salvage(folder / "project.sqlite")
    with Project(folder, read_only=True) as project:
        assert project.images.all() == before
        assert (ID in project.rescued.identity.ids) == (number >= 7)
        np.testing.assert_array_equal(project.strokes.plane(1, 0), drawn())


def test_there_is_a_fixture_of_every_format() -> None:
    """A new format keeps a project of its own here."""
    assert {path.name for path in FIXTURES.glob("project-format-*")} == {f"project-format-{n}" for n in FORMATS}
