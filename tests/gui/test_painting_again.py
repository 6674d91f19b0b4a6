"""Who selected another layer, to see the contrast of the image or the table of objects, finds the brush again."""

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from window import User, settle

from napari_unet.gui.sections.class_table import NAME
from napari_unet.gui.sections.status_line import ELSEWHERE, HIDDEN


def press(user: User, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key over the image."""
    QTest.keyClick(user.viewer.window._qt_viewer.canvas.native, key, modifier)


@pytest.mark.parametrize("name", ["cells", "prediction", None])
def test_a_class_key_paints_though_another_layer_is_selected(listened: User, name: str | None) -> None:
    """Napari's own 2 on an image is for moving it: the next stroke moved it away from below the strokes."""
    user, layers = listened, listened.viewer.layers
    image = user.panel.canvas.image
    layers.selection = {layers[name]} if name else set()
    press(user, Qt.Key.Key_2)
    assert layers.selection.active == user.panel.canvas.annotation
    assert user.panel.class_table.selected == 2
    user.drag((32, 32), (48, 48))
    assert (user.stored() == 2).any()
    assert image.mode == "pan_zoom"
    np.testing.assert_array_equal(image.affine.affine_matrix, np.eye(3))


def test_other_keys_and_drawn_layers_are_left_to_napari(listened: User) -> None:
    user, layers = listened, listened.viewer.layers
    layers.selection = {layers["cells"]}
    modifiers = Qt.KeyboardModifier
    for key, modifier in ((Qt.Key.Key_0, modifiers.NoModifier), (Qt.Key.Key_2, modifiers.AltModifier)):
        press(user, key, modifier)
        assert layers.selection.active == layers["cells"]
    drawn = user.viewer.add_shapes(name="mine")
    layers.selection = {drawn}
    press(user, Qt.Key.Key_2)
    assert layers.selection.active == drawn


def test_a_click_on_a_class_gives_the_brush_back(listened: User) -> None:
    """Also on the one that was chosen already; until then the line below says so."""
    user, table = listened, listened.panel.class_table
    annotation, line = user.panel.canvas.annotation, user.panel.status_line
    before = line.text()
    for number in (1, 2, 2):
        user.viewer.layers.selection.active = user.panel.canvas.image
        annotation.mode = "pan_zoom"
        assert settle(lambda: line.text() == ELSEWHERE, 5)
        place = table.table.visualItemRect(table.table.item(number - 1, NAME)).center()
        QTest.mouseClick(table.table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        assert user.viewer.layers.selection.active == annotation
        assert (annotation.mode, annotation.selected_label) == ("paint", number)
        assert settle(lambda: line.text() == before, 5)


@pytest.mark.parametrize("number", [1, 2])
def test_a_class_brings_hidden_strokes_back(listened: User, number: int) -> None:
    """Napari paints nothing on a hidden layer, and says nothing: the line below does, a key or a click ends it."""
    user, table = listened, listened.panel.class_table
    annotation = user.panel.canvas.annotation
    place = table.table.visualItemRect(table.table.item(number - 1, NAME)).center()
    for paint in (
        lambda: press(user, getattr(Qt.Key, f"Key_{number}")),
        lambda: QTest.mouseClick(table.table.viewport(), Qt.MouseButton.LeftButton, pos=place),
    ):
        annotation.visible = False
        assert settle(lambda: user.panel.status_line.text() == HIDDEN, 5)
        paint()
        assert annotation.visible
        assert (annotation.mode, annotation.selected_label) == ("paint", number)
    assert settle(lambda: user.panel.status_line.text() != HIDDEN, 5)


@pytest.mark.parametrize("names", [["annotation"], ["annotation", "prediction"], ["prediction", "annotation"]])
def test_a_deleted_annotation_layer_is_on_the_brush_again(listened: User, names: list[str]) -> None:
    """Whichever of the layers that were selected is deleted last."""
    user, layers = listened, listened.viewer.layers
    layers.selection = {layers[name] for name in names}
    for name in names:
        layers.remove(name)
    assert settle(lambda: {"annotation", "prediction"} <= {layer.name for layer in layers}, 5)
    settle(seconds=0.1)
    assert layers.selection.active == user.panel.canvas.annotation
    user.drag((32, 32), (48, 48))
    assert user.stored().any()
