"""Laws of the objects in the window: what is shown, and that the table and the image have one selection."""

from typing import Any

import numpy as np
import pytest
from hand import SIDE, STROKE, Hand, open_black_image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget
from window import messages, settle

from napari_unet.objects.class_counts import ClassCount
from napari_unet.protocol import messages as m

COLUMNS = ("object", "plane", "class", "class_name", "area_px", "top_px", "left_px", "bottom_px", "right_px", "mean")


def answer(hand: Hand, *corners: tuple[int, int], **changed: Any) -> m.Objects:
    """Squares of 12 pixels as objects 1, 2, ..., as the worker would send them for what is on screen."""
    controller, numbers, rows = hand.panel.controller, np.zeros((SIDE, SIDE), np.int32), []
    for number, (y, x) in enumerate(corners, start=1):
        numbers[y : y + 12, x : x + 12] = number
        rows.append((number, controller.view.plane, 1, "class 2", 144, y, x, y + 12, x + 12, 0.5))
    fields = {"generation": controller.generation, "place": (controller.image.id, controller.view.plane)}
    found = m.Objects.of(**fields | changed, numbers=numbers, columns=COLUMNS, rows=tuple(rows))
    hand.worker.inbox = [found]
    settle(lambda: not hand.worker.inbox, 5)
    return found


def count(hand: Hand, objects: int) -> None:
    """Tell how many objects the plane on screen has."""
    controller = hand.panel.controller
    place = (controller.generation, controller.image.id, controller.view.plane)
    hand.worker.inbox = [m.Counted(*place, (ClassCount(2, objects, 0.3),))]
    settle(lambda: not hand.worker.inbox, 5)


def choose(hand: Hand, kind: str = "objects") -> Any:
    hand.panel.view_row.kind.setCurrentText(kind)
    return hand.panel.object_layer.layer


def test_objects_lie_over_the_image_with_their_measurements(hand: Hand) -> None:
    """Asked for by a look of a new generation; row n of the features is object n; older answers are dropped."""
    assert hand.panel.object_layer.layer is None
    old = hand.panel.controller.generation
    hand.panel.view_row.kind.setCurrentText("weight map")
    layer, active = choose(hand), hand.viewer.layers.selection.active
    assert hand.looks[-1].map == "objects"
    assert hand.looks[-1].generation == hand.panel.controller.generation > old
    assert active is hand.panel.canvas.annotation
    answer(hand, (10, 10), generation=old)
    assert not layer.data.any()
    found = answer(hand, (10, 10), (60, 90))
    np.testing.assert_array_equal(layer.data, found.array())
    assert list(layer.features.columns) == list(COLUMNS)
    assert [tuple(row) for row in layer.features.itertuples(index=False)][1:] == list(found.rows)
    assert layer.features["area_px"][0] == 0
    assert np.isnan(layer.features["mean"][0])
    assert not layer.editable
    order = [one.name for one in hand.viewer.layers]
    assert order.index("dark") < order.index("prediction") < order.index("objects") < order.index("annotation")
    answer(hand)
    assert (layer.data.any(), len(layer.features)) == (False, 0)
    answer(hand, (10, 10))
    choose(hand, "uncertainty")
    assert (layer.visible, layer.data.any(), hand.looks[-1].map) == (False, False, "uncertainty")
    choose(hand)
    assert hand.panel.object_layer.layer is layer
    hand.viewer.layers.remove(layer)
    assert hand.panel.view_row.kind.currentText() == "nothing"
    answer(hand, (10, 10))
    assert choose(hand) is not layer


def test_strokes_go_on_while_objects_come(hand: Hand) -> None:
    """Half a stroke is not disturbed by objects that arrive, and the brush stays."""
    choose(hand)
    watcher = hand.panel.canvas.watcher
    native = hand.viewer.window._qt_viewer.canvas.native
    hand.panel.class_table.select(2)
    QTest.mousePress(native, Qt.LeftButton, Qt.NoModifier, hand.pixel(*STROKE[0]))
    QApplication.processEvents()
    assert watcher.is_painting
    answer(hand, (10, 10), (60, 40))
    assert watcher.is_painting
    for x in range(STROKE[0][1], STROKE[1][1], 5):
        QTest.mouseMove(native, hand.pixel(STROKE[0][0], x))
        QApplication.processEvents()
    QTest.mouseRelease(native, Qt.LeftButton, Qt.NoModifier, hand.pixel(*STROKE[1]))
    settle(lambda: not watcher.is_painting, 5)
    assert (hand.stored()[STROKE[0][0], STROKE[0][1] : STROKE[1][1] - 5] == 2).all()
    assert hand.viewer.layers.selection.active is hand.panel.canvas.annotation


