"""Many images in one project, in a real napari window: switching, adding, finding; nothing ends on another image."""

import gc
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fake_worker import SilentClient
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialogButtonBox
from window import User, messages, settle

from napari_unet.decoder.client import DecoderClient
from napari_unet.decoder.decoded_pixels import DecodedPixels
from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.evaluation.scores import BlockScore, Score
from napari_unet.gui.layers import source
from napari_unet.gui.panel import Panel
from napari_unet.gui.sections.status_line import NONE_SHOWN
from napari_unet.images.reading import open_image
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project
from napari_unet.protocol.messages import Corrected, Estimated, Export, Exported, Look, Scored, Tile

SHAPES = {"a": (192, 160), "b": (128, 256), "c": (160, 160)}


@pytest.fixture
def three_images(tmp_path: Path) -> Path:
    """A project of three images of different sizes, each with strokes of its own."""
    with Project(tmp_path / "three.unet") as project:
        project.add_class("background")
        project.add_class("cell")
        for number, (name, shape) in enumerate(SHAPES.items()):
            pixels = np.random.default_rng(number).normal(300, 40, shape)
            pixels[20:60, 20:60] += 700
            tifffile.imwrite(tmp_path / f"{name}.tif", pixels.clip(0).astype(np.uint16))
            record = project.add_image(open_image(tmp_path / f"{name}.tif"), tmp_path / f"{name}.tif")
            strokes = np.zeros(shape, np.uint8)
            strokes[30:34, 25 : 35 + 5 * number] = 2
            strokes[90 + number : 94 + number, 10:100] = 1
            project.commit(record.id, 0, strokes)
    return tmp_path / "three.unet"


def names(user: User) -> list[str]:
    return [layer.name for layer in user.viewer.layers]


def present(user: User) -> str:
    return user.panel.controller.image.name


def stored(folder: Path) -> dict[str, np.ndarray]:
    with Project(folder, read_only=True) as project:
        return {record.name: project.strokes.plane(record.id, 0) for record in project.images.all()}


def test_an_image_of_the_project_before_is_not_taken_for_one_of_this(viewer: Any, three_images: Path) -> None:
    """Its layer stays when no image of the next project can be opened; chosen then, it joins that project as itself."""
    user = User.of_project(viewer, three_images, SilentClient)
    with Project(three_images.parent / "other.unet") as project:
        project.add_class("background")
        tifffile.imwrite(three_images.parent / "d.tif", np.zeros((64, 64), np.uint8))
        project.add_image(open_image(three_images.parent / "d.tif"), three_images.parent / "d.tif")
    (three_images.parent / "d.tif").unlink()
    user.panel.open_project(three_images.parent / "other.unet")
    settle(seconds=0.1)
    [layer] = [layer for layer in viewer.layers if layer.name == "a"]
    user.panel.choose_image(layer)
    assert user.panel.controller.image.name == "a"
    assert user.panel.controller.image.annotation_shape == SHAPES["a"]


def facts(user: User) -> tuple[list[str], str, bool]:
    """Axes of all images of the project, of the one that is shown, and the tick."""
    panel = user.panel
    axes = [record.axes for record in panel.controller.project.images.all()]
    return axes, panel.controller.image.axes, panel.head.channels_first.isChecked()


def test_ticking_channels_corrects_the_image_that_is_there(viewer: Any) -> None:
    """No second one joins; the layer chosen again is known, and once it is painted on it stays as it is."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, 128, 96), np.uint8)
    viewer.add_image(pixels, name="stack")
    user = User(viewer)
    panel = user.panel
    assert facts(user) == (["zyx"], "zyx", False)
    panel.head.channels_first.setChecked(True)
    assert facts(user) == (["cyx"], "cyx", True)
    assert user.painted.shape == (128, 96)
    panel.head.channels_first.setChecked(False)
    assert facts(user) == (["zyx"], "zyx", False)
    panel.head.channels_first.setChecked(True)
    user.draw(1, (20, 20), (20, 60))
    assert user.stored()[20, 40] == 1
    assert panel.head.channels_first.isHidden()
    panel.head.channels_first.setChecked(False)
    assert [line.partition(":")[0] for line in messages()] == ["NU-I33"]
    assert facts(user) == (["cyx"], "cyx", True)
    colours = np.zeros((2, 64, 48, 3), np.uint8)
    panel.choose_image(viewer.add_image(colours, name="colours", rgb=True))
    assert facts(user) == (["cyx", "zyxc"], "zyxc", False)
    panel.head.channels_first.setChecked(True)
    assert facts(user) == (["cyx", "zyxc"], "zyxc", False)
    panel.choose_image(viewer.layers["stack"])
    assert facts(user) == (["cyx", "zyxc"], "cyx", True)
    assert user.stored()[20, 40] == 1


def test_axes_are_free_again_once_the_strokes_are_undone(viewer: Any) -> None:
    """Undone in napari, nothing is painted: the tick works, and strokes lie on the planes as they are then."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, 128, 96), np.uint8)
    viewer.add_image(pixels, name="stack")
    user = User(viewer)
    panel = user.panel
    user.draw(1, (20, 20), (20, 60))
    assert user.stored(panel.controller.view.plane).any()
    assert panel.head.channels_first.isHidden()
    panel.canvas.annotation.undo()
    assert settle(lambda: panel.head.channels_first.isVisible(), 5)
    panel.head.channels_first.setChecked(True)
    assert facts(user) == (["cyx"], "cyx", True)
    user.draw(2, (40, 20), (40, 60))
    assert user.stored()[40, 40] == 2
    assert messages() == []


