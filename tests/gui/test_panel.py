"""The plugin in a real napari window, with a simulated mouse: paint, train, overlay, undo, export, reopen."""

import itertools
import os
import signal
from pathlib import Path
from typing import Any

import dask.array
import msgspec
import numpy as np
import pytest
import tifffile
from hand import Hand
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QScrollBar,
    QWidget,
)
from window import PATIENCE_S, User, drawn_image, messages, settle

from napari_unet.config import Settings
from napari_unet.controller.news import SettingsChanged
from napari_unet.evaluation.label_check import Doubt
from napari_unet.gui.layers import source
from napari_unet.gui.panel import Panel
from napari_unet.gui.sections.class_table import QUALITY
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project
from napari_unet.protocol.messages import Doubted, NetworkChosen, Suggested

# napari 0.9 and its libraries warn of their own future; ours are still errors elsewhere.


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and only waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_stroke_is_in_the_project_when_the_mouse_is_released(user: User) -> None:
    user.draw(1, (15, 75), (90, 75))
    assert (user.stored() > 0).sum() > 100
    np.testing.assert_array_equal(user.stored(), user.painted)


def test_strokes_are_timed_and_moving_the_view_is_not(user: User) -> None:
    clock = user.panel.controller.annotation_clock
    now = itertools.count(100.0)  # each press and each release is a second after the one before
    clock.clock = lambda: next(now)
    user.draw(1, (15, 75), (90, 75))
    assert clock.seconds == 1
    for mode, seconds in (("erase", 3), ("pan_zoom", 3), ("paint", 5)):
        user.panel.canvas.annotation.mode = mode
        user.drag((80, 75), (90, 75))
        assert clock.seconds == seconds


def test_undo_redo_fill_erase_and_scripts_reach_the_project(user: User) -> None:
    layer = user.panel.canvas.annotation
    user.draw(1, (15, 75), (90, 75))
    user.draw(2, (32, 32), (48, 48))
    both = user.painted.copy()
    layer.undo()
    np.testing.assert_array_equal(user.stored(), user.painted)
    assert not (user.stored() == 2).any()
    layer.redo()
    np.testing.assert_array_equal(user.stored(), both)
    layer.fill((150, 20), 2)
    settle(seconds=0.05)
    np.testing.assert_array_equal(user.stored(), user.painted)
    assert user.stored()[150, 20] == 2
    layer.undo()
    layer.paint((100, 100), 0)
    layer.paint((20, 75), 0)
    settle(seconds=0.05)
    np.testing.assert_array_equal(user.stored(), user.painted)
    layer.data[100:110, 100:110] = 2  # tells nobody
    assert settle(lambda: user.stored()[105, 105] == 2, 5)


@pytest.mark.torch
def test_the_whole_job(user: User, tmp_path: Path) -> None:
    """Two classes start the training; overlay, Dice, export and the command line's masks follow; a reopen goes on."""
    from napari_unet.api import export as export_project

    user.draw_two_classes()
    panel = user.panel
    assert panel.controller.training.is_on
    assert settle(lambda: (panel.canvas.prediction.data > 0).all())
    undo_depth = len(panel.canvas.annotation._undo_history)
    assert settle(lambda: panel.training.progress.step > 60, 3 * PATIENCE_S), panel.training.progress  # slow processors
    assert len(panel.canvas.annotation._undo_history) == undo_depth
    panel.training.button.click()
    assert settle(lambda: panel.training.progress.state == "paused" and panel.training.progress.waiting_tiles == 0)
    truth = drawn_image() > 650
    found = panel.canvas.prediction.data == 2
    assert 2 * (truth & found).sum() / (truth.sum() + found.sum()) > 0.8

    panel.export_row.export(tmp_path / "out", ("tiff", "png", "csv"))
    assert settle(lambda: panel.export_row.exported.text())
    mask = tifffile.imread(tmp_path / "out" / "cells.tif")
    np.testing.assert_array_equal(mask, panel.canvas.prediction.data - 1)
    folder = panel.controller.project.folder
    with Project(folder, read_only=True) as project:
        export_project(project, tmp_path / "cli", ["tiff"])
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "cli" / "cells.tif"), mask)

    painted, steps = user.painted.copy(), panel.training.progress.step
    panel.open_project(folder)
    assert [layer.name for layer in user.viewer.layers].count("cells") == 1
    np.testing.assert_array_equal(user.painted, painted)
    assert settle(lambda: panel.training.progress.state == "paused" and panel.training.progress.step == steps)
    assert settle(lambda: (panel.canvas.prediction.data > 0).all())
    panel.training.button.click()
    assert settle(lambda: panel.training.progress.step > steps)
    assert messages() == []


