"""Laws of the marks: one layer for all that the program points at, seen on bright images and on dark ones."""

from typing import Any

import numpy as np
import pytest
from hand import SIDE, Hand, open_black_image
from window import messages, settle

from napari_unet.evaluation.label_check import Doubt
from napari_unet.evaluation.scores import BlockScore, Score
from napari_unet.gui.layers.rectangles import legible
from napari_unet.images.tiles import Region
from napari_unet.protocol import messages as m


def point_at_everything(hand: Hand) -> None:
    """Let the worker score a block, doubt a stroke and suggest a place; draw a rectangle, a circle and a line."""
    panel, image = hand.panel, hand.panel.controller.image.id
    hand.answer(Region(0, 0, 8, 8), 2)  # or no circle could be drawn
    hand.draw(2, (60, 40), (60, 90))
    panel.score_card.on_image.click()
    panel.controller.publish(m.Scored(Score(1, None, (), (BlockScore(image, 0, 0, 0, 64, 64, 0.5),)), None))
    panel.controller.publish(m.Doubted((Doubt(image, 0, 2, 1, Region(55, 35, 65, 95), (60, 60)),)))
    panel.areas.draw()
    hand.drag((100, 10), (120, 40))
    panel.shown.begin_circle()
    panel.shown.begin_line()
    hand.drag((20, 20), (20, 30))
    settle(seconds=0.2)
    panel.where_next.show_suggestion(m.Suggested(0, "unsure", image, 0, Region(64, 64, 128, 128)))


def test_all_that_is_pointed_at_takes_few_layers(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores, doubts and places share one layer, what is drawn by hand another; none is there before it is wanted."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((SIDE, SIDE), np.uint8))
    assert [layer.name for layer in viewer.layers] == ["dark", "prediction", "annotation"]
    point_at_everything(hand)
    names = ["dark", "prediction", "annotation", "marks", "checked rectangles", "drawing"]
    assert [layer.name for layer in viewer.layers] == names
    marks = hand.panel.canvas.marks
    assert marks.layer.features["text"].tolist() == ["0.50", "", ""]
    assert viewer.layers.selection.active == hand.panel.canvas.annotation
    hand.panel.where_next.clear()
    assert marks.layer.features["text"].tolist() == ["0.50", ""]
    hand.panel.score_card.on_image.click()
    assert marks.layer.features["text"].tolist() == [""]
    assert messages() == []


@pytest.mark.parametrize("bright", [False, True])
def test_marks_are_seen_on_bright_and_dark_images(viewer: Any, monkeypatch: pytest.MonkeyPatch, bright: bool) -> None:
    """Lines and texts are far from the grey of the image, whatever it is made of: numbers or colours."""
    pixels = np.full((SIDE, SIDE), int(bright), np.uint8)
    hand = open_black_image(viewer, monkeypatch, pixels)
    assert settle(lambda: legible(hand.panel.canvas.image) == ("black" if bright else "white"), 5)
    point_at_everything(hand)
    for layer in (hand.panel.canvas.marks.layer, hand.panel.areas.layer):
        colours = [layer.text.color.constant, *layer.edge_color]
        contrasts = [np.ptp([np.asarray(colour)[:3].mean(), float(bright)]) for colour in colours]
        assert min(contrasts) > 0.3
    colour = viewer.add_image(np.full((8, 20, 3), 255 * bright, np.uint8))
    assert settle(lambda: legible(colour) == ("black" if bright else "white"), 5)


def test_edges_are_as_wide_on_the_screen_however_close_the_image_is(hand: Hand) -> None:
    """Of marks and of rectangles to check: a few pixels of the screen, also once the user has zoomed."""
    panel, camera = hand.panel, hand.viewer.scene.camera
    region = Region(40, 40, 80, 80)
    panel.where_next.show_suggestion(m.Suggested(0, "unsure", panel.controller.image.id, 0, region))
    panel.areas.show(panel.canvas.placement, {0: (Region(90, 90, 110, 110),)})
    for zoom in (40.0, 4.0, 1.0):
        camera.zoom = zoom
        for layer, side in ((panel.canvas.marks.layer, 40), (panel.areas.layer, 90)):
            camera.center = (0, side + 10, side)
            assert settle(lambda layer=layer, zoom=zoom: 1.5 <= layer.edge_width[0] * zoom <= 2.6, 5)
            settle(seconds=0.2)
            place = hand.pixel(side + 10, side - 0.5)
            row = np.asarray(hand.viewer.screenshot(canvas_only=True, flash=False))[place.y(), :, :3].max(axis=1)
            near = row[max(place.x() - 12, 0) : place.x() + 12]
            assert 1 <= (near > 100).sum() <= 4


@pytest.mark.parametrize("bright", [False, True])
def test_a_text_at_the_upper_edge_is_seen_on_image_and_canvas(
    viewer: Any, monkeypatch: pytest.MonkeyPatch, bright: bool
) -> None:
    """Elsewhere a text is as dark or as bright as can be; one that hangs over the edge is neither black nor white."""
    hand = open_black_image(viewer, monkeypatch, np.full((SIDE, SIDE), int(bright), np.uint8))
    panel, image = hand.panel, hand.panel.controller.image.id
    assert settle(lambda: legible(panel.canvas.image) == ("black" if bright else "white"), 5)
    hand.draw(2, (4, 40), (4, 90))
    panel.score_card.on_image.click()
    for top, extreme in ((64, True), (0, False)):
        block = BlockScore(image, 0, top, 0, top + 64, 64, 0.5)
        panel.controller.publish(m.Scored(Score(1, None, (), (block,)), None))
        grey = np.asarray(panel.canvas.marks.layer.text.color.constant)[:3].mean()
        assert (0.3 < grey < 0.7) != extreme