def test_a_layer_of_another_size_is_shown_whole(viewer: Any) -> None:
    """Chosen by the user, not brought by the project; one of the same size keeps the view."""
    viewer.add_image(np.zeros((64, 48), np.uint8), name="small")
    user = User(viewer)
    camera = viewer.scene.camera
    same = viewer.add_image(np.zeros((64, 48), np.uint8), name="same")
    camera.zoom = zoom = 9.0
    user.panel.choose_image(same)
    assert camera.zoom == zoom
    user.panel.choose_image(viewer.add_image(np.zeros((640, 480), np.uint8), name="large"))
    assert camera.zoom < 2
    np.testing.assert_allclose(camera.center[-2:], (319.5, 239.5))


def press(user: User, key: Qt.Key) -> None:
    QTest.keyClick(user.viewer.window._qt_viewer.canvas.native, key)
    settle(seconds=0.05)


def test_one_image_at_a_time_with_its_own_strokes(viewer: Any, three_images: Path) -> None:
    """Keys and clicks switch; one image layer and our two are all there is, on the new image's place and size."""
    viewer.window.resize(1200, 950)
    user, strokes = User.of_project(viewer, three_images, SilentClient), stored(three_images)
    panel, layers = user.panel, [user.panel.canvas.annotation, user.panel.canvas.prediction]
    view = panel.image_list.view
    assert view.isVisibleTo(panel)
    for key, name in [(None, "a"), (Qt.Key_PageDown, "b"), (Qt.Key_PageDown, "c"), (Qt.Key_PageDown, "c"),
                      (Qt.Key_PageUp, "b")]:  # fmt: skip
        if key is not None:
            press(user, key)
        assert names(user) == [name, "prediction", "annotation"]
        np.testing.assert_array_equal(user.painted, strokes[name])
        np.testing.assert_array_equal(viewer.layers[name].data, tifffile.imread(three_images.parent / f"{name}.tif"))
        assert panel.canvas.prediction.data.shape == SHAPES[name]
        assert panel.controller.image.name == name
        assert view.currentIndex().row() == list(SHAPES).index(name)
        assert [panel.head.images.itemText(i) for i in range(panel.head.images.count())] == [name]
    row = view.visualRect(panel.image_list.table.index(0, 0)).center()
    QTest.mouseClick(view.viewport(), Qt.LeftButton, pos=row)
    assert present(user) == "a"
    assert [panel.canvas.annotation, panel.canvas.prediction] == layers
    assert messages() == []


@pytest.mark.torch
def test_a_hundred_switches_mix_nothing_up(viewer: Any, three_images: Path) -> None:
    """With the worker training: strokes stay on their image, and every tile is one of the image on screen."""
    user, expected = User.of_project(viewer, three_images), stored(three_images)
    panel, random = user.panel, np.random.default_rng(0)
    panel.training.button.click()
    assert settle(lambda: (panel.canvas.prediction.data > 0).any())
    tiles, write = [], panel.canvas.prediction_layer.write

    def watched(image_id: int, plane: int, region: Region, labels: np.ndarray) -> None:
        tiles.append(image_id == panel.controller.image.id)
        write(image_id, plane, region, labels)

    panel.canvas.prediction_layer.write = watched
    for turn in range(100):
        name = str(random.choice(list(SHAPES)))
        user.switch(name)
        assert panel.canvas.prediction.data.shape == SHAPES[name]
        np.testing.assert_array_equal(user.painted, expected[name])
        if turn % 4 == 0:
            place = tuple(int(n) for n in random.integers(20, 100, 2))
            panel.canvas.annotation.paint(place, int(random.integers(3)))
            expected[name] = user.painted.copy()  # the next switch comes in the same turn of the event loop
        if turn % 3:
            settle(seconds=0.02)
    assert settle(lambda: len(tiles) > 3)
    assert all(tiles)
    for name, strokes in stored(three_images).items():
        np.testing.assert_array_equal(strokes, expected[name])
    assert len(viewer.layers) == 3
    assert messages() == []