@pytest.mark.torch
def test_scores_stand_on_the_image_where_they_are_wanted(user: User) -> None:
    """Boxes lie exactly on the blocks that are held out, and the canvas tells the estimated Dice; at first neither."""
    user.panel.controller.change_settings(Settings(hold_out=True))
    rng = np.random.default_rng(1)
    layer = user.panel.canvas.annotation
    truth = drawn_image() > 650
    scattered = rng.random(truth.shape) < 0.05
    layer.data[...] = np.where(scattered, truth + 1, 0)
    card, text, marks = user.panel.score_card, user.viewer.canvas.overlays.text, user.panel.canvas.marks
    assert settle(lambda: card.estimate.rows)
    assert not text.visible
    assert marks.layer is None
    card.on_image.click()
    assert settle(lambda: marks.layer is not None)
    controller = user.panel.controller
    expected = {
        (s.block.row, s.block.column) for s in controller.project.strokes.sides(controller.image.id) if s.held_out
    }
    corners = {tuple(((box.min(0) + 0.5) // 64).astype(int)) for box in marks.layer.data}
    assert corners == expected
    assert text.visible
    assert text.text.startswith(card.estimate.headline.text())
    background, cell = (said.text() for _, said in card.estimate.rows)
    assert "[" in background
    assert [user.panel.class_table.table.item(row, QUALITY).text() for row in (0, 1)] == [background[:4], cell[:4]]
    user.panel.details.copy_button.click()
    assert "On the held-out pixels its mean Dice was" in QApplication.clipboard().text()


def test_a_test_area_is_drawn_moved_and_deleted(user: User) -> None:
    """Button and drag make one, painting goes on; its Dice stands there; moved and deleted, it gives strokes back."""
    panel, layers = user.panel, user.viewer.layers
    user.draw_two_classes()
    panel.rectangle_check.choices["drawn"].trigger()
    assert layers.selection.active.name == "checked rectangles"
    user.drag((10, 20), (60, 70))
    assert settle(lambda: layers.selection.active == panel.canvas.annotation, 5)
    assert panel.canvas.annotation.mode == "paint"

    def areas() -> tuple[Region, ...]:
        return panel.controller.project.test_areas.of(panel.controller.image.id).get(0, ())

    (area,) = areas()
    assert abs(area.y0 - 10) + abs(area.x0 - 20) + abs(area.y1 - 60) + abs(area.x1 - 70) < 8
    layer = panel.areas.layer
    np.testing.assert_array_equal(layer.data[0].min(axis=0), (area.y0 - 0.5, area.x0 - 0.5))
    user.draw(2, (36, 36), (44, 44))  # paints, and draws no second area
    assert (user.stored()[37:43, 37:43] == 2).any()
    assert settle(lambda: layer.features["text"].tolist() not in (["not scored yet"], []))
    depth = len(panel.canvas.annotation._undo_history)
    layers.selection.active = layer
    assert layer.mode == "select"
    user.drag((35, 45), (95, 45))
    assert settle(lambda: areas() != (area,), 5)
    assert areas()[0].shape == area.shape
    assert areas()[0].y0 > area.y0 + 40
    layer.selected_data = {0}
    layer.remove_selected()
    assert settle(lambda: areas() == (), 5)
    assert len(panel.canvas.annotation._undo_history) == depth
    panel.rectangle_check.choices["drawn"].trigger()
    user.drag((100, 20), (102, 22))  # a slip
    assert settle(lambda: len(layer.data) == 0, 5)
    user.drag((115, 35), (165, 85))  # elsewhere, or it would be a double click
    assert settle(lambda: len(areas()) == 1, 5)
    panel.open_project(panel.controller.project.folder)
    assert len(panel.areas.layer.data) == 1
    assert [one.name for one in layers].count("checked rectangles") == 1
    layers.remove("checked rectangles")
    assert len(areas()) == 1
    panel.rectangle_check.choices["drawn"].trigger()
    assert len(panel.areas.layer.data) == 1
    layers.remove("cells")
    assert settle(lambda: list(layers) == [], 5)
    settle(seconds=0.3)
    assert messages() == []


@pytest.mark.torch
def test_the_weight_map_shows_what_training_sees(user: User) -> None:
    """It follows strokes while it is on; off and on it is the same layer, and never an image to annotate."""
    panel, layers = user.panel, user.viewer.layers
    user.draw(1, (15, 75), (90, 75))
    show = panel.view_row.kind.setCurrentText
    show("weight map")
    layer = panel.map_layer.layer
    assert settle(lambda: layer.data.any())
    assert layer.visible
    assert layers.selection.active == panel.canvas.annotation
    assert [panel.head.images.itemText(i) for i in range(panel.head.images.count())] == ["cells"]
    assert not layer.data[user.painted == 0].any()
    before = layer.data.copy()
    user.draw(2, (32, 32), (48, 48))
    assert settle(lambda: (layer.data[user.painted == 2] > 0).any())
    assert (layer.data != before).any()
    show("nothing")
    assert not layer.visible
    user.draw(2, (105, 75), (115, 85))
    show("weight map")
    assert layer.visible
    assert panel.map_layer.layer is layer
    assert settle(lambda: (layer.data[100:120, 74:86] > 0).any())
    assert [one.name for one in layers].count("weight map") == 1
    panel.open_project(panel.controller.project.folder)
    assert layer not in layers
    assert settle(lambda: panel.map_layer.layer is not None and panel.map_layer.layer.data.any())
    layers.remove("weight map")
    assert panel.view_row.kind.currentText() == "nothing"
    assert "cells" in layers
    user.draw(2, (150, 125), (150, 135))
    show("weight map")
    assert settle(lambda: panel.map_layer.layer.data.any())
    layers.remove("cells")
    assert settle(lambda: panel.map_layer.layer is None and list(layers) == []), list(layers)
    settle(seconds=0.3)  # the canvas is drawn once more
    assert messages() == []


def assert_seen_well(user: User, box: np.ndarray) -> None:
    """A place is seen whole; beside the image the canvas is empty on both sides alike, or hardly at all."""
    low, high = user.panel.canvas.image.extent.world[:, -2:]
    assert (user.seen[0] <= box.min(axis=0)).all()
    assert (user.seen[1] >= box.max(axis=0)).all()
    before, after = np.maximum(low - user.seen[0], 0), np.maximum(user.seen[1] - high, 0)
    is_even = np.abs(before - after) < 1.5
    assert (is_even | (np.maximum(before, after) < 0.05 * np.ptp(user.seen, axis=0))).all()


@pytest.mark.torch
def test_n_leads_to_where_to_paint_next(user: User) -> None:
    """The place comes into view, outlined; N goes to another one, a stroke takes the outline away."""
    panel, viewer = user.panel, user.viewer
    window, where_next = viewer.window._qt_viewer.canvas.native, panel.where_next
    QTest.keyClick(window, Qt.Key_N)
    assert settle(lambda: "paint" in where_next.reason.text())
    user.draw_two_classes()
    assert settle(lambda: panel.training.progress is not None and panel.training.progress.step > 3)
    panel.training.button.click()
    places = []
    for _ in range(2):
        before, depth = viewer.scene.camera.zoom, len(panel.canvas.annotation._undo_history)
        QTest.keyClick(window, Qt.Key_N)
        assert settle(lambda: panel.canvas.marks.of("where next"))
        (box,) = panel.canvas.marks.layer.data
        places.append(box.tolist())
        assert_seen_well(user, box)
        assert viewer.scene.camera.zoom >= before
        assert viewer.layers.selection.active == panel.canvas.annotation
        assert len(panel.canvas.annotation._undo_history) == depth
    assert places[0] != places[1]
    layer = panel.canvas.marks.layer
    y, x = box.mean(axis=0)
    user.draw(2, (y - 10, x - 10), (y + 10, x + 10))
    assert settle(lambda: not layer.data, 5)
    assert where_next.reason.text() == ""
    viewer.layers.remove(layer)
    QTest.keyClick(window, Qt.Key_N)
    assert settle(lambda: panel.canvas.marks.of("where next"))
    assert settle(lambda: layer in viewer.layers, 5)
    assert "N" in {str(key) for key in viewer.keymap}
    viewer.window.remove_dock_widget(panel)
    assert "N" not in {str(key) for key in viewer.keymap}
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert messages() == []


def test_n_leads_to_another_image_and_plane(user: User) -> None:
    """A place elsewhere brings up its image and plane; while a stroke is under way nothing moves."""
    panel, viewer = user.panel, user.viewer
    viewer.add_image(np.stack([drawn_image(1), drawn_image(2)]), name="stack", scale=(1, 2, 2))
    record = panel.controller.project.add_image(source.image_of(viewer.layers["stack"], False)[0])
    suggested = Suggested(1, "unsure", record.id, 1, Region(64, 64, 128, 128))
    viewer.layers.selection.active = panel.canvas.annotation
    mouse = viewer.window._qt_viewer.canvas.native, Qt.LeftButton, Qt.NoModifier, user.pixel(20, 75)
    QTest.mousePress(*mouse)
    QApplication.processEvents()
    panel.controller.publish(suggested)
    assert panel.canvas.image.name == "cells"
    QTest.mouseRelease(*mouse)
    panel.controller.publish(suggested)
    assert panel.controller.image.id == record.id
    assert panel.canvas.watcher.plane == 1
    assert_seen_well(user, 2 * np.array([[63.5, 63.5], [127.5, 127.5]]))
    assert panel.canvas.marks.layer.data[0][:, 0].tolist() == [1, 1, 1, 1]
    assert viewer.layers["stack"].visible
    assert not viewer.layers["cells"].visible


def test_a_question_follows_the_classes(listened: User) -> None:
    """It has the new name of a class, and goes with a class that is removed."""
    panel, table = listened.panel, listened.panel.class_table
    table.named.emit("debris")
    listened.draw(3, (32, 32), (48, 48))
    panel.controller.publish(Doubted((Doubt(panel.controller.image.id, 0, 3, 1, Region(27, 27, 54, 54), (32, 32)),)))
    assert "'debris'" in panel.label_check.line.text()
    table.renamed.emit(3, "dust")
    assert "'dust'" in panel.label_check.line.text()
    table.removed.emit(3)
    assert panel.label_check.isHidden()


def test_a_doubted_stroke_is_kept_flipped_or_erased(user: User) -> None:
    """Flip and Erase are strokes like any other, undo included; what is kept is not asked about again."""
    panel, layer = user.panel, user.panel.canvas.annotation
    user.draw(1, (15, 75), (90, 75))
    user.draw(2, (32, 32), (48, 48))
    user.draw(2, (105, 75), (115, 85))
    check, buttons, marks = panel.label_check, panel.label_check.buttons, panel.canvas.marks
    doubts = [
        Doubt(panel.controller.image.id, 0, 2, 1, Region(27, 27, 54, 54), (32, 32)),
        Doubt(panel.controller.image.id, 0, 2, 1, Region(100, 70, 121, 91), (105, 75)),
    ]
    assert check.isHidden()
    panel.controller.publish(Doubted(tuple(doubts)))
    assert not check.isHidden()
    assert "(1 of 2)" in check.line.text()
    assert len(marks.of("label check")) == 2
    assert user.viewer.layers.selection.active == layer
    buttons["Later"].click()
    buttons["Show"].click()
    assert_seen_well(user, np.array([[95.5, 65.5], [124.5, 94.5]]))
    buttons["Later"].click()
    undone = user.painted.copy()
    buttons["Flip"].click()
    assert user.stored()[40, 40] == 1
    assert user.stored()[105, 75] == 2
    assert len(marks.of("label check")) == 1
    layer.undo()
    np.testing.assert_array_equal(user.stored(), undone)
    assert len(marks.of("label check")) == 2
    buttons["Keep"].click()
    np.testing.assert_array_equal(user.stored(), undone)
    assert len(marks.of("label check")) == 1
    panel.open_project(panel.controller.project.folder)
    panel.controller.publish(Doubted(tuple(doubts[::-1])))
    assert [box.min(axis=0).tolist() for box in marks.layer.data] == [[22.5, 22.5]]
    buttons["Show"].click()
    assert_seen_well(user, np.array([[22.5, 22.5], [57.5, 57.5]]))
    buttons["Erase"].click()
    assert user.stored()[40, 40] == 0
    assert user.stored()[110, 80] == 2
    assert check.isHidden()
    assert not marks.of("label check")
    assert messages() == []


def test_strokes_that_ran_over_are_trimmed(user: User) -> None:
    """One by one or all at once; undo brings them back, and what is kept is not asked about again."""
    panel, layer, marks = user.panel, user.panel.canvas.annotation, user.panel.canvas.marks
    user.draw(1, (15, 75), (90, 75))
    user.draw(2, (32, 32), (48, 48))
    user.draw(2, (105, 75), (115, 85))
    whole, image = user.stored(), panel.controller.image.id
    ends = [Region(38, 36, 42, 44), Region(105, 73, 110, 78)]
    doubts = [
        Doubt(image, 0, 2, 1, end, (end.y0, end.x0), np.packbits(np.ones(end.shape, bool)).tobytes()) for end in ends
    ]
    doubts.append(Doubt(image, 0, 1, 2, Region(10, 70, 95, 80), (15, 75)))
    assert all((whole[end.slices] == 2).any() for end in ends)
    check, buttons = panel.label_check, panel.label_check.buttons
    panel.controller.publish(Doubted(tuple(doubts)))
    assert "ran over" in check.line.text()
    assert [name for name, button in buttons.items() if button.isVisible()] == [
        "Show", "Keep", "Trim", "Trim all", "Later"
    ]  # fmt: skip
    buttons["Trim"].click()
    expected = whole.copy()
    expected[ends[0].slices] = 0
    np.testing.assert_array_equal(user.stored(), expected)
    assert buttons["Trim all"].isHidden()
    layer.undo()
    np.testing.assert_array_equal(user.stored(), whole)
    buttons["Later"].click()
    assert "ran over" not in check.line.text()
    assert [name for name, button in buttons.items() if button.isVisible()] == [
        "Show", "Keep", "Flip", "Erase", "Later"
    ]  # fmt: skip
    buttons["Later"].click()
    buttons["Trim all"].click()
    for end in ends:
        expected[end.slices] = 0
    np.testing.assert_array_equal(user.stored(), expected)
    assert len(marks.of("label check")) == 1
    layer.undo()
    np.testing.assert_array_equal(user.stored(), whole)
    while "ran over" not in check.line.text():
        buttons["Later"].click()
    buttons["Keep"].click()
    assert len(marks.of("label check")) == 2
    assert messages() == []


def test_a_setting_of_several_names_is_a_list(user: User) -> None:
    """The loss is chosen from its names and is in the project when chosen."""
    form = user.panel.settings_form
    assert form.settings.loss == "cross-entropy"
    form.fields["loss"].value = "cross-entropy + dice"
    assert user.panel.controller.project.settings.read() == Settings(loss="cross-entropy + dice")


def test_a_change_leaves_the_other_settings_as_they_are(user: User) -> None:
    """Also those that have more digits than the form shows; defaults are shown in full."""
    form = user.panel.settings_form
    for name, value in msgspec.to_builtins(Settings()).items():
        assert form.fields[name].value == value
    fine = Settings(learning_rate=1.23e-6)
    form.show_settings(fine)
    form.fields["batch"].value = 3
    assert form.settings == msgspec.structs.replace(fine, batch=3)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("tile", "256", 256),
        ("width", "24", 24),
        ("learning_rate", "0.000005", 5e-6),
        ("averaging", "0.99", 0.99),
        ("tile", "100", None),
        ("averaging", "1", None),
    ],
)
def test_a_number_that_is_typed_counts_once_it_is_ended(hand: Hand, name: str, text: str, value: float | None) -> None:
    """No part of it is taken, which may be no value, or begin another network; what is refused is told in one line."""
    form, taken = hand.panel.settings_form, []
    hand.panel.controller.subscribe(SettingsChanged, lambda news: taken.append(getattr(news.settings, name)))
    box = form.fields[name].native
    form.bring_up()
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, text)
    assert (taken, messages()) == ([], [])
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert taken == ([] if value is None else [value])
    assert [message[:6] for message in messages()] == ([] if value is not None else ["NU-C01"])
    assert form.fields[name].value == getattr(form.settings, name)
    assert hand.panel.controller.project.settings.read() == form.settings


