"""Laws of what lies over the image: the right pixels, the right order, no more drawing and no more memory than needed.

In a real window, with a worker that says what the test lets it say.
"""

import time
from typing import Any
from unittest.mock import Mock

import numpy as np
import psutil
import pytest
from hand import SIDE, STROKE, Hand, open_black_image
from napari.layers.labels import labels as napari_labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit
from window import messages, settle

from napari_unet.evaluation.scores import BlockScore, Score
from napari_unet.gui.layers.marks import Mark
from napari_unet.gui.sections.accept_button import AcceptButton
from napari_unet.gui.sections.details import overlay_text
from napari_unet.images.tiles import Region
from napari_unet.protocol import messages as m

TILE = Region(64, 64, 128, 128)
INSIDE, OUTSIDE = (100, 100), (30, 100)  # of the tile; both off the stroke
BURST = 1000


def check_stroke_and_tile(hand: Hand) -> None:
    """A stroke is stored, and a tile is seen, on the pixels that are meant and on no others."""
    plane = hand.panel.canvas.watcher.plane
    hand.draw(2, *STROKE)
    stored = hand.stored(plane) == 2
    ys, xs = np.nonzero(stored)
    assert stored[60, 42:89].all()
    assert 54 <= ys.min() <= ys.max() <= 66
    assert 34 <= xs.min() <= xs.max() <= 96
    hand.answer(TILE, 2)
    colour = np.array(hand.panel.canvas.prediction.get_color(2))[:3] * 255
    np.testing.assert_allclose(hand.colour(*INSIDE), colour, atol=12)
    np.testing.assert_allclose(hand.colour(*OUTSIDE), 0, atol=12)
    np.testing.assert_array_equal(hand.painted.reshape(-1, SIDE, SIDE)[plane], hand.stored(plane))
    found = hand.panel.canvas.prediction.data.reshape(-1, SIDE, SIDE)
    assert (found[plane][TILE.slices] == 2).all()


def test_numbers_that_are_no_class_are_told_and_never_wrapped(hand: Hand) -> None:
    """They stay on the layer, other strokes are saved, and once they are gone all is; told once."""
    layer = hand.panel.canvas.annotation
    hand.draw(2, *STROKE)
    data = layer.data.astype(np.int32)
    data[:8, :8], data[8:16, :8] = 257, 1
    layer.data = data
    settle(seconds=2.5)  # it is looked at again after two seconds
    assert [line[:6] for line in messages()] == ["NU-A04"]
    assert (layer.data[:8, :8] == 257).all()
    stored = hand.stored()
    assert not stored[:8, :8].any()
    assert (stored[8:16, :8] == 1).all()
    assert (stored[60, 42:89] == 2).all()
    layer.data[:8, :8] = 2
    assert settle(lambda: (hand.stored()[:8, :8] == 2).all(), 10)
    assert [line[:6] for line in messages()] == ["NU-A04", "All st"]


