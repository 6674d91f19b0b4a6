"""Law of the place: whatever is moved with napari's transform button, our layers lie on the image."""

from typing import Any

import numpy as np
import pytest
from hand import STROKE, Hand
from napari.layers import Image, Labels, Layer
from napari.utils.notifications import notification_manager
from window import settle

from napari_unet.gui.layers.marks import Mark
from napari_unet.gui.layers.object_layer import OBJECTS
from napari_unet.gui.layers.placement import geometry
from napari_unet.images.tiles import Region

EDGES = ((30, 30), (50, 60))


def place_of(layer: Layer) -> np.ndarray:
    """Return where a layer shows its first pixels, in the world."""
    corners = np.array([(0, 0), (0, 9), (9, 0)])
    before = [0] * (layer.ndim - 2)
    return np.array([layer.data_to_world((*before, *corner))[-2:] for corner in corners])


def assert_together(hand: Hand) -> None:
    image = hand.panel.canvas.image
    for layer in hand.panel.shown.own_layers:
        np.testing.assert_allclose(place_of(layer), place_of(image), err_msg=layer.name)


def show_everything(hand: Hand) -> None:
    """Bring up what can lie over the image at once."""
    panel = hand.panel
    panel.view_row.kind.setCurrentText(OBJECTS)
    panel.controller.strokes.mark_test_areas({0: (Region(0, 0, 20, 20),)})
    project = panel.controller.present_project()
    panel.areas.show(panel.canvas.placement, project.test_areas.of(panel.controller.image.id))
    panel.canvas.marks.draw("place", [Mark(0, Region(0, 0, 20, 20))])
    panel.shown.begin_line()
    assert len([*panel.shown.own_layers]) == 6
    hand.viewer.layers.selection.active = panel.canvas.annotation


def drag_as(hand: Hand, layer: Layer) -> None:
    """Drag a layer with the transform button of napari's layer controls."""
    hand.viewer.layers.selection.active = layer
    layer.mode = "transform"
    hand.drag(*EDGES)
    settle(seconds=0.1)


def test_our_layers_go_with_the_image(hand: Hand) -> None:
    """Moved with the mouse, turned and stretched by a script; a stroke is still of the pixels below it."""
    show_everything(hand)
    image = hand.panel.canvas.image
    drag_as(hand, image)
    assert not np.allclose(image.affine.translate, 0)
    assert_together(hand)
    image.scale, image.rotate, image.translate = (2, 2), 20, (5, 7)
    settle(seconds=0.1)
    assert_together(hand)
    hand.viewer.reset_view()
    settle(seconds=0.1)
    hand.panel.canvas.paint_again()
    hand.draw(2, *STROKE)
    assert (hand.stored()[60, 42:88] == 2).all()


@pytest.mark.parametrize("name", ["annotation", "prediction"])
def test_none_of_our_layers_goes_alone(hand: Hand, name: str) -> None:
    """One line says how to move it; what is painted stays on its pixels."""
    layer: Any = hand.viewer.layers[name]
    drag_as(hand, layer)
    assert_together(hand)
    np.testing.assert_array_equal(layer.affine.affine_matrix, np.eye(3))
    assert layer.mode != "transform"
    told = [str(one.message) for one in notification_manager.records if "stays on the image" in str(one.message)]
    assert told == [f'The layer "{name}" stays on the image: move the image, and all layers on it go along']


def test_an_image_that_is_left_moves_alone(hand: Hand) -> None:
    """Once another image is worked on, and once the panel is closed."""
    first = hand.panel.canvas.image
    hand.panel.choose_image(hand.viewer.add_image(np.ones((40, 40), np.uint8), name="second"))
    first.affine = np.diag([3.0, 3.0, 1.0])
    settle(seconds=0.1)
    assert_together(hand)
    second = hand.panel.canvas.image
    hand.viewer.window.remove_dock_widget(hand.panel.parent())
    settle(seconds=0.1)
    second.affine = np.diag([3.0, 3.0, 1.0])
    settle(seconds=0.1)


def test_layers_over_channels_go_with_their_image() -> None:
    """They lack the axis of the channels, and take the rest of the move."""
    moved = np.eye(4)
    moved[1:3, 3] = 5, 7
    image = Image(np.zeros((3, 20, 30), np.uint8), affine=moved)
    over = Labels(np.zeros((20, 30), np.uint8), **geometry(image, channels_first=True))
    np.testing.assert_array_equal(over.data_to_world((0, 0)), (5, 7))