def test_a_network_of_the_literature_brings_its_borders(user: User) -> None:
    """Choosing it in the panel sets what the command line sets; the form and the project agree."""
    form, project = user.panel.settings_form, user.panel.controller.project
    form.fields["preset"].value = "unet-2015"
    assert (project.settings.read().preset, project.settings.read().border_weight) == ("unet-2015", 10)
    assert form.settings == project.settings.read()
    form.fields["preset"].value = "auto"
    assert project.settings.read() == Settings()


def test_the_panel_says_which_network_learns_and_why(user: User) -> None:
    """And from how much, as the worker tells; until then nothing is claimed."""
    line = user.panel.details.network
    assert line.text() == ""
    user.panel.controller.publish(NetworkChosen("accurate", 128, 16, "there is a GPU"))
    assert line.text() == "Network accurate, because there is a GPU · 16 tiles of 128 px a step"


@pytest.mark.torch
def test_killing_the_worker_costs_nothing(user: User) -> None:
    """After a kill the strokes are there, one message is shown and training goes on in a new process."""
    user.draw_two_classes()
    panel = user.panel
    assert settle(lambda: panel.training.progress is not None and panel.training.progress.step > 3)
    for _ in range(2):
        pid = panel.controller.worker.client.pid
        os.kill(pid, signal.SIGKILL)
        assert settle(
            lambda pid=pid: panel.controller.worker.client is not None and panel.controller.worker.client.pid != pid
        )
        user.draw(2, (160, 20), (160, 40))
        assert settle(lambda: panel.training.progress.state == "training" and panel.training.progress.step > 0)
    np.testing.assert_array_equal(user.stored(), user.painted)
    assert [m[:6] for m in messages()] == ["NU-W06"]


