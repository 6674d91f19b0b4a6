"""An image leaves the project by the list, in a real napari window: asked where something is lost, and all goes on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fake_worker import FakeClient
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QMessageBox
from window import User, messages, settle

from napari_unet.images.reading import open_image
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m

ANSWERS = QMessageBox.StandardButton


@pytest.fixture
def painted_images(tmp_path: Path) -> Path:
    """A project of three images; "a" and "b" have strokes, "b" a rectangle, "c" has nothing."""
    with Project(tmp_path / "p.unet") as project:
        for name in ("background", "cell"):
            project.add_class(name)
        for number, name in enumerate("abc"):
            pixels = np.random.default_rng(number).integers(0, 999, (96, 96), np.uint16)
            tifffile.imwrite(tmp_path / f"{name}.tif", pixels)
            record = project.add_image(open_image(tmp_path / f"{name}.tif"), tmp_path / f"{name}.tif")
            strokes = np.zeros((96, 96), np.uint8)
            strokes[20:24, 20:45] = 2
            if name != "c":
                project.commit(record.id, 0, strokes)
            if name == "b":
                project.test_areas.replace(record.id, 0, [Region(50, 50, 80, 80)])
    return tmp_path / "p.unet"


@pytest.fixture
def confirmation(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the user is asked, and what the answer to it is to be."""
    told: dict[str, Any] = {"questions": [], "answer": ANSWERS.Yes}

    def question(parent: Any, title: str, text: str, *buttons: Any) -> Any:
        told["questions"].append(text)
        return told["answer"]

    monkeypatch.setattr(QMessageBox, "question", question)
    return told


def listed(user: User) -> list[str]:
    return [record.name for record in user.panel.image_list.table.records]


def press_delete(user: User) -> None:
    QTest.keyClick(user.panel.image_list.strip, Qt.Key.Key_Delete)


def test_the_image_on_screen_goes_and_its_neighbour_comes(
    viewer: Any, painted_images: Path, confirmation: dict[str, Any]
) -> None:
    """Asked with what is lost; the worker hears of it, the file stays, and painting goes on on the next image."""
    user = User.of_project(viewer, painted_images, FakeClient)
    panel = user.panel
    user.switch("b")
    confirmation["answer"] = ANSWERS.Cancel
    press_delete(user)
    assert (listed(user), panel.controller.image.name) == (["a", "b", "c"], "b")
    assert "100 painted pixels and 1 checked rectangle will be lost" in confirmation["questions"][0]
    confirmation["answer"] = ANSWERS.Yes
    press_delete(user)
    assert (listed(user), panel.controller.image.name) == (["a", "c"], "c")
    sent = panel.controller.worker.client.sent
    assert m.Annotated() in sent[sent.index(m.Corrected(2)) :]
    assert (painted_images.parent / "b.tif").exists()
    assert panel.class_table.painted == {1: 0, 2: 100}
    assert "checked rectangles" not in viewer.layers or not len(viewer.layers["checked rectangles"].data)
    user.draw(1, (20, 20), (20, 60))
    assert user.stored()[20, 40] == 1
    assert len(confirmation["questions"]) == 2
    assert messages() == []


def test_an_image_that_nothing_lies_on_goes_without_a_question(
    viewer: Any, painted_images: Path, confirmation: dict[str, Any]
) -> None:
    """By its menu, while another one is on screen, which stays there; a right click brings no image up."""
    user = User.of_project(viewer, painted_images, FakeClient)
    images = user.panel.image_list
    place = images.strip.visualRect(images.table.index(2, 0)).center()
    QTest.mouseClick(images.strip.viewport(), Qt.MouseButton.RightButton, pos=place)
    assert user.panel.controller.image.name == "a"
    menu = images.open_menu(images.strip, place)
    assert menu is not None
    [action] = menu.actions()
    assert action.text() == "Remove c from the project"
    action.trigger()
    menu.close()
    assert (listed(user), user.panel.controller.image.name) == (["a", "b"], "a")
    assert confirmation["questions"] == []
    assert images.open_menu(images.strip, QPoint(-5, -5)) is not None  # by a key: of the image that is marked
    assert messages() == []


def test_the_last_image_goes_and_may_be_added_again(user: User, confirmation: dict[str, Any]) -> None:
    """The layer that the user opened stays and can be chosen again; its pixels are still in the project's folder."""
    panel = user.panel
    user.draw(1, (20, 20), (20, 60))
    copy = panel.controller.image.path
    press_delete(user)
    assert str(copy) in confirmation["questions"][0]
    assert copy.exists()
    assert (listed(user), panel.controller.image, panel.canvas.annotation) == ([], None, None)
    assert [layer.name for layer in user.viewer.layers] == ["cells"]
    settle(seconds=0.2)
    panel.choose_image(user.viewer.layers["cells"])
    assert listed(user) == ["cells"]
    assert not user.painted.any()
    user.draw(2, (40, 20), (40, 60))
    assert user.stored()[40, 40] == 2
    assert messages() == []


def test_a_layer_that_the_project_brought_goes_with_its_only_image(
    viewer: Any, painted_images: Path, confirmation: dict[str, Any]
) -> None:
    """Nothing of the project is left in the viewer, and another image may be added."""
    user = User.of_project(viewer, painted_images, FakeClient)
    for _ in range(3):
        press_delete(user)
        settle(seconds=0.1)
    assert len(confirmation["questions"]) == 2
    assert (listed(user), list(viewer.layers)) == ([], [])
    user.panel.added_files.add([painted_images.parent / "b.tif"])
    assert settle(lambda: user.panel.controller.image is not None, 20)
    assert not user.painted.any()
    assert messages() == []


def test_an_image_that_is_exported_stays(viewer: Any, painted_images: Path, confirmation: dict[str, Any]) -> None:
    """One line says why, and what is on screen stays there."""
    user = User.of_project(viewer, painted_images, FakeClient)
    controller = user.panel.controller
    controller.exports.begin(painted_images.parent / "out", ("tiff",))
    press_delete(user)
    assert [line[:6] for line in messages()] == ["NU-E17"]
    assert (listed(user), controller.image.name) == (["a", "b", "c"], "a")
    controller.hear(m.Exported(()))
    press_delete(user)
    assert listed(user) == ["b", "c"]