def test_a_switch_waits_for_the_end_of_the_stroke(viewer: Any, three_images: Path) -> None:
    """PageDown with the mouse down: the stroke is finished on its image and saved, then the next image comes."""
    user, before = User.of_project(viewer, three_images, SilentClient), stored(three_images)
    qt = viewer.window._qt_viewer.canvas.native
    user.panel.class_table.select(2)
    QTest.mousePress(qt, Qt.LeftButton, Qt.NoModifier, user.pixel(120, 20))
    for x in range(20, 80, 2):
        QTest.mouseMove(qt, user.pixel(120, x))
        QApplication.processEvents()
    press(user, Qt.Key_PageDown)
    assert present(user) == "a"
    for x in range(80, 140, 2):
        QTest.mouseMove(qt, user.pixel(120, x))
        QApplication.processEvents()
    QTest.mouseRelease(qt, Qt.LeftButton, Qt.NoModifier, user.pixel(120, 140))
    painted = user.painted.copy()
    assert (painted[120, 20:140] == 2).all()
    assert settle(lambda: present(user) == "b", 5)
    after = stored(three_images)
    np.testing.assert_array_equal(after["a"], painted)
    np.testing.assert_array_equal(after["b"], before["b"])
    np.testing.assert_array_equal(user.painted, before["b"])


def test_undo_stays_with_the_image(viewer: Any, three_images: Path) -> None:
    """After a switch there is nothing to undo, on either image, until something is painted there."""
    user = User.of_project(viewer, three_images, SilentClient)
    layer = user.panel.canvas.annotation
    user.draw(2, (120, 20), (120, 100))
    user.draw(1, (130, 20), (130, 100))
    layer.undo()  # leaves something to redo
    expected = stored(three_images)
    for name in ("b", "a"):
        user.switch(name)
        for change in (layer.undo, layer.redo, layer.undo):
            change()
            settle(seconds=0.02)
            np.testing.assert_array_equal(user.painted, expected[name])
    user.draw(2, (140, 20), (140, 100))
    layer.undo()
    settle(seconds=0.02)
    for name, strokes in stored(three_images).items():
        np.testing.assert_array_equal(strokes, expected[name])


def test_the_overlay_of_an_image_is_there_when_the_user_comes_back(viewer: Any, three_images: Path) -> None:
    """Its own last overlay and boxes, never another image's; a tile for another image is not written."""
    user = User.of_project(viewer, three_images, SilentClient)
    panel = user.panel
    first = panel.controller.image.id
    tile = Tile(0, first, 0, Region(10, 10, 40, 50), bytes([2]) * 1200, 7)
    panel.controller.publish(tile)
    shown = panel.canvas.prediction.data.copy()
    score = Score(1, None, (), (BlockScore(first, 0, 0, 0, 64, 64, 0.5),))
    panel.controller.publish(Scored(score, None))
    panel.score_card.on_image.click()
    assert len(panel.canvas.marks.layer.data) == 1
    user.switch("b")
    assert not panel.canvas.prediction.data.any()
    assert len(panel.canvas.marks.layer.data) == 0
    panel.controller.publish(tile)
    assert not panel.canvas.prediction.data.any()
    user.switch("a")
    np.testing.assert_array_equal(panel.canvas.prediction.data, shown)
    assert len(panel.canvas.marks.layer.data) == 1
    table = panel.image_list.table
    classes = (EstimatedDice(1, 0.5), EstimatedDice(2, 0.5))
    panel.controller.publish(Estimated(panel.controller.generation, first, 0, classes))
    assert [table.data(table.index(row, 2)) for row in range(3)] == ["0.50", "", ""]


def test_files_join_by_drop_and_those_that_do_not_fit_are_told(viewer: Any, three_images: Path, tmp_path: Path) -> None:
    user = User.of_project(viewer, three_images, SilentClient)
    more = tmp_path / "more"
    more.mkdir()
    for number in range(2):
        tifffile.imwrite(more / f"d{number}.tif", np.full((70, 50), number, np.uint16) + np.arange(50, dtype=np.uint16))
    tifffile.imwrite(more / "rgb.tif", np.zeros((70, 50, 3), np.uint8), photometric="rgb")
    (more / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (more / "notes.txt").write_text("not an image, and nobody asked for it")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in (more, tmp_path / "a.tif")])
    said = (mime, Qt.LeftButton, Qt.NoModifier)
    assert QApplication.sendEvent(user.panel, QDragEnterEvent(QPoint(5, 5), Qt.CopyAction, *said))
    assert QApplication.sendEvent(user.panel, QDropEvent(QPointF(5, 5), Qt.CopyAction, *said))
    assert settle(lambda: len(messages()) > 2)
    skipped, known, refused = messages()
    assert skipped.startswith("NU-I21: 1 of 5 files and folders in it are skipped (notes.txt), ")
    assert known.startswith("NU-I21: 1 of the files hold images that are in the project already (a.tif), ")
    assert [line[:6] for line in refused.splitlines()] == ["NU-I11", "NU-I09"]
    assert [record.name for record in user.panel.image_list.table.records] == ["a", "b", "c", "d0", "d1"]
    assert present(user) == "a"