@pytest.mark.parametrize("order", ["panel", "viewer", "image", "annotation", "prediction"])
def test_closing_anything_while_training_leaves_nothing_behind(user: User, order: str) -> None:
    """No traceback, no worker: whichever goes first."""
    user.draw_two_classes()
    assert settle(lambda: user.panel.controller.training.is_on)
    pid = user.panel.controller.worker.client.pid
    layers = user.viewer.layers
    {
        "panel": lambda: user.viewer.window.remove_dock_widget(user.panel),
        "viewer": user.viewer.close,
        "image": lambda: layers.remove("cells"),
        "annotation": lambda: layers.remove("annotation"),
        "prediction": lambda: layers.remove("prediction"),
    }[order]()
    settle(seconds=0.5)
    if order not in {"panel", "viewer"}:
        user.viewer.close()
    assert settle(lambda: not alive(pid), 10)
    assert [n for n in notification_manager.records if n.severity >= "error"] == []


@pytest.mark.torch
def test_every_plane_of_a_stack_keeps_its_own_strokes_and_prediction(viewer: Any) -> None:
    stack = np.stack([drawn_image(0), drawn_image(1), np.zeros_like(drawn_image())])
    viewer.add_image(stack, name="stack", scale=(2, 0.5, 0.5), units=("um", "um", "um"))
    user = User(viewer)
    viewer.dims.set_current_step(0, 0)
    user.draw_two_classes()
    viewer.dims.set_current_step(0, 1)
    settle(seconds=0.2)
    user.draw(2, (150, 125), (150, 135))
    np.testing.assert_array_equal(user.stored(1), user.painted[1])
    assert (user.stored(1) == 2).any()
    assert not (user.stored(2) > 0).any()
    assert settle(lambda: (user.panel.canvas.prediction.data[1] > 0).all())
    np.testing.assert_allclose(user.panel.canvas.annotation.scale, (2, 0.5, 0.5))
    assert [str(unit) for unit in user.panel.canvas.annotation.units] == ["micrometer"] * 3


