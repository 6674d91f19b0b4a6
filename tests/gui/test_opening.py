"""Laws of coming back: an image finds the project that has it, and yesterday's projects are at hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fake_worker import FakeClient
from napari._app_model import get_app_model
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget
from window import User, messages, settle

from napari_unet.gui.sections.status_line import BELOW, COVERED
from napari_unet.images.image import Image
from napari_unet.images.reading import open_image
from napari_unet.project.project import Project

SIDE = 64
NAMES = ("011", "012", "013")


@pytest.fixture
def day_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three images in a folder, and the project 011 that has the first two, with a stroke on the second."""
    monkeypatch.setattr("napari_unet.gui.panel.WorkerProcess", FakeClient)
    for grey, name in enumerate(NAMES):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.full((SIDE, SIDE), grey, np.uint8))
    with Project(tmp_path / "011.unet") as project:
        for _ in range(2):
            project.classes.add()
        for name in NAMES[:2]:
            project.add_image(open_image(tmp_path / f"{name}.tif"), tmp_path / f"{name}.tif")
        labels = np.zeros((SIDE, SIDE), np.uint8)
        labels[5:9] = 2
        project.strokes.commit(2, 0, labels)
    return tmp_path


def opened(viewer: Any, *paths: Path) -> User:
    """The panel after files were opened with napari's own menu."""
    for path in paths:
        viewer.open(str(path), plugin="napari")
    user = User(viewer)
    settle(seconds=0.2)
    return user


def banner(user: User) -> Any:
    return user.panel.opening.banner


def test_an_image_of_a_project_beside_it_asks_for_that_project(viewer: Any, day_before: Path) -> None:
    """Nothing is made meanwhile; one click opens the project at this image, with what is painted on it."""
    user = opened(viewer, day_before / "012.tif")
    asked = banner(user)
    assert asked.text.text() == "012 belongs to the project 011: open it?"
    assert asked.isVisible()
    assert user.panel.controller.project is None
    assert not (day_before / "012.unet").exists()
    asked.buttons[0].click()
    controller = user.panel.controller
    assert controller.present_project().folder == day_before / "011.unet"
    assert controller.image is not None
    assert controller.image.name == "012"
    assert (user.panel.canvas.annotation.data[5:9] == 2).all()
    assert not asked.isVisible()
    assert messages() == []


def test_a_new_project_is_made_only_on_demand(viewer: Any, day_before: Path) -> None:
    """The other answer makes the image's own project, which is then taken without a question."""
    user = opened(viewer, day_before / "012.tif")
    banner(user).buttons[1].click()
    assert user.panel.controller.present_project().folder == day_before / "012.unet"
    with Project(day_before / "011.unet", read_only=True) as project:
        assert len(project.images.all()) == 2


def test_the_own_project_of_an_image_is_opened_without_a_question(viewer: Any, day_before: Path) -> None:
    """Named as the image: it is the one; an image that no project has gets one at once, as ever."""
    user = opened(viewer, day_before / "011.tif")
    assert user.panel.controller.present_project().folder == day_before / "011.unet"
    assert not banner(user).isVisible()


def test_all_open_images_may_join_the_project(viewer: Any, day_before: Path) -> None:
    """The first one is taken up at once, whatever is answered; one click takes the others."""
    for name in NAMES:
        tifffile.imwrite(day_before / f"new {name}.tif", np.full((SIDE, SIDE), 50 + int(name), np.uint8))
    user = opened(viewer, *(day_before / f"new {name}.tif" for name in NAMES))
    project = user.panel.controller.present_project()
    first = user.panel.controller.image.name
    assert len(project.images.all()) == 1
    assert banner(user).text.text() == "3 images are open: use all three in this project?"
    banner(user).buttons[0].click()
    assert {record.name for record in project.images.all()} == {f"new {name}" for name in NAMES}
    assert user.panel.controller.image.name == first
    assert not banner(user).isVisible()