def test_files_whose_axes_were_corrected_are_known_and_found(viewer: Any, tmp_path: Path) -> None:
    """They have as many channels as the project says, not as their file does; one that was moved is pointed to."""
    (tmp_path / "data").mkdir()
    paths = [tmp_path / "data" / f"{name}.tif" for name in "ab"]
    with Project(tmp_path / "p.unet") as project:
        project.add_class("background")
        for number, path in enumerate(paths):
            pixels = np.random.default_rng(number).integers(0, 255, (2, 64, 64), np.uint8)
            tifffile.imwrite(path, pixels, photometric="minisblack")
            record = project.add_image(open_image(path), path)
            project.images.set_axes(record.id, "cyx")
    moved = paths[1].rename(tmp_path / "data" / "moved.tif")
    user = User.of_project(viewer, tmp_path / "p.unet", SilentClient)
    user.panel.added_files.add([tmp_path / "data"])
    assert settle(lambda: messages())
    assert [line.split(", /")[0] for line in messages()] == [
        "NU-I21: 2 of the files hold images that are in the project already (a.tif, moved.tif)"
    ]
    assert [record.path for record in user.panel.image_list.table.records] == [paths[0], moved]


def test_images_that_differ_between_the_rows_of_the_fingerprint_are_two(viewer: Any, tmp_path: Path) -> None:
    """Each file joins as an image of its own, and strokes on the layer of the second are its strokes."""
    paths = [tmp_path / f"{name}.npy" for name in ("first", "second")]
    for column, path in enumerate(paths):
        pixels = np.zeros((128, 128), np.uint8)
        pixels[1, column] = 1
        np.save(path, pixels)
    with Project(tmp_path / "p.unet") as project:
        project.add_class("background")
        project.add_image(open_image(paths[0]), paths[0])
    user = User.of_project(viewer, tmp_path / "p.unet", SilentClient)
    user.panel.choose_image(viewer.add_image(np.load(paths[1]), name="second"))
    assert present(user) == "second"
    user.panel.added_files.add(paths)
    assert settle(lambda: messages())
    assert messages()[0].startswith("NU-I21: 2 of the files hold images that are in the project already (first.npy, ")
    assert [record.name for record in user.panel.image_list.table.records] == ["first", "second"]


def test_a_folder_that_cannot_be_opened_is_told_and_the_rest_joins(
    viewer: Any, three_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User.of_project(viewer, three_images, SilentClient)
    (tmp_path / "secret").mkdir()
    tifffile.imwrite(tmp_path / "d.tif", np.arange(70 * 50, dtype=np.uint16).reshape(70, 50))
    iterdir = Path.iterdir

    def closed(path: Path) -> Any:
        if path.name == "secret":
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", closed)
    user.panel.added_files.add([tmp_path / "secret", tmp_path / "d.tif"])
    assert settle(lambda: bool(messages()))
    assert messages()[0].startswith("NU-I10: it cannot be opened (Permission denied)")
    assert [record.name for record in user.panel.image_list.table.records] == ["a", "b", "c", "d"]


def test_a_folder_whose_images_lie_in_its_subfolders_is_told_as_such(
    viewer: Any, three_images: Path, tmp_path: Path
) -> None:
    """As on the command line: the format is not what is wrong."""
    user = User.of_project(viewer, three_images, SilentClient)
    (tmp_path / "all" / "one").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "all" / "one" / "d.tif", np.zeros((70, 50), np.uint16))
    user.panel.added_files.add([tmp_path / "all"])
    assert [message.partition(":")[0] for message in messages()] == ["NU-I19"]
    assert user.panel.image_list.table.rowCount() == 3


def test_files_make_a_project_where_there_is_none(viewer: Any, three_images: Path) -> None:
    _, panel = viewer.window.add_plugin_dock_widget("napari-unet-live")
    panel.controller.worker.start_process = SilentClient
    assert not panel.image_list.view.isVisibleTo(panel)
    panel.added_files.add([three_images.parent / "b.tif"])
    assert settle(lambda: panel.canvas.annotation is not None)
    assert panel.controller.project.folder == three_images.parent / "b.unet"
    assert not panel.image_list.view.isVisibleTo(panel)