GEOMETRIES: dict[str, Any] = {
    "turned": {"scale": (0.5, 0.25), "translate": (-30, 900), "rotate": 30, "units": ("um", "um")},
    "affine": {"affine": np.array([[0, 3, 5], [-2, 0, 7], [0, 0, 1]])},
    "float": {"dtype": np.float64},
    "bool": {"dtype": np.bool_, "translate": (5, 5)},
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_strokes_and_tiles_lie_where_they_belong(name: str, viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the layer lies, after zooming and panning, and with rows and columns exchanged."""
    place = dict(GEOMETRIES[name])
    hand = open_black_image(viewer, monkeypatch, np.zeros((SIDE, SIDE), place.pop("dtype", np.uint8)), **place)
    check_stroke_and_tile(hand)
    viewer.scene.camera.zoom *= 1.3
    viewer.scene.camera.center = np.add(
        viewer.scene.camera.center, (0, *np.multiply(0.05 * SIDE, hand.panel.canvas.image.scale))
    )
    viewer.dims.order = (1, 0)
    settle(seconds=0.1)
    hand.panel.canvas.annotation.undo()
    hand.panel.canvas.prediction.data[...] = 0
    check_stroke_and_tile(hand)
    assert messages() == []


def test_dice_stands_on_its_plane_of_a_stack(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes and test areas of a t, z stack, with their numbers at their corners, on their own plane alone."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((2, 3, SIDE, SIDE), np.uint16))
    panel, record = hand.panel, hand.panel.controller.image
    panel.controller.project.test_areas.replace(record.id, 4, (Region(64, 0, 128, 64),))
    panel.areas.show(panel.canvas.placement, panel.controller.project.test_areas.of(record.id))
    score = Score(1, None, (), (BlockScore(record.id, 4, 0, 64, 64, 128, 0.5),))
    panel.controller.publish(m.Scored(score, None))
    panel.score_card.on_image.click()
    for t, z in ((0, 0), (1, 1)):
        viewer.dims.set_current_step((0, 1), (t, z))
        settle(seconds=0.1)
        shown = 3 * t + z == 4
        for layer, corner in ((panel.canvas.marks.layer, (-0.5, 63.5)), (panel.areas.layer, (63.5, -0.5))):
            assert len(layer._view_text) == int(shown)
            assert not shown or tuple(np.ravel(layer._view_text_coords[0])) == corner
    assert messages() == []


def test_every_plane_is_itself(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a t, z stack each plane has its own strokes and tiles; so it stays after a look in 3-D."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((2, 3, SIDE, SIDE), np.uint16), scale=(1, 4, 0.5, 0.5))
    for t, z in ((0, 0), (1, 2), (0, 1)):
        viewer.dims.set_current_step((0, 1), (t, z))
        settle(lambda plane=3 * t + z: hand.panel.controller.view.plane == plane, 5)
        assert hand.panel.controller.view.plane == 3 * t + z
        check_stroke_and_tile(hand)
        viewer.dims.ndisplay = 3
        settle(seconds=0.1)
        viewer.dims.ndisplay = 2
        settle(seconds=0.1)
    painted = [plane for plane in range(6) if hand.stored(plane).any()]
    assert painted == [0, 1, 5]
    assert [plane for plane in range(6) if hand.panel.canvas.prediction.data.reshape(6, -1)[plane].any()] == painted
    assert messages() == []


def test_in_three_dimensions_nothing_is_drawn_and_one_line_says_why(
    viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The annotation layer stays the active one, so that its keys go on working."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((3, SIDE, SIDE), np.uint16))
    panel, annotation = hand.panel, hand.panel.canvas.annotation
    hand.answer(TILE, 2)
    viewer.dims.ndisplay = 3
    drawn = panel.rectangle_check.choices["drawn"]
    for number, begin in enumerate(
        (panel.painting.accept.emit, drawn.trigger, panel.results.knobs.measure_button.click)
    ):
        begin()
        assert [line[:6] for line in messages()] == ["NU-A20"] * (number + 1)
        assert viewer.layers.selection.active == annotation
        assert panel.status_line.text().startswith("NU-A20: ")
    viewer.dims.ndisplay = 2
    assert settle(lambda: not panel.status_line.text().startswith("NU-A20"), 5)
    panel.painting.accept.emit()
    assert panel.shown.shapes.wish


def test_nothing_is_circled_before_there_is_a_prediction(hand: Hand) -> None:
    """By the button and by the key, one line says what to do first; a circle can be drawn once a tile is there."""
    panel, annotation = hand.panel, hand.panel.canvas.annotation
    button = panel.findChild(AcceptButton)
    for number, begin in enumerate((button.click, panel.painting.accept.emit)):
        begin()
        assert not panel.shown.shapes.wish
        assert hand.viewer.layers.selection.active == annotation
        assert [line[:6] for line in messages()] == ["NU-A11"] * (number + 1)
    hand.answer(TILE, 2)
    button.click()
    assert panel.shown.shapes.wish


@pytest.mark.parametrize("leave", ["3-D", "another axis"])
@pytest.mark.parametrize("shape", ["circle", "line", "rectangle"])
def test_a_drawing_that_is_waited_for_ends_where_none_can_be_drawn(
    viewer: Any, monkeypatch: pytest.MonkeyPatch, shape: str, leave: str
) -> None:
    """As Escape ends it: the brush is back, nothing is waited for, and the next shape can be drawn again."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((3, SIDE, SIDE), np.uint16))
    panel, annotation = hand.panel, hand.panel.canvas.annotation
    hand.answer(TILE, 2)
    begin = {
        "circle": panel.painting.accept.emit,
        "line": panel.results.knobs.measure_button.click,
        "rectangle": panel.rectangle_check.choices["drawn"].trigger,
    }[shape]
    begin()
    drawn_on = viewer.layers.selection.active
    assert drawn_on != annotation
    if leave == "3-D":
        viewer.dims.ndisplay = 3
    else:
        viewer.dims.order = (1, 0, 2)
    assert settle(lambda: viewer.layers.selection.active == annotation, 5)
    assert not panel.shown.shapes.wish
    assert shape == "rectangle" or not drawn_on.visible
    viewer.dims.ndisplay, viewer.dims.order = 2, (0, 1, 2)
    settle(seconds=0.1)
    assert viewer.layers.selection.active == annotation
    begin()
    assert viewer.layers.selection.active == drawn_on
    assert str(drawn_on.mode).startswith("add_")
    assert messages() == []


def test_strokes_across_planes_are_all_stored(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a brush of three dimensions, and in a view of z and x, every plane's strokes are in the project."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((5, SIDE, SIDE), np.uint8))
    layer = hand.panel.canvas.annotation
    viewer.dims.set_current_step(0, 2)
    layer.n_edit_dimensions = 3
    hand.draw(2, *STROKE)
    for plane in range(5):
        assert (hand.stored(plane) == 2).any()
        np.testing.assert_array_equal(hand.stored(plane), hand.painted[plane])
    layer.n_edit_dimensions = 2
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 20)
    viewer.reset_view()
    settle(seconds=0.1)
    hand.draw(1, (20, 10), (20, 100))
    assert (hand.painted[:, 20, 40] == 1).any()
    for plane in range(5):
        np.testing.assert_array_equal(hand.stored(plane), hand.painted[plane])


def test_what_is_on_screen_is_asked_for_first(hand: Hand) -> None:
    """Zoomed into a corner, the look that the worker gets is that corner; the worker begins there (test_worker)."""
    hand.viewer.reset_view()
    assert settle(lambda: hand.looks[-1].visible == Region(0, 0, SIDE, SIDE), 5)
    hand.viewer.scene.camera.center = (0, 110, 20)
    hand.viewer.scene.camera.zoom *= 6
    assert settle(lambda: hand.looks[-1].visible != Region(0, 0, SIDE, SIDE), 5)
    settle(seconds=0.2)
    visible = hand.looks[-1].visible
    assert 80 < visible.y0 < 110 < visible.y1
    assert visible.x0 < 20 < visible.x1 < 50
    assert len({look.generation for look in hand.looks}) == 1


@pytest.mark.parametrize(
    "place", [{}, {"scale": (0.25, 0.25)}, {"affine": np.array([[0, 3, 5], [-3, 0, 7], [0, 0, 1]])}]
)
def test_what_is_shown_small_is_asked_for_as_such(
    viewer: Any, monkeypatch: pytest.MonkeyPatch, place: dict[str, Any]
) -> None:
    """When a pixel of the screen covers two of the image each way, whatever unit the image is in; not in 3-D."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((SIDE, SIDE), np.uint8), **place)
    pixel = 3 if "affine" in place else place.get("scale", (1, 1))[0]
    for screen_pixels, small in ((0.7, False), (0.45, True), (1.5, False)):
        viewer.scene.camera.zoom = screen_pixels / pixel
        assert settle(lambda small=small: hand.looks[-1].small == small, 5)


def test_answers_for_another_plane_or_image_are_never_shown(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tile that was asked for before the slider or the image was moved changes nothing."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((2, SIDE, SIDE), np.uint8))
    viewer.dims.set_current_step(0, 0)
    settle(seconds=0.1)
    controller = hand.panel.controller
    old = {"generation": controller.generation, "image_id": controller.image.id, "plane": 0}
    viewer.dims.set_current_step(0, 1)
    assert settle(lambda: controller.view.plane == 1, 5)
    hand.answer(TILE, 2, **old)
    assert not hand.panel.canvas.prediction.data.any()
    viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), name="other")
    hand.panel.choose_image(viewer.layers["other"])
    settle(seconds=0.1)
    hand.answer(TILE, 2, **old)
    hand.answer(TILE, 2, image_id=old["image_id"])
    assert not hand.panel.canvas.prediction.data.any()
    hand.answer(TILE, 2)
    assert hand.panel.canvas.prediction.data.any()


def drawn(layer: Any) -> list[float]:
    """The times at which a layer is drawn anew, from now on."""
    times: list[float] = []
    layer.events.set_data.connect(lambda _: times.append(time.monotonic()))
    return times


def test_a_burst_of_tiles_is_drawn_ten_times_a_second_at_most(hand: Hand) -> None:
    """However many tiles come, between two drawings of a layer lie 100 ms; the last tile is drawn."""
    hand.panel.view_row.kind.setCurrentText("uncertainty")
    layers = (hand.panel.canvas.prediction, hand.panel.map_layer.layer)
    settle(seconds=0.3)
    times = [drawn(layer) for layer in layers]
    began = time.monotonic()
    values = bytes([3]) * TILE.shape[0] * TILE.shape[1]
    tile = m.Tile(0, 1, 0, TILE, values, 7, values)
    for number in range(BURST):
        hand.panel.controller.publish(tile)
        if number % 20 == 0:
            QApplication.processEvents()
    last = time.monotonic()
    settle(seconds=0.3)
    for one in times:
        assert 2 <= len(one) <= (last - began) / 0.1 + 2
        assert one[-1] >= last
        assert np.diff(one).min() > 0.09


def test_a_thousand_updates_need_no_more_memory(hand: Hand) -> None:
    """Tiles and maps are written in place: after some to warm up, 1000 more leave the process as large as it was."""
    hand.panel.view_row.kind.setCurrentText("probability")
    canvas, maps, process = hand.panel.canvas, hand.panel.map_layer, psutil.Process()
    rng = np.random.default_rng(0)

    def update(times: int) -> None:
        for number in range(times):
            values = rng.integers(1, 3, TILE.shape, np.uint8)
            canvas.prediction_layer.write(1, 0, TILE, values)
            maps.write(1, 0, TILE, values)
            canvas.prediction_layer.refresh()  # at once: ten a second would take minutes
            maps.refresh()
            if number % 10 == 0:
                QApplication.processEvents()

    update(200)
    before = process.memory_info().rss
    update(BURST)
    assert process.memory_info().rss - before < 30 * 2**20
    assert [layer.name for layer in hand.viewer.layers].count("prediction") == 1
    assert len(canvas.prediction._undo_history) == 0


def test_another_map_fills_no_planes_that_were_not_looked_at(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack of which one plane has a map would take 2 bytes for each of its pixels otherwise; that plane is empty."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((40, 1024, 1024), np.uint8))
    hand.panel.view_row.kind.setCurrentText("probability")
    maps, process = hand.panel.map_layer, psutil.Process()
    maps.write(hand.panel.controller.image.id, 5, TILE, np.full(TILE.shape, 200, np.uint8))
    settle(seconds=0.2)
    assert maps.layer.data[5].any()
    before = process.memory_info().rss
    hand.panel.view_row.kind.setCurrentText("uncertainty")
    settle(seconds=0.2)
    assert process.memory_info().rss - before < 40 * 2**20
    assert not maps.layer.data[5].any()


def hold_space(hand: Hand) -> Any:
    """Press it over the canvas; the canvas that got it."""
    native = hand.viewer.window._qt_viewer.canvas.native
    QTest.keyPress(native, Qt.Key.Key_Space)
    QApplication.processEvents()
    return native


@pytest.fixture
def covered(hand: Hand) -> Hand:
    """Everything of ours lies over the image."""
    hand.draw(2, *STROKE)
    hand.answer(TILE, 2)
    hand.panel.view_row.kind.setCurrentText("uncertainty")
    hand.panel.canvas.marks.draw("place", [Mark(0, TILE)])
    hand.panel.areas.draw()
    hand.viewer.layers.selection.active = hand.panel.canvas.annotation
    return hand


def test_space_shows_the_bare_image_while_it_is_held(covered: Hand) -> None:
    """Strokes and prediction are gone, the mouse pans; on release all is as before, the brush in the hand."""
    layers = [layer for layer in covered.viewer.layers if layer.name != "dark"]
    before = [(layer.opacity, layer.visible) for layer in layers]
    stroke, tile = covered.colour(*STROKE[0]), covered.colour(*INSIDE)
    depth = len(covered.panel.canvas.annotation._undo_history)
    native = hold_space(covered)
    assert not covered.colour(*STROKE[0]).any()
    assert not covered.colour(*INSIDE).any()
    assert len(layers) == 5
    assert [layer.opacity for layer in layers] == [0] * 5
    assert covered.panel.canvas.annotation.mode == "pan_zoom"
    QTest.keyRelease(native, Qt.Key.Key_Space)
    np.testing.assert_array_equal(covered.colour(*STROKE[0]), stroke)
    np.testing.assert_array_equal(covered.colour(*INSIDE), tile)
    assert stroke.any()
    assert tile.any()
    assert [(layer.opacity, layer.visible) for layer in layers] == before
    assert covered.panel.canvas.annotation.mode == "paint"
    assert len(covered.panel.canvas.annotation._undo_history) == depth
    assert covered.panel.view_row.opacity.value() == 100


def test_space_held_while_another_image_comes_hides_it_no_longer(covered: Hand) -> None:
    """Also where other dimensions need other layers: the look that was chosen is theirs."""
    panel = covered.panel
    panel.view_row.opacity.setValue(70)
    native = hold_space(covered)
    panel.choose_image(covered.viewer.add_image(np.zeros((3, SIDE, SIDE), np.uint16), name="stack"))
    QTest.keyRelease(native, Qt.Key.Key_Space)
    settle(seconds=0.1)
    assert panel.canvas.prediction.ndim == 3
    assert (panel.view_row.opacity.value(), panel.canvas.prediction.opacity) == (70, 0.7)


def test_what_space_hides_comes_back_when_the_focus_goes(covered: Hand) -> None:
    """The release never comes when another widget or window has the keyboard by then; nor need the layers be there."""
    native = hold_space(covered)
    other = QLineEdit()
    other.show()
    other.activateWindow()
    other.setFocus()
    assert settle(lambda: covered.panel.canvas.annotation.opacity > 0, 5)
    assert covered.panel.canvas.annotation.mode == "paint"
    QTest.keyRelease(native, Qt.Key.Key_Space)
    assert covered.panel.canvas.annotation.mode == "paint"
    other.close()
    hold_space(covered)
    covered.viewer.layers.remove("dark")
    settle(seconds=0.2)
    QTest.keyRelease(native, Qt.Key.Key_Space)
    assert messages() == []


def test_space_is_naparis_own_when_another_layer_is_active(covered: Hand) -> None:
    """Only our annotation layer has the key."""
    covered.viewer.layers.selection.active = covered.viewer.layers["dark"]
    native = hold_space(covered)
    assert covered.panel.canvas.annotation.opacity > 0
    QTest.keyRelease(native, Qt.Key.Key_Space)


def test_the_look_of_the_prediction(hand: Hand) -> None:
    """Filled, contour and hidden are seen; the row and napari's controls agree; a new image looks the same."""
    row, canvas = hand.panel.view_row, hand.panel.canvas
    hand.draw(2, *STROKE)  # the canvas has the keyboard then
    hand.answer(TILE, 2)
    assert hand.colour(*INSIDE).any()
    QTest.keyClick(hand.viewer.window._qt_viewer.canvas.native, Qt.Key.Key_C)
    assert row.look.currentText() == "contour"
    assert not hand.colour(*INSIDE).any()
    assert hand.colour(TILE.y0, INSIDE[1]).any()
    row.look.setCurrentText("hidden")
    assert not canvas.prediction.visible
    canvas.prediction.visible = True
    assert row.look.currentText() == "contour"
    canvas.prediction.contour = 0
    canvas.prediction.opacity = 0.3
    assert (row.look.currentText(), row.opacity.value()) == ("filled", 30)
    row.look.setCurrentText("contour")
    hand.viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), name="other")
    hand.panel.choose_image(hand.viewer.layers["other"])
    assert (canvas.prediction.contour, canvas.prediction.opacity, canvas.prediction.visible) == (2, 0.3, True)