def test_class_keys_choose_the_class(user: User) -> None:
    user.panel.class_table.added.emit()
    layer = user.panel.canvas.annotation
    for number in (3, 1, 2):
        keymap = {str(key): action for key, action in layer.keymap.items()}
        keymap[str(number)](layer)
        assert layer.selected_label == number
        assert user.panel.class_table.selected == number
        assert layer.mode == "paint"


def test_the_keyboard_reaches_everything(user: User) -> None:
    """Every control has a name to be read out and takes the focus by Tab; what is folded away does not."""
    kinds = (QAbstractButton, QComboBox, QAbstractSpinBox, QAbstractSlider, QAbstractItemView)
    panel, drawer, settings = user.panel, user.panel.details, user.panel.settings_form

    def controls() -> list[QWidget]:
        found = [w for w in panel.findChildren(QWidget) if isinstance(w, kinds) and not isinstance(w, QScrollBar)]
        return [w for w in found if w.isVisible() and w.isEnabled() and not isinstance(w, QHeaderView)]

    def names(widget: QWidget) -> str:
        return widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")

    folded = controls()
    assert not [w for w in folded if not w.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert all(map(names, folded))
    assert not any(drawer.content.isAncestorOf(w) or settings.isAncestorOf(w) for w in folded)
    drawer.open()
    settings.bring_up()
    for unfolded in ([w for w in controls() if box.isAncestorOf(w)] for box in (drawer.content, settings)):
        assert len(unfolded) >= 4
        assert not [w for w in unfolded if not w.focusPolicy() & Qt.FocusPolicy.TabFocus]
        assert all(map(names, unfolded))
    stops = [w for w in drawer.content.findChildren(QWidget) if w.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert not [w for w in stops if w.isVisible() and not names(w)]  # each place where Tab stops is read out


def test_tab_goes_as_one_reads(user: User) -> None:
    """From top to bottom, and through each row from left to right."""
    panel = user.panel
    panel.details.open()
    settle(seconds=0.2)
    stops, widget = [], panel.nextInFocusChain()
    while widget is not panel:
        if panel.isAncestorOf(widget) and widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            stops.append(widget)
        widget = widget.nextInFocusChain()
    assert len(stops) > 15
    parts = [stop for stop in stops if any(other.isAncestorOf(stop) for other in stops)]  # the field of a number
    outer = [stop for stop in stops if stop not in parts and not panel.training.isAncestorOf(stop)]
    places = [QRect(stop.mapTo(panel, QPoint()), stop.size()) for stop in outer]
    for before, after in itertools.pairwise(places):
        is_beside = after.left() > before.right() and after.bottom() > before.top()
        assert is_beside or after.top() > before.center().y(), (before, after)
    assert panel.training.isAncestorOf(stops[-1])


def test_a_key_in_the_table_of_classes_begins_no_name(user: User) -> None:
    """A digit is no new name; Enter on a colour asks for another one."""
    table, asked = user.panel.class_table, []
    table.table.setCurrentCell(0, 1)
    QTest.keyClick(table.table, Qt.Key.Key_2)
    assert table.table.state() != QAbstractItemView.State.EditingState
    table.pick_colour = asked.append
    table.table.setCurrentCell(1, 0)
    table.enter()
    assert [item.row() for item in asked] == [1]


def test_a_layer_that_cannot_be_read_is_told(viewer: Any) -> None:
    """Pixels that a reader plugin reads on demand: used like others, and one line where reading them fails."""
    broken: list[Exception] = []

    def block(block_info: Any = None) -> np.ndarray:
        if broken:
            raise broken[0]
        return drawn_image()

    shape, dtype = drawn_image().shape, drawn_image().dtype
    lazy = dask.array.map_blocks(block, chunks=shape, dtype=dtype, meta=np.empty((0, 0), dtype))
    viewer.add_image(lazy, name="lazy")
    user = User(viewer)
    user.draw(2, (32, 32), (48, 48))
    assert user.stored().any()
    np.testing.assert_array_equal(user.panel.controller.project.images.open(1).read(0)[..., 0], drawn_image())
    layer = viewer.add_image(lazy + 1, name="gone")
    broken.append(OSError("the drive\nis gone"))
    user.panel.attempt(lambda: user.panel.choose_image(layer))
    assert [line[:8] for line in messages()] == ["NU-I61: "]
    assert "OSError: the drive is gone" in messages()[0]
    assert user.panel.controller.image.name == "lazy"
    assert len(user.panel.controller.project.images.all()) == 1
    broken.clear()
    user.panel.attempt(lambda: user.panel.choose_image(layer))
    assert user.panel.controller.image.name == "gone"


def test_bad_wishes_get_one_line_and_change_nothing(user: User, tmp_path: Path) -> None:
    user.draw(1, (15, 75), (90, 75))
    before, folder = user.stored(), user.panel.controller.project.folder
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo.jpg").write_bytes(b"mine")
    user.panel.attempt(lambda: user.panel.export_row.export(tmp_path, ()))
    user.panel.attempt(lambda: user.panel.open_project(tmp_path / "holiday"))
    assert [m[:6] for m in messages()] == ["NU-E02", "NU-P01"]
    assert user.panel.controller.project.folder == folder
    assert [path.name for path in (tmp_path / "holiday").iterdir()] == ["photo.jpg"]
    np.testing.assert_array_equal(user.stored(), before)
    user.draw(2, (32, 32), (48, 48))
    assert (user.stored() == 2).any()


def test_the_panel_is_offered_where_the_docs_say() -> None:
    from npe2 import PluginManager

    manager = PluginManager.instance()
    manager.discover()
    manifest = manager.get_manifest("napari-unet-live")
    assert manifest.contributions.widgets[0].command == "napari-unet-live.panel"
    assert manifest.contributions.widgets[0].get_callable() is Panel
    menus = manifest.contributions.menus
    assert {"napari/layers/annotate", "napari/layers/segment"} <= set(menus)


def press(user: User, key: Any) -> None:
    QTest.keyClick(user.viewer.window._qt_viewer.canvas.native, key)
    QApplication.processEvents()


def test_keys_and_other_tools_keep_brush_and_table_at_one(user: User) -> None:
    """Numbers, X and the picker choose classes; a number without a class is put back, and nothing is painted in it."""
    table, layer = user.panel.class_table, user.panel.canvas.annotation
    press(user, Qt.Key_2)
    press(user, Qt.Key_1)
    assert (table.selected, layer.selected_label) == (1, 1)
    press(user, Qt.Key_X)
    assert (table.selected, layer.selected_label) == (2, 2)
    press(user, Qt.Key_X)
    assert (table.selected, layer.selected_label) == (1, 1)
    press(user, Qt.Key_9)
    assert layer.selected_label == 1
    layer.selected_label = 2  # as the picker does
    assert table.selected == 2
    press(user, Qt.Key_E)
    assert layer.mode == "erase"
    press(user, Qt.Key_2)
    assert layer.mode == "paint"
    layer.selected_label = 7  # as napari's spin box does
    assert settle(lambda: layer.selected_label == 2, 5)
    assert messages()[-1].startswith("NU-A12: 7 ")


@pytest.mark.torch
def test_accepting_paints_the_prediction_inside_the_circle(user: User) -> None:
    """Only inside, only what is unlabelled and not held out; one undo takes it back; the brush is there again."""
    user.panel.controller.change_settings(Settings(hold_out=True))
    user.draw_two_classes()
    panel, layer = user.panel, user.panel.canvas.annotation
    assert settle(lambda: (panel.canvas.prediction.data > 0).all())
    panel.training.button.click()
    assert settle(lambda: panel.training.progress.state == "paused" and panel.training.progress.waiting_tiles == 0)
    before, predicted = user.painted.copy(), panel.canvas.prediction.data.copy()
    panel.canvas.prediction.data[...] = 1  # the network is asked, not the layer
    controller = panel.controller
    held = {(s.block.row, s.block.column, s.class_id) for s in controller.project.strokes.sides(1) if s.held_out}
    press(user, Qt.Key_A)
    user.drag((20, 20), (20, 150), (170, 150), (170, 20), (22, 20))
    assert settle(lambda: (user.painted != before).any(), 5)
    new = user.painted != before
    ys, xs = np.nonzero(new)
    assert 15 <= ys.min() < 30
    assert 150 < ys.max() <= 175
    assert 15 <= xs.min() < 30
    assert 135 < xs.max() <= 155
    assert not before[new].any()
    np.testing.assert_array_equal(user.painted[new], predicted[new])
    np.testing.assert_array_equal(user.stored(), user.painted)
    assert not held & {(y // 64, x // 64, user.painted[y, x]) for y, x in zip(ys, xs, strict=True)}
    after = {(s.block.row, s.block.column, s.class_id) for s in controller.project.strokes.sides(1) if s.held_out}
    assert after == held
    assert user.viewer.layers.selection.active == layer
    assert layer.mode == "paint"
    assert not user.viewer.layers["drawing"].visible
    layer.undo()
    np.testing.assert_array_equal(user.painted, before)
    np.testing.assert_array_equal(user.stored(), before)
    QTest.keyClick(user.viewer.window._qt_viewer.canvas.native, Qt.Key_A, Qt.ShiftModifier)
    assert settle(lambda: (user.painted != before).sum() > 1.2 * new.sum(), 5)
    all_of_it = user.painted != before
    np.testing.assert_array_equal(user.painted[all_of_it], predicted[all_of_it])
    np.testing.assert_array_equal(user.stored(), user.painted)
    layer.undo()
    np.testing.assert_array_equal(user.stored(), before)
    panel.open_project(controller.project.folder)
    assert "drawing" not in user.viewer.layers
    assert settle(lambda: panel.canvas.prediction.data.any())
    press(user, Qt.Key_A)
    press(user, Qt.Key_Escape)
    assert user.viewer.layers.selection.active == panel.canvas.annotation
    assert messages() == []


def test_preferences_are_for_new_projects(viewer: Any, tmp_path: Path) -> None:
    """A project keeps the settings that it was made with; one that does not fit is told and changes nothing."""
    from napari.settings import get_plugin_settings

    chosen = get_plugin_settings("napari-unet-live").new_projects
    with Project(tmp_path / "old.unet"):
        pass
    chosen.batch = 7
    try:
        viewer.add_image(drawn_image(), name="cells")
        panel = User(viewer).panel
        assert panel.controller.project.settings.read().batch == 7
        assert panel.settings_form.settings.batch == 7
        panel.open_project(tmp_path / "old.unet")
        assert panel.controller.project.settings.read() == Settings()
        chosen.tile = 100
        panel.open_project(tmp_path / "new.unet")
        assert panel.controller.project.settings.read() == Settings()
        assert messages()[-1].startswith("NU-C01")
    finally:
        chosen.batch, chosen.tile = Settings().batch, Settings().tile