def test_a_missing_file_is_marked_and_found_again(viewer: Any, three_images: Path) -> None:
    """The others work on; only the same image is taken for it, and the worker opens it anew."""
    clients: list[SilentClient] = []

    def client(log: Path) -> SilentClient:
        clients.append(SilentClient(log))
        return clients[-1]

    viewer.window.resize(1200, 950)  # the list has room
    here, away = three_images.parent / "b.tif", three_images.parent / "elsewhere.tif"
    here.rename(away)
    user = User.of_project(viewer, three_images, client)
    panel, table = user.panel, user.panel.image_list.table
    assert settle(lambda: table.data(table.index(1, 0)) == "⚠ b")
    assert table.data(table.index(1, 0), Qt.ToolTipRole).startswith("NU-P04")
    assert settle(lambda: table.data(table.index(0, 0), Qt.DecorationRole) is not None)
    user.switch("b")
    assert present(user) == "a"
    assert panel.image_list.find_button.isVisibleTo(panel)
    panel.image_list.found.emit(2, three_images.parent / "c.tif")
    assert [line[:6] for line in messages()] == ["NU-P04", "NU-P06"]
    assert present(user) == "a"
    panel.image_list.found.emit(2, away)
    assert present(user) == "b"
    sent = clients[-1].sent
    told = sent.index(Corrected(2))
    assert settle(lambda: any(isinstance(each, Look) and each.image_id == 2 for each in sent[told:]))
    assert not panel.image_list.find_button.isVisibleTo(panel)
    np.testing.assert_array_equal(user.painted, stored(three_images)["b"])


@pytest.mark.parametrize("way", ["file", "layer"])
def test_a_missing_file_that_is_added_again_is_found(viewer: Any, three_images: Path, way: str) -> None:
    """As a file and as a layer that napari opened: it comes up with its strokes, and the mark goes."""
    viewer.window.resize(1200, 950)  # the list has room
    away = (three_images.parent / "b.tif").rename(three_images.parent / "b-moved.tif")
    user = User.of_project(viewer, three_images, SilentClient)
    panel, table = user.panel, user.panel.image_list.table
    assert settle(lambda: table.data(table.index(1, 0)) == "⚠ b")
    if way == "file":
        panel.added_files.add([away])
        assert settle(lambda: table.records[1].path == away)
    else:
        viewer.open(str(away), plugin="napari")
        panel.choose_image(viewer.layers["b-moved"])
    assert settle(lambda: table.data(table.index(1, 0)) == "b")
    assert Corrected(2) in panel.controller.worker.client.sent
    user.switch("b")
    assert present(user) == "b"
    np.testing.assert_array_equal(user.painted, stored(three_images)["b"])


def test_without_its_image_layer_there_is_no_image(viewer: Any, three_images: Path, tmp_path: Path) -> None:
    """Nothing is offered that cannot be done, and a file that is dropped then comes up; all images can be exported."""
    user = User.of_project(viewer, three_images, SilentClient)
    panel, export = user.panel, user.panel.export_row
    export.images.setCurrentIndex(1)
    buttons = [panel.where_next.button, panel.rectangle_check.button, export.button, panel.training.button]
    assert all(button.isEnabled() for button in buttons)
    viewer.layers.remove(panel.canvas.image)
    assert settle(lambda: panel.controller.image is None, 5)
    assert settle(lambda: not any(button.isEnabled() for button in buttons), 5)
    assert panel.status_line.text() == NONE_SHOWN
    assert "All images" in export.button.toolTip()
    export.images.setCurrentIndex(0)
    export.images.activated.emit(0)
    assert export.plan.text().startswith("3 images")
    export.button.click()
    (wish,) = [message for message in panel.controller.worker.client.sent if isinstance(message, Export)]
    assert wish.image_ids == (1, 2, 3)
    panel.controller.hear(Exported(()))
    tifffile.imwrite(tmp_path / "late.tif", np.zeros((64, 64), np.uint16))
    panel.image_list.added.emit([tmp_path / "late.tif"])
    assert settle(lambda: panel.canvas.image is not None, 20)
    assert present(user) == "late"
    assert settle(lambda: all(button.isEnabled() for button in buttons), 5)


def test_keys_pass_a_missing_image_and_show_what_they_mark(viewer: Any, three_images: Path) -> None:
    """Page keys and arrow keys alike, with one error each time; so does a click on it."""
    viewer.window.resize(1200, 950)  # the list has room
    (three_images.parent / "b.tif").unlink()
    user = User.of_project(viewer, three_images, SilentClient)
    view = user.panel.image_list.view
    for keys, errors in (((Qt.Key_PageDown, Qt.Key_PageUp), 2), ((Qt.Key_Down, Qt.Key_Up), 4)):
        down, up = keys
        for key, shown, row in ((down, "a", 1), (down, "c", 2), (up, "c", 1), (up, "a", 0)):
            QTest.keyClick(view, key)
            assert (present(user), view.currentIndex().row()) == (shown, row)
        assert len(messages()) == errors
    row = view.visualRect(user.panel.image_list.table.index(1, 0)).center()
    QTest.mouseClick(view.viewport(), Qt.LeftButton, pos=row)
    assert (present(user), len(messages())) == ("a", 5)
    assert {line[:6] for line in messages()} == {"NU-P04"}


