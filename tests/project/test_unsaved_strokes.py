"""Laws of strokes that cannot be saved, and of projects that can only be looked at; no window is needed for them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, create_autospec

import msgspec
import numpy as np
import pytest
from drawing import Drawing

napari_layers = pytest.importorskip("napari.layers")
from qtpy.QtCore import QObject
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QMessageBox

from napari_unet import storage
from napari_unet.controller.annotation_clock import AnnotationClock
from napari_unet.controller.controller import Controller
from napari_unet.errors import UserError
from napari_unet.gui.layers import strokes
from napari_unet.gui.layers.strokes import StrokeWatcher
from napari_unet.gui.sections import read_only_offer
from napari_unet.gui.sections.read_only_offer import open_or_read
from napari_unet.images.image import Image
from napari_unet.project import unsaved_strokes
from napari_unet.project.content_hashes import ContentHashes
from napari_unet.project.database import Database
from napari_unet.project.project import Project
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


def test_a_large_stack_is_compared_in_portions(qapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After undo, and of what a script wrote: all planes in the end, the one on screen and two others in one turn."""
    monkeypatch.setattr(strokes, "_PORTION_PX", 2 * 8 * 8)
    layer = napari_layers.Labels(np.zeros((5, 8, 8), np.uint8))
    dims = SimpleNamespace(point=(0.0, 0.0, 0.0), displayed=(1, 2), ndim=3, ndisplay=2)
    parent = QObject()
    told = Mock(return_value=())
    watcher = StrokeWatcher(layer, dims, told, AnnotationClock(lambda: 0.0), parent)
    layer.refresh()
    QTest.qWait(1000)
    turns = [call.args[0] for call in told.call_args_list]
    assert {plane for planes in turns for plane in planes} == {*range(5)}
    assert max(map(len, turns)) == 3
    watcher.check_everywhere()
    told.assert_called_with([*range(5)])
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
        return project.rescued.keep(project.images.get(1), {0: NEW})


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
        project.rescued.keep(project.images.get(1), {0: NEW})
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
    """A copy of one that is still there does not take them; moved, they come back."""
    path = kept(folder)
    assert found(shutil.copytree(folder, tmp_path / "copy.unet"))[1] == []
    moved = folder.rename(tmp_path / "moved.unet")
    folder.mkdir()
    (folder / "content.json").write_bytes(b"{}")  # something made the folder anew, without a project in it
    assert path.exists()
    np.testing.assert_array_equal(found(moved)[0], NEW)


def test_another_project_with_the_same_image_takes_no_strokes(folder: Path, drawing: Drawing, tmp_path: Path) -> None:
    """Not while the drive of theirs is away, and not when it lies in its folder."""
    path = kept(folder)
    away = folder.rename(tmp_path / "unplugged")
    (tmp_path / "other").mkdir()
    with drawing.open_in(tmp_path / "other") as other:
        other_folder = other.folder
    assert found(other_folder)[1] == []
    other_folder.rename(folder)
    labels, told = found(folder)
    np.testing.assert_array_equal(labels, OLD)
    assert told == []
    assert path.exists()
    np.testing.assert_array_equal(found(away)[0], NEW)


def test_a_project_under_another_name_of_its_folder_is_the_same(folder: Path, tmp_path: Path) -> None:
    """As a link, or a network share beside its drive letter."""
    if os.name != "posix":
        pytest.skip("links need rights on Windows")
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    kept(tmp_path / "link" / folder.name)
    np.testing.assert_array_equal(found(folder)[0], NEW)


def test_strokes_of_an_earlier_version_come_back_into_their_folder(folder: Path, tmp_path: Path) -> None:
    """Their file names no project, so that only the folder tells."""
    path = kept(folder)
    stored = msgspec.msgpack.decode(path.read_bytes())
    assert stored.pop("project")
    path.write_bytes(msgspec.msgpack.encode(stored))
    moved = folder.rename(tmp_path / "moved.unet")
    assert found(moved)[1] == []
    moved.rename(folder)
    np.testing.assert_array_equal(found(folder)[0], NEW)


def test_a_backup_from_before_a_project_had_an_id_takes_its_strokes(tmp_path: Path) -> None:
    """Put in the place of the project, it gets another id, and is this project all the same."""
    backup = Path(__file__).parents[1] / "fixtures" / "project-format-6"
    folder = shutil.copytree(backup, tmp_path / "p.unet")
    with Project(folder) as project:
        assert project.rescued.identity.is_older
        labels = project.strokes.plane(1, 0)
        labels[60:62] = 1
        project.rescued.keep(project.images.get(1), {0: labels})
    shutil.rmtree(folder)
    shutil.copytree(backup, folder)
    np.testing.assert_array_equal(found(folder)[0], labels)


def test_strokes_that_were_taken_are_never_painted_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another program holds open is removed once that can be; what was painted since stays."""
    path = kept(folder)
    with monkeypatch.context() as patch:
        patch.setattr(storage.disk, "remove", Mock(side_effect=PermissionError("in use")))
        assert found(folder)[1] == ["NU-P21"]
        with Project(folder) as project:
            project.commit(1, 0, LATER)
        labels, told = found(folder)
        np.testing.assert_array_equal(labels, LATER)
        assert told == []
    assert path.exists()
    np.testing.assert_array_equal(found(folder)[0], LATER)
    assert not path.exists()


def test_the_newest_strokes_come_last_whatever_the_clock_said(folder: Path) -> None:
    """It may have been set back between two of them."""
    first = kept(folder)
    with Project(folder, read_only=True) as project:
        second = project.rescued.keep(project.images.get(1), {0: LATER * 2})
    os.utime(second, (1, 1))
    os.utime(first, (2, 2))
    expected = np.where(LATER * 2 == OLD, NEW, LATER * 2)
    np.testing.assert_array_equal(found(folder)[0], expected)


def test_a_file_is_taken_as_a_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in between leaves the project as it was, in memory too."""
    kept(folder)
    execute = Database.transaction

    @contextmanager
    def full(database: Database) -> Iterator[Any]:
        with execute(database) as connection:
            yield connection
            if connection.execute("SELECT 1 FROM taken_strokes").fetchone():
                raise UserError("NU-P07", "full", "there", "free some")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "transaction", full)
        with Project(folder) as project:
            assert [line[:6] for line in project.notices] == ["NU-P07"]
            np.testing.assert_array_equal(project.strokes.plane(1, 0), OLD)
            assert project.strokes.labelled_pixels()[2] == 0
    np.testing.assert_array_equal(found(folder)[0], NEW)


def test_a_project_whose_folder_was_renamed_makes_it_not_anew(folder: Path, tmp_path: Path) -> None:
    """Neither for the pixels of another image nor for what is known of a file."""
    with Project(folder) as project:
        file = tmp_path / "seen.npy"
        np.save(file, np.zeros((40, 50)))
        record = replace(project.images.get(1), path=file)
        folder.rename(tmp_path / "moved.unet")
        with pytest.raises(UserError, match=r"^NU-P24: "):
            project.images.add(Image("more", np.ones((40, 50)), "yx"))
        assert ContentHashes(folder, read_only=False).check(record) is None
        assert not folder.exists()


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


def test_a_project_opens_where_no_folder_takes_temporary_files(
    folder: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each disk of the system is full, and that of the project has room: what it did not take before comes back."""
    monkeypatch.setattr(tempfile, "gettempdir", Mock(side_effect=FileNotFoundError(2, "no usable directory")))
    assert kept(folder).parent == own_home
    labels, told = found(folder)
    np.testing.assert_array_equal(labels, NEW)
    assert told == ["NU-P21"]