def test_no_empty_table_is_opened(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is offered once the plane on screen is counted; until then its tool tip says what to do."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((3, SIDE, SIDE), np.uint8))
    table = hand.panel.view_row.table
    assert not table.isEnabled()
    assert "two classes" in table.toolTip()
    count(hand, 1)
    assert table.isEnabled()
    assert "two classes" not in table.toolTip()
    viewer.dims.set_point(0, 2)
    assert settle(lambda: not table.isEnabled(), 5)


def test_table_and_image_have_one_selection(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row brings its object to the middle, a click chooses the row and moves nothing, a drag chooses nothing."""
    place = {"scale": (0.5, 0.5), "translate": (7, 90)}
    stack = np.zeros((3, SIDE, SIDE), np.uint8)
    hand = open_black_image(viewer, monkeypatch, stack, axis_labels=("z", "y", "x"), **place)
    viewer.dims.set_point(0, 1)
    settle(lambda: hand.panel.controller.view.plane == 1, 5)
    layer, camera = choose(hand), viewer.scene.camera
    answer(hand, (10, 10), (60, 90), (100, 20))
    np.testing.assert_array_equal(layer.data.any(axis=(1, 2)), [False, True, False])
    count(hand, 3)
    hand.panel.view_row.table.click()
    assert viewer.layers.selection.active is layer
    dock = viewer.window.dock_widgets["Features table widget (napari)"].parent()
    window = dock.parentWidget()
    panel = next(one for one in window.findChildren(QDockWidget) if one.isAncestorOf(hand.panel))
    assert dock in window.tabifiedDockWidgets(panel)  # the canvas keeps its size
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    hand.panel.view_row.table.click()
    assert window.dockWidgetArea(dock) == Qt.DockWidgetArea.LeftDockWidgetArea
    table = viewer.window.dock_widgets["Features table widget (napari)"].table
    zoom = camera.zoom

    def row() -> int:
        (chosen,) = {index.row() for index in table.selectionModel().selectedIndexes()}
        return chosen

    table.selectRow(2)
    assert layer.selected_label == 2
    assert camera.zoom == zoom
    np.testing.assert_allclose(camera.center[-2:], layer.data_to_world((1, 65.5, 95.5))[-2:])
    (box,) = hand.panel.canvas.marks.layer.data
    np.testing.assert_array_equal([box.min(axis=0), box.max(axis=0)], [[1, 57.5, 87.5], [1, 73.5, 103.5]])
    centre = camera.center
    native = viewer.window._qt_viewer.canvas.native
    QTest.mouseClick(native, Qt.LeftButton, Qt.NoModifier, hand.pixel(105, 25))
    assert settle(lambda: layer.selected_label == 3, 5)
    assert row() == 3
    assert camera.center == centre
    hand.drag((105, 60), (70, 95))
    settle(seconds=0.1)
    assert (layer.selected_label, row()) == (3, 3)
    assert camera.center != centre
    answer(hand, (98, 20), (60, 90))
    assert (layer.selected_label, row()) == (1, 1)
    viewer.dims.set_point(0, 0)
    settle(lambda: hand.panel.controller.view.plane == 0, 5)
    answer(hand, (30, 30))
    np.testing.assert_array_equal(layer.data.any(axis=(1, 2)), [True, False, False])
    assert layer.selected_label == 0
    assert not hand.panel.canvas.marks.of("selected object")


def test_objects_that_the_user_hides_for_a_moment_are_the_newest_again(hand: Hand) -> None:
    """By the eye in the list of layers; once they are not chosen any more, late ones are dropped."""
    layer = choose(hand)
    answer(hand, (10, 10))
    layer.visible = False
    found = answer(hand, (30, 30), (60, 90))
    layer.visible = True
    np.testing.assert_array_equal(layer.data, found.array())
    assert len(layer.features) == 3
    choose(hand, "nothing")
    answer(hand, (10, 10))
    assert not layer.data.any()


def test_another_image_comes_while_an_object_at_the_rim_is_selected(hand: Hand) -> None:
    """Its outline reaches beyond the image: when it goes, napari draws the strokes anew, and none is told as lost."""
    hand.draw(1, *STROKE)
    layer = choose(hand)
    answer(hand, (0, 40))
    layer.selected_label = 1
    hand.viewer.add_image(np.ones((SIDE, SIDE), np.uint8), name="other")
    hand.panel.choose_image(hand.viewer.layers["other"])
    assert messages() == []
    assert not hand.stored().any()


def test_another_image_has_other_objects(hand: Hand) -> None:
    """The layer moves with the others, empty; leaving takes it away."""
    layer = choose(hand)
    answer(hand, (10, 10))
    first = hand.panel.controller.image.id
    hand.viewer.add_image(np.ones((SIDE, SIDE), np.uint8), name="other", translate=(5, 5))
    hand.panel.choose_image(hand.viewer.layers["other"])
    moved = hand.panel.object_layer.layer
    assert (moved.data.any(), moved.visible, moved.editable, tuple(moved.translate)) == (False, True, False, (5, 5))
    assert moved is layer or layer not in hand.viewer.layers
    second = hand.panel.controller.image.id
    assert settle(lambda: (hand.looks[-1].image_id, hand.looks[-1].map) == (second, "objects"), 5)
    answer(hand, (10, 10), place=(first, 0))
    assert not moved.data.any()
    answer(hand, (20, 20))
    assert moved.data[20, 20] == 1
    hand.panel.shut_down(viewer_stays=True)
    assert "objects" not in [one.name for one in hand.viewer.layers]