def test_layers_of_the_user_are_used_and_never_removed(viewer: Any) -> None:
    """Images that the user opened are hidden and shown when switching; other layers are left alone."""
    pixels = {name: np.random.default_rng(i).integers(0, 99, s).astype(np.uint8) for i, (name, s) in
              enumerate(SHAPES.items())}  # fmt: skip
    for name, image in pixels.items():
        viewer.add_image(image, name=name)
    user = User(viewer)
    assert not user.panel.image_list.view.isVisibleTo(user.panel)
    for name in ("a", "b"):
        user.panel.choose_image(viewer.layers[name])
    assert [record.name for record in user.panel.image_list.table.records] == ["c", "a", "b"]
    press(user, Qt.Key_PageUp)
    assert present(user) == "a"
    assert {name: viewer.layers[name].visible for name in SHAPES} == {"a": True, "b": False, "c": False}
    press(user, Qt.Key_PageUp)
    assert {name: viewer.layers[name].visible for name in SHAPES} == {"a": False, "b": False, "c": True}
    assert sorted(names(user)) == ["a", "annotation", "b", "c", "prediction"]
    for name, image in pixels.items():
        assert viewer.layers[name].data is image
    layer = viewer.layers["b"]
    viewer.layers.remove(layer)
    lists = [one for one in gc.get_referrers(layer) if isinstance(one, list)]
    assert not [one for one in lists if {"a", "c"} <= {str(each) for each in one}]  # napari has some of its own
    viewer.window.remove_dock_widget(user.panel)
    assert sorted(names(user)) == ["a", "c"]
    assert isinstance(user.panel, Panel)


def test_a_corrected_pixel_size_is_shown_everywhere(viewer: Any, three_images: Path) -> None:
    """In the line, on every layer of ours and on the image; what was painted stays, and painting goes on."""
    user = User.of_project(viewer, three_images, SilentClient)
    facts, layers = user.panel.head.facts, lambda: [user.panel.canvas.image, *user.panel.shown.own_layers]
    assert facts.line.text() == "no pixel size · 192 x 160"
    strokes = user.painted.copy()
    correct(user, "0,5", "0.25", "um")
    assert facts.line.text() == "192 x 160 px · 0.5 x 0.25 µm"
    assert {tuple(layer.scale) for layer in layers()} == {(0.5, 0.25)}
    assert {str(unit) for layer in layers() for unit in layer.units} == {"micrometer"}
    np.testing.assert_array_equal(user.painted, strokes)
    user.draw(2, (60, 60), (60, 90))
    np.testing.assert_array_equal(user.painted, stored(three_images)["a"])
    assert (user.painted != strokes).any()
    user.switch("b")
    assert facts.line.text() == "no pixel size · 128 x 256"
    assert messages() == []


def test_a_users_own_layer_is_corrected_too(viewer: Any) -> None:
    """It stays the layer that is worked on, and is the same image of the project."""
    layer = viewer.add_image(np.random.default_rng(0).integers(0, 99, (3, 90, 80), np.uint8), translate=(0, 10, 20))
    user = User(viewer)
    correct(user, "2", "2", "nm")
    assert user.panel.canvas.image is layer
    assert user.panel.head.facts.line.text().startswith("z 3 · 90 x 80 px · 2 nm")
    assert (tuple(layer.scale), tuple(layer.translate)) == ((1, 2, 2), (0, 20, 40))
    assert len(user.panel.image_list.table.records) == 1


def test_axes_are_corrected_until_something_is_painted(viewer: Any) -> None:
    """Channels first in place of planes, then rows in their place; our layers always lie over y and x."""
    pixels = np.random.default_rng(0).integers(0, 99, (90, 2, 80), np.uint8)
    layer = viewer.add_image(pixels)
    user = User(viewer)
    correct(user, axes="cyx")
    assert user.panel.canvas.image is layer
    assert user.panel.head.facts.line.text().startswith("no pixel size · 90 ch · 2 x 80")
    assert user.painted.shape == (2, 80)
    correct(user, axes="ycx")
    assert user.panel.head.facts.line.text().startswith("no pixel size · 2 ch · 90 x 80")
    assert user.painted.shape == (90, 80)
    np.testing.assert_array_equal(user.panel.canvas.image.data, pixels.transpose(1, 0, 2))
    assert not layer.visible
    user.panel.choose_image(layer)
    assert user.painted.shape == (90, 80)
    assert len(user.panel.controller.project.images.all()) == 1
    user.draw(2, (30, 30), (60, 60))
    np.testing.assert_array_equal(user.painted, user.stored())
    correct(user, axes="zyx")
    assert user.panel.head.facts.dialog.problem.text().startswith("NU-I33")
    assert messages() == []