def test_an_image_that_is_opened_later_may_join_the_project(viewer: Any, day_before: Path) -> None:
    """It lies over the image that is painted, so it is asked about; what is not wanted is not asked about again."""
    user = opened(viewer, day_before / "011.tif")
    project, line = user.panel.controller.present_project(), user.panel.status_line
    viewer.open(str(day_before / "013.tif"), plugin="napari")
    assert banner(user).text.text() == "Use 013 in this project?"
    assert settle(lambda: line.text() == COVERED, 5)
    banner(user).buttons[0].click()
    assert user.panel.controller.image.name == "013"
    assert not banner(user).isVisible()
    assert settle(lambda: line.text() != COVERED, 5)
    count = len(project.images.all())
    for name in ("first", "second"):
        viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), name=name)
    assert banner(user).text.text() == "Use the 2 new images in this project?"
    banner(user).buttons[1].click()
    viewer.layers["second"].visible = viewer.layers["first"].visible = False
    user.switch("011")
    user.switch("013")
    assert not banner(user).isVisible()
    assert len(project.images.all()) == count
    user.panel.choose_image(viewer.add_image(np.ones((SIDE, SIDE), np.uint8), name="chosen"))
    assert not banner(user).isVisible()
    assert messages() == []


def test_an_image_that_lies_over_its_own_strokes_is_not_called_another(viewer: Any, day_before: Path) -> None:
    """Where the annotation layer was dragged below its image, it goes back there; choosing the image would not help."""
    user = opened(viewer, day_before / "011.tif")
    line, layers = user.panel.status_line, viewer.layers
    layers.move(layers.index(user.panel.canvas.annotation), 0)
    assert settle(lambda: line.text() == BELOW, 5)
    other = viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), name="other")
    assert settle(lambda: line.text() == COVERED, 5)
    other.visible = False
    assert settle(lambda: line.text() == BELOW, 5)
    layers.move(layers.index(user.panel.canvas.annotation), len(layers))
    assert settle(lambda: line.text() not in (BELOW, COVERED), 5)


def test_an_image_that_shows_what_lies_below_covers_nothing(viewer: Any, day_before: Path) -> None:
    """Channels in layers of their own are added to each other; what is hidden covers nothing either."""
    user = opened(viewer, day_before / "011.tif")
    layer = viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), name="channel")
    assert user.panel.shown.covering
    for name, value, before in (("blending", "additive", "translucent"), ("opacity", 0.5, 1), ("visible", False, True)):
        setattr(layer, name, value)
        assert not user.panel.shown.covering
        setattr(layer, name, before)
    viewer.layers.move(viewer.layers.index(layer), 0)
    assert not user.panel.shown.covering


def test_a_question_moves_nothing(viewer: Any, day_before: Path) -> None:
    """It lies over the top of the panel."""
    user = opened(viewer, day_before / "012.tif")
    button = user.panel.export_row.button
    place = button.mapTo(user.panel, button.rect().topLeft())
    assert banner(user).geometry().top() == 0
    assert banner(user).width() == user.panel.width()
    banner(user).clear()
    settle(seconds=0.1)
    assert button.mapTo(user.panel, button.rect().topLeft()) == place


def test_recent_projects_are_offered_on_the_empty_panel(viewer: Any, day_before: Path) -> None:
    """With a picture, the newest first; one that is gone is not; an image that is opened ends the offer."""
    user = opened(viewer, day_before / "011.tif")
    user.panel.open_project(day_before / "gone.unet")
    assert not banner(user).isVisible()
    viewer.layers.clear()
    viewer.window.remove_dock_widget(user.panel.parent())
    settle(seconds=0.2)
    (day_before / "gone.unet").rename(day_before / "elsewhere")
    user = opened(viewer)
    buttons = banner(user).buttons
    assert [button.text() for button in buttons] == ["011", "Another project…"]
    assert not buttons[0].icon().isNull()
    buttons[0].click()
    assert user.panel.controller.present_project().folder == day_before / "011.unet"
    assert not banner(user).isVisible()


def reopen(user: User) -> User:
    """Close the panel and open it again over the images that stay."""
    user.viewer.window.remove_dock_widget(user.panel.parent())
    settle(seconds=0.2)
    again = User(user.viewer)
    settle(seconds=0.2)
    return again


