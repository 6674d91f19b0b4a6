"""Laws of strokes that cannot be saved, and of projects that can only be looked at; no window is needed for them."""

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, create_autospec

import numpy as np
import pytest
from drawing import Drawing

napari_layers = pytest.importorskip("napari.layers")
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QMessageBox

from napari_unet.controller.annotation_clock import AnnotationClock
from napari_unet.controller.controller import Controller
from napari_unet.errors import UserError
from napari_unet.gui.layers.strokes import StrokeWatcher
from napari_unet.gui.sections import read_only_offer
from napari_unet.gui.sections.read_only_offer import open_or_read
from napari_unet.images.image import Image
from napari_unet.project import unsaved_strokes
from napari_unet.project.project import Project
from napari_unet.project.rescued_strokes import keep_elsewhere
from napari_unet.project.strokes import Strokes


def test_a_plane_that_could_not_be_saved_is_handed_over_until_it_is(qapp: Any) -> None:
    """Whichever plane is shown meanwhile; afterwards only the one that is shown is compared."""
    layer = napari_layers.Labels(np.zeros((5, 8, 8), np.uint8))
    dims = SimpleNamespace(point=(2.0, 0.0, 0.0), displayed=(1, 2), ndim=3, ndisplay=2)
    parent = QObject()
    saves = Mock(side_effect=lambda planes: planes)
    watcher = StrokeWatcher(layer, dims, saves, AnnotationClock(lambda: 0.0), parent)
    watcher.check()
    saves.assert_called_with([2])
    dims.point = (4.0, 0.0, 0.0)
    watcher.check()
    saves.assert_called_with([2, 4])
    dims.point = (0.0, 0.0, 0.0)
    watcher.check()
    saves.assert_called_with([0, 2, 4])
    saves.side_effect = lambda planes: ()
    watcher.check()
    saves.assert_called_with([0, 2, 4])
    assert watcher.unsaved == set()
    watcher.check()
    saves.assert_called_with([0])
    watcher.stop()


@pytest.mark.parametrize("code", ["NU-P02", "NU-P09", "NU-P10"])
@pytest.mark.parametrize("taken", [True, False])
def test_what_cannot_be_written_may_be_looked_at(code: str, taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is asked once, with the line that says why; without a yes the project is not opened."""
    controller = create_autospec(Controller, instance=True)
    error = UserError(code, "what", "where", "fix")
    project = create_autospec(Project, instance=True)
    controller.open_project.side_effect = [error, project]
    answer = QMessageBox.StandardButton.Open if taken else QMessageBox.StandardButton.Cancel
    question = Mock(return_value=answer)
    monkeypatch.setattr(read_only_offer.QMessageBox, "question", question)
    if taken:
        assert open_or_read(controller, Path("p.unet"), None) is project
        controller.open_project.assert_called_with(Path("p.unet"), read_only=True)
    else:
        with pytest.raises(UserError, match=code):
            open_or_read(controller, Path("p.unet"), None)
        assert controller.open_project.call_count == 1
    question.assert_called_once()
    assert f"{code}: what, where, fix" in question.call_args.args[2]


def test_other_refusals_are_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is no project cannot be looked at either."""
    controller = create_autospec(Controller, instance=True)
    controller.open_project.side_effect = UserError("NU-P01", "what", "where", "fix")
    monkeypatch.setattr(read_only_offer.QMessageBox, "question", Mock(side_effect=AssertionError))
    with pytest.raises(UserError, match="NU-P01"):
        open_or_read(controller, Path("p.unet"), None)


OLD, NEW, LATER = np.zeros((3, 40, 50), np.uint8)
OLD[2:5] = 1
NEW[3:9, 10:30] = 2  # over some old ones, which it erases elsewhere
LATER[30:33] = 1


@pytest.fixture
def drawing() -> Drawing:
    """Draw strokes of one of three classes."""
    classes = ("background", "class 2", "class 3")
    return Drawing(Image("drawn", np.arange(2000).reshape(40, 50), "yx"), OLD, classes)


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test a folder for temporary files of its own."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def kept(folder: Path) -> Path:
    """Where the new strokes are, which the project did not take."""
    with Project(folder) as project:
        return keep_elsewhere(folder, project.strokes, project.images.get(1), {0: NEW})


def found(folder: Path) -> tuple[np.ndarray, list[str]]:
    """Strokes, and codes of what is told, when the project is opened."""
    with Project(folder) as project:
        return project.strokes.plane(1, 0), [line[:6] for line in project.notices]


def test_strokes_that_were_kept_elsewhere_come_back(folder: Path, own_home: Path) -> None:
    """When the project is opened for writing next, and once; who only reads leaves them where they are."""
    path = kept(folder)
    assert path.parent == own_home
    with Project(folder, read_only=True) as project:
        np.testing.assert_array_equal(project.strokes.plane(1, 0), OLD)
    labels, told = found(folder)
    np.testing.assert_array_equal(labels, NEW)
    assert told == ["NU-P21"]
    assert not path.exists()
    assert found(folder)[1] == []


def test_strokes_painted_since_are_kept(folder: Path) -> None:
    """Only what was not saved comes back, over whatever was painted in the meantime."""
    with Project(folder) as project:
        keep_elsewhere(folder, project.strokes, project.images.get(1), {0: NEW})
        project.commit(1, 0, OLD | LATER)
    np.testing.assert_array_equal(found(folder)[0], NEW | LATER)


def test_the_next_place_is_tried(folder: Path, own_home: Path) -> None:
    """The folder for temporary files where the home takes none; a line where neither does."""
    own_home.rmdir()
    own_home.write_bytes(b"no folder")
    path = kept(folder)
    assert path.parent == folder.parent / "temporary"
    np.testing.assert_array_equal(found(folder)[0], NEW)
    (folder.parent / "temporary").rmdir()
    (folder.parent / "temporary").write_bytes(b"no folder")
    with pytest.raises(UserError, match=r"^NU-P22: "):
        kept(folder)


def test_strokes_follow_a_project_that_was_moved_and_no_other(folder: Path, tmp_path: Path) -> None:
    """A project without the image, and a copy of one that is still there, do not take them."""
    path = kept(folder)
    with Project(tmp_path / "other.unet") as other:
        assert other.notices == []
    moved = folder.rename(tmp_path / "moved.unet")
    with Project(tmp_path / "other.unet") as other:
        assert other.notices == []
    assert path.exists()
    np.testing.assert_array_equal(found(moved)[0], NEW)


def test_a_file_that_is_damaged_or_foreign_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The damaged one is told and stays; that of another user is not even read."""
    path = kept(folder)
    whole = path.read_bytes()
    for data in (whole[:-9], b"", whole.replace(b"\x28", b"\x29"), b"\xff" * 99):
        path.write_bytes(data)
        labels, told = found(folder)
        np.testing.assert_array_equal(labels, OLD)
        assert told == ["NU-P23"]
    path.write_bytes(whole)
    if os.name == "posix":
        user = os.getuid()
        monkeypatch.setattr(unsaved_strokes.os, "getuid", lambda: user + 1)
        np.testing.assert_array_equal(found(folder)[0], OLD)
        assert path.exists()


def test_a_disk_that_is_still_full_keeps_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project opens, says so, and takes the strokes another time."""
    path = kept(folder)
    with monkeypatch.context() as patch:
        patch.setattr(Strokes, "commit", Mock(side_effect=UserError("NU-P07", "full", "there", "free some")))
        assert found(folder)[1] == ["NU-P07"]
    assert path.exists()
    np.testing.assert_array_equal(found(folder)[0], NEW)