def test_axes_are_corrected_once_for_all_images_of_the_kind(viewer: Any, tmp_path: Path) -> None:
    """Of those that were looked at before, too, and of files that join after something was painted."""
    paths = [tmp_path / f"{name}.tif" for name in "abc"]
    for number, path in enumerate(paths):
        pixels = np.random.default_rng(number).integers(0, 255, (2, 64 + number, 70), np.uint8)
        tifffile.imwrite(path, pixels, photometric="minisblack")
    with Project(tmp_path / "p.unet") as project:
        for path in paths[:2]:
            project.add_image(open_image(path), path)
    user = User.of_project(viewer, tmp_path / "p.unet", SilentClient)
    line = user.panel.head.facts.line
    user.switch("b")
    assert user.painted.shape == (2, 65, 70)
    user.switch("a")
    correct(user, axes="cyx")
    assert user.painted.shape == (64, 70)
    user.draw(2, (30, 30), (30, 60))
    user.panel.added_files.add(paths)
    assert settle(lambda: messages())
    assert [text.split(":")[0] for text in messages()] == ["NU-I21"]
    for name, height in (("b", 65), ("c", 66)):
        user.switch(name)
        assert line.text().startswith(f"no pixel size · 2 ch · {height} x 70")
        assert user.painted.shape == (height, 70)
        user.draw(2, (30, 30), (30, 60))
        assert stored(tmp_path / "p.unet")[name].shape == (height, 70)


def test_channels_are_chosen_by_name(viewer: Any, tmp_path: Path) -> None:
    """The list says what the file calls them; at least one has to stay."""
    path = tmp_path / "named.ome.tif"
    pixels = np.random.default_rng(0).integers(0, 99, (3, 90, 80), np.uint8)
    names = ["DAPI", "GFP", "actin"]
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata={"axes": "CYX", "Channel": {"Name": names}})
    with Project(tmp_path / "p.unet") as project:
        project.add_image(open_image(path), path)
    user = User.of_project(viewer, tmp_path / "p.unet", SilentClient)
    facts = user.panel.head.facts
    assert facts.line.text().startswith("no pixel size · 3 ch · 90 x 80")
    facts.button.click()
    items = [facts.dialog.channels.item(row) for row in range(3)]
    assert [item.text() for item in items] == names
    for item in items:
        item.setCheckState(Qt.CheckState.Unchecked)
    press_ok(user)
    assert facts.dialog.problem.text().startswith("NU-I34")
    for item in items[1:]:
        item.setCheckState(Qt.CheckState.Checked)
    press_ok(user)
    assert facts.line.text().startswith("no pixel size · 2 of 3 ch · 90 x 80")
    project = user.panel.controller.project
    np.testing.assert_array_equal(project.images.open(1).read(0), pixels[1:].transpose(1, 2, 0))
    assert messages() == []


def test_a_channel_that_the_network_sees_is_on_screen(viewer: Any, tmp_path: Path) -> None:
    """Who leaves out the one on screen would paint on what nobody learns."""
    path = tmp_path / "three.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 99, (3, 90, 80), np.uint8), photometric="minisblack")
    with Project(tmp_path / "p.unet") as project:
        project.images.set_axes(project.add_image(open_image(path), path).id, "cyx")
    user = User.of_project(viewer, tmp_path / "p.unet", SilentClient)
    controller = user.panel.controller
    assert viewer.dims.point[0] == 1
    user.panel.project_images.correct(replace(controller.image, chosen=(2,)))
    assert viewer.dims.point[0] == 2
    user.panel.project_images.correct(replace(controller.image, chosen=(0, 2)))
    assert viewer.dims.point[0] == 2


def test_what_is_no_pixel_size_is_told_in_the_dialog(viewer: Any, three_images: Path) -> None:
    """It stays open until it is one; nothing has changed then."""
    user = User.of_project(viewer, three_images, SilentClient)
    for height, code in (("half", "NU-I31"), ("0", "NU-I30"), ("inf", "NU-I30")):
        correct(user, height, "1", "um")
        dialog = user.panel.head.facts.dialog
        assert dialog.isVisible()
        assert dialog.problem.text().startswith(code)
        dialog.reject()
    assert user.panel.head.facts.line.text() == "no pixel size · 192 x 160"


def correct(user: User, height: str = "", width: str = "", unit: str = "pixel", axes: str = "") -> None:
    """Fill in the dialog and press OK."""
    facts = user.panel.head.facts
    facts.button.click()
    dialog = facts.dialog
    for field, text in ((dialog.pixel_height, height), (dialog.pixel_width, width), (dialog.axes, axes)):
        if text:
            field.selectAll()
            QTest.keyClicks(field, text)
    dialog.unit.setCurrentText(unit)
    press_ok(user)


def press_ok(user: User) -> None:
    buttons = user.panel.head.facts.dialog.findChild(QDialogButtonBox)
    buttons.button(QDialogButtonBox.StandardButton.Ok).click()
    QApplication.processEvents()