def test_contours_of_live_tiles_are_found_quickly(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    """With napari's own way the window had no time for anything else on planes of 2048 x 2048 px."""
    slowly = Mock(wraps=napari_labels.get_contours)
    monkeypatch.setattr(napari_labels, "get_contours", slowly)
    hand.panel.view_row.look.setCurrentText("contour")
    hand.answer(TILE, 2)
    drawn = hand.panel.canvas.prediction._slice.image.view[TILE.slices]
    assert drawn[:2].all()
    assert not drawn[4:-4, 4:-4].any()
    assert not slowly.called


def test_one_map_at_a_time(hand: Hand) -> None:
    """Choosing a map asks for it; its values are shown as fractions; another map begins empty in the same layer."""
    row, maps, canvas = hand.panel.view_row, hand.panel.map_layer, hand.panel.canvas
    row.kind.setCurrentText("probability")
    assert (hand.looks[-1].map, hand.looks[-1].class_id) == ("probability", 2)
    layer, size = maps.layer, TILE.shape[0] * TILE.shape[1]
    assert layer.name == "probability of class 2"
    hand.answer(TILE, 1, map=bytes([51]) * size)
    assert layer.data[INSIDE] == pytest.approx(0.2, abs=1e-3)
    assert layer.data[OUTSIDE] == 0
    assert canvas.prediction.data[INSIDE] == 1
    hand.panel.classes.change(2, name="cell")
    assert layer.name == "probability of cell"
    assert layer.data[INSIDE] > 0
    old = hand.panel.controller.generation
    row.of_class.setCurrentIndex(0)
    assert (hand.looks[-1].map, hand.looks[-1].class_id) == ("probability", 1)
    assert not layer.data.any()
    hand.answer(TILE, 1, generation=old, map=bytes([51]) * size)
    assert not layer.data.any()
    row.kind.setCurrentText("weight map")
    hand.answer(TILE, 1, map=bytes([51]) * size)
    assert not layer.data.any()
    row.kind.setCurrentText("nothing")
    assert not layer.visible
    assert hand.looks[-1].map == ""
    assert maps.layer is layer
    order = [one.name for one in hand.viewer.layers]
    assert order.index("dark") < order.index("weight map") < order.index("prediction") < order.index("annotation")


def test_an_outdated_overlay_is_grey(hand: Hand) -> None:
    """While strokes wait that nothing learns: paused, or without a worker; in colour again once something does."""

    def saturation() -> float:
        red, green, blue, _ = hand.panel.canvas.prediction.get_color(2)
        return float(max(red, green, blue) - min(red, green, blue))

    hand.draw(2, *STROKE)
    bright = saturation()
    assert bright > 0.5
    for progress, shown in (
        (m.Progress("training", 9, 0.1, 4, shown_step=8, behind=True), 1),
        (m.Progress("paused", 9, None, 0, shown_step=8, behind=True), 0.2),
        (m.Progress("training", 9, 0.1, 4, shown_step=9), 1),
    ):
        hand.worker.inbox = [progress]
        assert settle(lambda shown=shown: abs(saturation() - shown * bright) < 0.02, 5)
    hand.panel.details.release.click()
    assert saturation() == pytest.approx(bright, abs=0.02)
    hand.draw(2, (20, 40), (20, 90))
    assert saturation() == pytest.approx(0.2 * bright, abs=0.02)


def test_how_far_the_overlay_is_behind_is_said(hand: Hand) -> None:
    """Step, tiles to come, and strokes that the network on screen has not seen."""
    assert overlay_text(m.Progress("waiting", 0, None, 4)) == ""
    hand.worker.inbox = [m.Progress("training", 99, 0.1, 12, shown_step=84, behind=True)]
    line = hand.panel.details.steps
    assert settle(line.text, 5)
    behind = "overlay: step 84 · 12 tiles waiting · newest strokes not in it yet"
    assert line.text() == f"Step 99 · loss 0.100 · {behind}"
    hand.worker.inbox = [m.Progress("resting", 99, 0.1, 0, shown_step=99)]
    assert settle(lambda: line.text() == "Step 99 · loss 0.100 · overlay: step 99", 5)
