"""Laws of strokes on their way from the layer into the project: none is lost, and none goes into another image."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import tifffile
from fake_worker import FakeClient
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMessageBox
from window import User, messages, settle

from napari_unet.decoder.client import DecoderClient
from napari_unet.errors import UserError
from napari_unet.gui.sections import read_only_offer
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project

SIZES = {"a": 96, "b": 64}


@pytest.fixture
def hyperstacks(viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    """Open the panel over two ImageJ files ZCYX, whose layers ours cannot lie over; "b" is worked on."""
    monkeypatch.setattr("napari_unet.gui.panel.WorkerProcess", FakeClient)
    for number, (name, side) in enumerate(SIZES.items()):
        pixels = np.random.default_rng(number).integers(0, 255, (3, 2, side, side)).astype(np.uint8)
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels, imagej=True, metadata={"axes": "ZCYX"})
        viewer.open(str(tmp_path / f"{name}.tif"), plugin="napari")
    user = User(viewer)
    assert settle(lambda: user.panel.canvas.annotation is not None, 10)
    return user


def planes_of(user: User) -> dict[str, np.ndarray]:
    """The stored planes of each image."""
    project = user.panel.controller.project
    return {
        record.name: np.stack([project.strokes.plane(record.id, plane) for plane in range(record.planes)])
        for record in project.images.all()
    }


def paint(user: User, class_id: int, row: int) -> None:
    """Paint a row of class numbers on the first plane, as a script does that refreshes the layer."""
    user.panel.canvas.annotation.data[0, row] = class_id
    user.panel.canvas.annotation.refresh()


def test_each_layer_that_is_chosen_keeps_its_own_strokes(hyperstacks: User) -> None:
    """Back and forth between images that are brought up in a layer of ours, of several sizes."""
    user, layers = hyperstacks, hyperstacks.viewer.layers
    first = user.panel.controller.image.name
    other = next(name for name in SIZES if name != first)
    theirs = {name: layers[name] for name in SIZES if name in layers}
    paint(user, 1, 5)
    user.panel.choose_image(theirs[other])
    assert user.panel.controller.image.name == other
    assert not user.painted.any()
    paint(user, 2, 9)
    user.panel.choose_image(theirs[first])
    stored = planes_of(user)
    np.testing.assert_array_equal(stored[first], user.painted)
    assert set(np.unique(np.nonzero(stored[first])[1])) == {5}
    assert set(np.unique(np.nonzero(stored[other])[1])) == {9}
    assert messages() == []


def test_an_image_that_cannot_be_brought_leaves_the_one_before(
    hyperstacks: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, it is in the list with what is wrong, and painting goes on where it was."""
    user, panel = hyperstacks, hyperstacks.panel
    first = panel.controller.image.name
    other = next(name for name in SIZES if name != first)
    error = UserError("NU-S10", "the decoder does not answer", other, "try again")
    with monkeypatch.context() as patch:
        patch.setattr(DecoderClient, "open_recorded", lambda *_: (_ for _ in ()).throw(error))
        panel.head.images.setCurrentText(other)
        panel.head.images.activated.emit(panel.head.images.currentIndex())
    assert [line[:6] for line in messages()] == ["NU-S10"]
    assert panel.controller.image.name == first
    assert panel.canvas.image.visible
    paint(user, 1, 5)
    settle(lambda: planes_of(user)[first].any(), 5)
    assert planes_of(user)[first][0, 5].all()
    assert not planes_of(user)[other].any()