def test_images_of_another_kind_take_each_others_place(viewer: Any, three_images: Path, tmp_path: Path) -> None:
    """Pixels of another type, or a stack after a plane: the layer gives way to another one, and painting goes on."""
    rng = np.random.default_rng(5)
    with Project(three_images) as project:
        for name, pixels in (
            ("bytes", rng.integers(0, 255, (120, 130), dtype=np.uint8)),
            ("stack", rng.integers(0, 999, (3, 120, 130), dtype=np.uint16)),
        ):
            path = tmp_path / f"{name}.tif"
            tifffile.imwrite(path, pixels, photometric="minisblack", metadata={"axes": "ZYX"[-pixels.ndim :]})
            project.add_image(open_image(path), path)
    user = User.of_project(viewer, three_images, SilentClient)
    user.panel.training.button.click()
    for name in ("bytes", "stack", *list(SHAPES)[:1]):
        user.switch(name)
        settle(seconds=0.3)  # what is put off would happen by now
        assert user.panel.canvas.annotation in viewer.layers
        assert user.panel.canvas.prediction in viewer.layers
        assert user.panel.controller.training.is_on
    assert messages() == []


def test_brush_and_contrast_outlive_a_switch(viewer: Any, three_images: Path, tmp_path: Path) -> None:
    """The brush is that of the user on every image, also where the layers are made anew; contrast is of each image."""
    path = tmp_path / "bytes.tif"
    tifffile.imwrite(path, np.random.default_rng(5).integers(0, 255, (120, 130), dtype=np.uint8))
    with Project(three_images) as project:
        project.add_image(open_image(path), path)
    user = User.of_project(viewer, three_images, SilentClient)
    canvas = user.panel.canvas
    first = canvas.annotation
    first.brush_size = 3
    canvas.image.contrast_limits = (200, 400)
    user.switch("b")
    of_b = tuple(canvas.image.contrast_limits)
    assert of_b != (200, 400)
    user.switch("bytes")
    assert canvas.annotation is not first
    assert canvas.annotation.brush_size == 3
    for name, contrast in (("a", (200, 400)), ("b", of_b), ("a", (200, 400))):
        user.switch(name)
        assert tuple(canvas.image.contrast_limits) == contrast
        assert canvas.annotation.brush_size == 3


def test_a_large_stack_is_shown_plane_by_plane(
    viewer: Any, three_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never read whole, whatever the order of its axes; painting goes on as on any other."""
    monkeypatch.setattr(source, "HELD_BYTES", 0)
    pixels = np.random.default_rng(6).integers(0, 999, (4, 120, 2, 130)).astype(np.uint16)
    np.save(tmp_path / "stack.npy", pixels)
    with Project(three_images) as project:
        for record in project.images.all():  # they have one channel, so nothing may be painted on them
            for plane in project.strokes.painted_planes(record.id):
                project.commit(record.id, plane, np.zeros_like(project.strokes.plane(record.id, plane)))
        project.add_image(open_image(tmp_path / "stack.npy", "zycx"), tmp_path / "stack.npy")
    sizes: list[int] = []
    read = DecodedPixels.__getitem__

    def counted(self: DecodedPixels, key: Any) -> np.ndarray:
        found = read(self, key)
        sizes.append(found.size)
        return found

    monkeypatch.setattr(DecodedPixels, "__getitem__", counted)
    user = User.of_project(viewer, three_images, SilentClient)
    user.switch("stack")
    layer = viewer.layers["stack"]
    assert (layer.data.shape, layer.ndim, layer.multiscale) == ((2, 4, 120, 130), 4, False)
    viewer.dims.set_point((0, 1), (1, 3))
    settle(lambda: user.panel.canvas.watcher.plane == 3, 5)
    np.testing.assert_array_equal(layer._data_view, pixels[3, :, 1])
    user.draw(2, (30, 30), (30, 60))
    assert (user.stored(3)[30, 31:60] == 2).all()
    assert max(sizes) <= pixels.size // 4
    user.switch("a")
    user.switch("stack")
    assert (user.painted[..., 3, 30, 31:60] == 2).all()
    assert messages() == []


def test_an_image_that_ends_its_decoder_is_told_and_the_one_before_stays(viewer: Any, three_images: Path) -> None:
    """What crashes or hangs while it is decoded does so in another process; painting goes on."""
    user = User.of_project(viewer, three_images, SilentClient)
    images, sound = user.panel.project_images, user.panel.project_images.decoder
    for code, program, patience_s in (
        ("NU-S11", "import os; os.abort()", 120.0),
        ("NU-S10", "import time; time.sleep(600)", 0.2),
    ):
        images.decoder = DecoderClient([sys.executable, "-P", "-c", program], patience_s)
        user.switch("b")
        images.decoder.stop()
        assert messages()[-1].startswith(code)
        assert user.panel.image_list.thumbnails.problem_of(2).startswith(code)
        assert present(user) == "a"
    user.draw(2, (60, 60), (60, 90))
    assert (user.stored()[60, 61:90] == 2).all()
    images.decoder = sound
    user.switch("b")
    assert present(user) == "b"