@pytest.mark.parametrize("name", ["011", "012", "stack", "of no file"])
def test_an_image_goes_on_in_its_project_once_the_panel_is_open_again(
    viewer: Any, day_before: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """Wherever the project lies and however the image came into it; nothing is asked, made or shown twice."""
    folder, stack = tmp_path_factory.mktemp("elsewhere") / "study.unet", day_before / "stack.tif"
    tifffile.imwrite(stack, np.ones((5, 3, 64, 48), np.uint8), imagej=True, metadata={"axes": "ZCYX"})
    with Project(folder) as project:
        project.classes.add()
        for file in (day_before / "011.tif", day_before / "012.tif", stack):
            project.add_image(open_image(file), file)
        project.add_image(Image("of no file", np.full((SIDE, SIDE), 9, np.uint8), "yx"))
    user = User.of_project(viewer, folder)
    user.switch(name)
    user.painted[..., 20:30, 20:30] = 1
    user = reopen(user)
    assert (user.panel.controller.project.folder, user.panel.controller.image.name) == (folder, name)
    assert (user.painted[..., 20:30, 20:30] == 1).all()
    assert not banner(user).isVisible()
    assert [layer.name for layer in user.viewer.layers] == [name, "prediction", "annotation"]
    assert not [*Path.home().glob("napari-unet/*.unet"), *day_before.glob("stack.unet")]


@pytest.mark.parametrize("action", ["project_max", "split_stack"])
def test_what_napari_makes_of_an_image_is_not_taken_for_it(viewer: Any, day_before: Path, action: str) -> None:
    """It has the metadata of the image with fewer axes; choosing the image brings up the image."""
    stack = day_before / "stack.tif"
    tifffile.imwrite(stack, np.ones((5, 64, 48), np.uint8), imagej=True, metadata={"axes": "ZYX"})
    with Project(day_before / "011.unet") as project:
        project.add_image(open_image(stack), stack)
    user = User.of_project(viewer, day_before / "011.unet")
    user.switch("stack")
    viewer.layers.selection.active = user.panel.canvas.image
    get_app_model().commands.execute_command(f"napari.layer.{action}").result()
    assert [layer for layer in viewer.layers if layer.name.startswith("stack ") and layer.ndim == 2]
    settle(seconds=0.2)
    for name in ("011", "stack"):
        user.switch(name)
    assert user.panel.canvas.image.name == "stack"
    assert user.painted.shape == (5, 64, 48)
    assert messages() == []


def test_an_image_whose_project_is_gone_begins_another(viewer: Any, day_before: Path) -> None:
    """What was noted of the project that it was shown for says nothing any more."""
    user = opened(viewer, day_before / "013.tif")
    viewer.window.remove_dock_widget(user.panel.parent())
    settle(seconds=0.2)
    (day_before / "013.unet").rename(day_before / "elsewhere")
    user = User(viewer)
    settle(seconds=0.2)
    assert user.panel.controller.project.folder == day_before / "013.unet"
    assert [record.name for record in user.panel.controller.project.images.all()] == ["013"]


def test_the_question_for_a_project_begins_beside_the_image(
    viewer: Any, day_before: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before there is a project."""
    asked: list[str] = []
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *of: asked.append(of[2]) or "")
    user = opened(viewer, day_before / "012.tif")
    user.panel.head.project_button.click()
    banner(user).buttons[0].click()
    user.panel.head.project_button.click()
    assert asked == [str(day_before)] * 2


def test_a_project_dropped_anywhere_opens(viewer: Any, day_before: Path) -> None:
    """On the panel, the canvas or the layer list; other files go where they went."""
    user = opened(viewer)
    window = user.panel.window()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(day_before / "011.unet"))])
    takers = [w for w in (window, *window.findChildren(QWidget)) if w.acceptDrops()]
    assert len(takers) > 2
    for widget in (user.panel, viewer.window._qt_viewer, takers[-1]):
        if user.panel.controller.project is not None:
            user.panel.open_project(day_before / "other.unet")
        said = (mime, Qt.LeftButton, Qt.NoModifier)
        assert QApplication.sendEvent(widget, QDragEnterEvent(QPoint(5, 5), Qt.CopyAction, *said))
        assert QApplication.sendEvent(widget, QDropEvent(QPointF(5, 5), Qt.CopyAction, *said))
        assert user.panel.controller.present_project().folder == day_before / "011.unet"
    assert messages() == []


def test_a_project_without_classes_that_another_program_has_open(
    viewer: Any, day_before: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script may have made it: its images are shown, and nothing can be painted."""
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Open)
    with Project(day_before / "script.unet") as project:
        project.add_image(open_image(day_before / "011.tif"), day_before / "011.tif")
        panel = User.of_project(viewer, project.folder).panel
        assert panel.controller.present_project().read_only
        assert panel.controller.image.name == "011"
        assert not panel.results.knobs.isEnabled()
        assert messages() == []