def test_layers_that_are_gone_are_not_used(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question about all open images, answered after one of them was removed."""
    monkeypatch.setattr("napari_unet.gui.panel.WorkerProcess", FakeClient)
    for number, name in enumerate("abc"):
        viewer.add_image(np.random.default_rng(number).integers(0, 255, (80, 70)).astype(np.uint8), name=name)
    user = User(viewer)
    panel, worked_on = user.panel, user.panel.controller.image.name
    gone, stays = (name for name in "abc" if name != worked_on)
    asked = panel.opening.banner
    assert asked.text.text() == "3 images are open: use all three in this project?"
    viewer.layers.remove(gone)
    asked.buttons[0].click()
    assert {record.name for record in panel.controller.project.images.all()} == {worked_on, stays}
    assert panel.controller.image.name == worked_on
    user.draw(1, (20, 20), (20, 50))
    assert user.stored()[20, 40] == 1
    assert messages() == []


def test_strokes_never_go_into_an_image_that_their_layer_is_not_over(user: User) -> None:
    """Whatever went wrong: they stay on the layer, this is told once, and they are saved once it is right again."""
    panel = user.panel
    image, project = panel.controller.image, panel.controller.project
    other = project.images.add(panel.project_images.opened(image).__class__("other", np.zeros((192, 160)), "yx"))
    user.draw(1, (15, 75), (90, 75))
    panel.controller.show_image(other)
    user.draw(2, (32, 32), (48, 48))
    assert not project.strokes.plane(other.id, 0).any()
    assert panel.canvas.watcher.unsaved == {0}
    assert [line[:6] for line in messages()] == ["NU-W04"]
    panel.controller.show_image(image)
    assert settle(lambda: not panel.canvas.watcher.unsaved, 5)
    np.testing.assert_array_equal(project.strokes.plane(image.id, 0), user.painted)


@pytest.fixture
def eight_planes(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> User:
    """Open the panel on a stack of eight planes, the first of which is on screen."""
    monkeypatch.setattr("napari_unet.gui.panel.WorkerProcess", FakeClient)
    pixels = np.random.default_rng(0).integers(0, 255, (8, 96, 90)).astype(np.uint8)
    viewer.add_image(pixels, name="stack")
    viewer.dims.set_point(0, 0)
    user = User(viewer)
    viewer.dims.set_point(0, 0)
    return user


def all_stored(user: User) -> np.ndarray:
    return np.stack([user.stored(plane) for plane in range(8)])


@pytest.mark.parametrize("waits", [True, False])
def test_undo_and_redo_of_a_plane_that_was_left_reach_the_project(eight_planes: User, waits: bool) -> None:
    """At once, also right after the plane was left; and nothing of it comes back on reopening."""
    layer, dims = eight_planes.panel.canvas.annotation, eight_planes.viewer.dims
    eight_planes.draw(2, (30, 30), (30, 60))
    assert eight_planes.stored(0).any()
    for plane in (4, 6):
        dims.set_point(0, plane)
        settle(seconds=2.5 if waits else 0.05)
    for change in (layer.undo, layer.redo, layer.undo):
        change()
        np.testing.assert_array_equal(all_stored(eight_planes), eight_planes.painted)
    assert not eight_planes.painted.any()


def test_a_stroke_through_several_planes_is_saved_on_all_of_them(eight_planes: User) -> None:
    """The slider is moved while the brush is down: between two places of it napari paints on the planes between."""
    eight_planes.panel.class_table.select(2)
    canvas = eight_planes.viewer.window._qt_viewer.canvas.native
    QTest.mousePress(canvas, Qt.LeftButton, Qt.NoModifier, eight_planes.pixel(30, 20))
    for plane, column in ((0, 30), (2, 40), (7, 60), (0, 20)):
        eight_planes.viewer.dims.set_point(0, plane)
        QTest.mouseMove(canvas, eight_planes.pixel(30, column))
        QApplication.processEvents()
    QTest.mouseRelease(canvas, Qt.LeftButton, Qt.NoModifier, eight_planes.pixel(30, 20))
    assert len(np.unique(np.nonzero(eight_planes.painted)[0])) > 4
    np.testing.assert_array_equal(all_stored(eight_planes), eight_planes.painted)


def test_what_a_script_writes_on_any_plane_is_saved(eight_planes: User) -> None:
    """A new array, an array that is refreshed, a setting of pixels; what tells nobody, when the image is left."""
    layer, painted = eight_planes.panel.canvas.annotation, np.zeros((8, 96, 90), np.uint8)
    painted[1, 5], painted[4, 9] = 1, 2
    layer.data = painted
    assert settle(lambda: np.array_equal(all_stored(eight_planes), painted), 5)
    layer.data[5, 20] = 1
    layer.refresh()
    assert settle(lambda: bool(eight_planes.stored(5)[20].all()), 5)
    layer.data_setitem((np.array([6]), np.array([7]), np.array([8])), 2)
    assert settle(lambda: eight_planes.stored(6)[7, 8] == 2, 5)
    layer.data[7, 30] = 1
    eight_planes.panel.shown.saving.save()
    np.testing.assert_array_equal(all_stored(eight_planes), eight_planes.painted)
    assert messages() == []


def test_only_the_planes_that_cannot_be_saved_are_tried_again(eight_planes: User) -> None:
    """A number without a class on one plane makes no other one unsaved."""
    eight_planes.panel.canvas.annotation.data[3, 5] = 1
    eight_planes.panel.canvas.annotation.data[3, 6] = 9
    eight_planes.panel.canvas.annotation.data[6, 5] = 2
    with pytest.raises(UserError, match=r"^NU-A12: "):
        eight_planes.panel.shown.saving.save()
    assert eight_planes.panel.canvas.watcher.unsaved == {3}
    assert (eight_planes.stored(3)[5] == 1).all()
    assert (eight_planes.stored(6)[5] == 2).all()


@pytest.fixture
def two_images(viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two images, and the folder of another one beside it."""
    monkeypatch.setattr("napari_unet.gui.panel.WorkerProcess", FakeClient)
    for name in ("one", "two"):
        with Project(tmp_path / f"{name}.unet") as project:
            for _ in range(2):
                project.add_class()
            for number in range(2):
                pixels = np.random.default_rng(number).integers(0, 255, (96, 90)).astype(np.uint8)
                project.add_image(Image(f"{name} {number}", pixels, "yx"))
    return tmp_path / "one.unet"


def test_a_project_without_a_worker_is_shown_all_the_same(viewer: Any, two_images: Path) -> None:
    """Strokes go into it, and none onto layers of the project before."""
    user = User.of_project(viewer, two_images)
    controller = user.panel.controller
    error = UserError("NU-W08", "the worker cannot be started", "python", "press Start")
    controller.worker.start_process = Mock(side_effect=error)
    user.panel.open_project(two_images.with_name("two.unet"))
    assert [line[:6] for line in messages()] == ["NU-W08"]
    assert controller.image.name == "two 0"
    assert user.panel.canvas.placement.record == controller.image
    assert user.panel.head.project_button.text() == "two.unet"
    user.draw(1, (20, 20), (20, 50))
    np.testing.assert_array_equal(user.stored(), user.painted)
    assert user.stored().any()


def test_a_read_only_project_is_looked_at_and_left(
    viewer: Any, two_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be painted, by hand or after a look in 3D; what a script paints keeps nobody there."""
    with Project(two_images):
        user = User.of_project(viewer, two_images.with_name("two.unet"))
        user.draw(1, (20, 20), (20, 50))
        monkeypatch.setattr(read_only_offer.QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Open)
        user.panel.open_project(two_images)
        layer = user.panel.canvas.annotation
        for change in (
            lambda: None,
            lambda: layer.refresh(),
            lambda: user.panel.canvas.annotation_layer.forget_edits(),
        ):
            change()
            user.draw(1, (20, 20), (20, 50))
            assert not user.painted.any()
        viewer.dims.ndisplay = 3
        viewer.dims.ndisplay = 2
        assert not layer.editable
        layer.data[5] = 1
        layer.refresh()
        user.switch("one 1")
        assert user.panel.controller.image.name == "one 1"
        user.panel.canvas.annotation.data[5] = 1
        user.panel.open_project(two_images.with_name("two.unet"))
        assert user.panel.canvas.annotation.editable
        user.draw(2, (40, 20), (40, 50))
        assert set(np.unique(user.stored())) == {0, 1, 2}
        assert messages() == []


def test_a_rectangle_that_cannot_be_saved_does_not_stay(
    viewer: Any, two_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a read-only project, one that is drawn goes, and one that is deleted comes back; both are told."""
    with Project(two_images) as project:
        project.test_areas.replace(1, 0, (Region(70, 20, 90, 60),))
        monkeypatch.setattr(read_only_offer.QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Open)
        user = User.of_project(viewer, two_images)
        panel = user.panel
        panel.rectangle_check.choices["drawn"].trigger()
        user.drag((20, 20), (60, 70))
        assert settle(lambda: len(messages()) == 1, 5)
        assert len(panel.areas.layer.data) == 1
        panel.areas.layer.selected_data = {0}
        panel.areas.layer.remove_selected()
        assert settle(lambda: len(messages()) == 2, 5)
        assert len(panel.areas.layer.data) == 1
        assert all("NU-P11" in message for message in messages())


def test_a_project_that_is_not_opened_again_leaves_no_layers(
    viewer: Any, two_images: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Read-only and asked for again, the question is answered with Cancel: on our layers nothing would be saved."""
    with Project(two_images):
        answers = [QMessageBox.StandardButton.Open, QMessageBox.StandardButton.Cancel]
        monkeypatch.setattr(read_only_offer.QMessageBox, "question", lambda *_: answers.pop(0))
        user = User.of_project(viewer, two_images)
        with pytest.raises(UserError, match=r"^NU-P09: "):
            user.panel.open_project(two_images)
        assert user.panel.controller.project is None
        assert user.panel.canvas.annotation is None
        settle(seconds=2.5)
        viewer.window.remove_dock_widget(user.panel)
    assert messages() == []
    assert caplog.records == []


def test_closing_raises_nothing_where_no_project_is_open(viewer: Any, two_images: Path) -> None:
    """Strokes on a layer that no project stands behind are told, and end no clean-up half-way."""
    user = User.of_project(viewer, two_images)
    user.panel.controller.close()
    user.draw(1, (20, 20), (20, 50))
    assert [line[:6] for line in messages()] == ["NU-W04"]
    assert user.panel.canvas.watcher.unsaved == {0}
    user.panel.shown.saving.save_last()
    viewer.window.remove_dock_widget(user.panel)
    assert [layer.name for layer in viewer.layers] == ["one 0"]


def test_undo_brings_strokes_of_a_removed_class_back(viewer: Any, two_images: Path) -> None:
    """As the project keeps them; the next image can be gone to."""
    user = User.of_project(viewer, two_images)
    panel, layer = user.panel, user.panel.canvas.annotation
    project = panel.controller.project
    third = project.classes.add()
    panel.controller.change_classes()
    user.draw(third.id, (20, 20), (20, 50))
    layer.mode = "erase"
    user.drag((20, 15), (20, 55))
    assert not user.stored().any()
    project.classes.remove(third.id)
    panel.controller.change_classes()
    layer.undo()
    assert (user.stored()[20, 25:45] == third.id).all()
    np.testing.assert_array_equal(user.stored(), user.painted)
    user.switch("one 1")
    assert panel.controller.image.name == "one 1"
    assert messages() == []
