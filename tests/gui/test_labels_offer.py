"""A Labels layer of another program is offered as annotation, in a real napari window, and taken by one button."""

from typing import Any

import numpy as np
import pytest
from hand import SIDE, Hand, open_black_image
from napari._app_model import get_app_model
from window import User, messages, settle

from napari_unet.gui.hooks.palette import use_as_annotation
from napari_unet.images.object_labels import object_labels


def objects(shape: tuple[int, ...] = (SIDE, SIDE), first: int = 700) -> np.ndarray:
    """Two objects that touch, with numbers that are no classes."""
    numbers = np.zeros(shape, np.int32)
    numbers[..., 40:60, 30:70], numbers[..., 40:60, 70:100] = first, first + 1
    return numbers


def is_offered(user: User) -> bool:
    settle(seconds=0.1)
    return not user.panel.labels_offer.isHidden()


def test_added_objects_are_taken_by_the_button_and_undone_by_one_undo(
    viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On all planes; what was painted before stays, and the layer does not lie over what was taken from it."""
    hand = open_black_image(viewer, monkeypatch, np.zeros((3, SIDE, SIDE), np.uint8))
    panel, annotation = hand.panel, hand.panel.canvas.annotation
    assert not is_offered(hand)
    hand.draw(1, (45, 40), (45, 90))
    before = hand.painted.copy()
    added = viewer.add_labels(objects((3, SIDE, SIDE)), name="cellpose")
    viewer.layers.selection.active = annotation
    assert is_offered(hand)
    assert panel.status_line.text().startswith("The layer cellpose fits the image")
    panel.labels_offer.click()
    settle(seconds=0.1)
    taken = np.where(before > 0, before, object_labels(objects()))
    np.testing.assert_array_equal(hand.painted, taken)
    for plane in range(3):
        np.testing.assert_array_equal(hand.stored(plane), taken[plane])
    assert not added.visible
    assert viewer.layers.selection.active == annotation
    assert not is_offered(hand)
    annotation.undo()
    assert settle(lambda: not hand.stored(2).any(), 10)
    np.testing.assert_array_equal(hand.painted, before)
    np.testing.assert_array_equal(hand.stored(panel.controller.view.plane), before[panel.controller.view.plane])
    assert messages() == []


@pytest.mark.parametrize("meaning", ["objects", "classes"])
def test_what_the_numbers_are_is_asked_only_where_it_is_unclear(hand: Hand, meaning: str) -> None:
    """Where each of them is a class too: as classes 0 stays unlabelled, as objects it is background."""
    numbers = objects(first=1)
    hand.viewer.add_labels(numbers, name="mask")
    assert is_offered(hand)
    hand.panel.labels_offer.click()
    menu = hand.panel.labels_offer.menu
    assert menu is not None
    heading, as_objects, as_classes = menu.actions()
    assert (heading.text(), heading.isEnabled()) == ("What are the numbers of mask?", False)
    assert as_objects.text() == "Objects or a mask: whatever has a number is class 2, 0 is background"
    assert as_classes.text() == "Classes: 1 is background, 2 is class 2; 0 is unlabelled"
    assert not hand.painted.any()
    (as_objects if meaning == "objects" else as_classes).trigger()
    menu.close()
    settle(seconds=0.1)
    expected = object_labels(numbers) if meaning == "objects" else numbers
    np.testing.assert_array_equal(hand.painted, expected)
    np.testing.assert_array_equal(hand.stored(), expected)
    assert messages() == []


def test_only_a_fitting_layer_of_another_program_is_offered(hand: Hand) -> None:
    """Not one of another shape, nor our own, nor an image; and a selected one also when it was there before."""
    viewer, annotation = hand.viewer, hand.panel.canvas.annotation
    viewer.add_labels(np.ones((20, 20), np.int32), name="small")
    assert not is_offered(hand)
    for other in (annotation, hand.panel.canvas.prediction, hand.panel.canvas.image):
        viewer.layers.selection.active = other
        assert not is_offered(hand)
    fitting = viewer.add_labels(objects(), name="fitting")
    assert is_offered(hand)
    viewer.layers.remove(fitting)
    assert not is_offered(hand)
    viewer.layers.selection.active = viewer.add_labels(objects(), name="painted over")
    assert is_offered(hand)
    hand.panel.labels_offer.click()
    viewer.layers.selection.active = viewer.layers["painted over"]
    assert is_offered(hand)
    hand.panel.labels_offer.click()
    assert [line[:6] for line in messages()] == ["NU-A11"]


def test_a_layer_that_was_added_for_one_image_is_not_offered_for_another(hand: Hand) -> None:
    """Unless the user selects it there."""
    hand.viewer.add_labels(objects(), name="of the first")
    assert is_offered(hand)
    hand.viewer.layers.selection.active = hand.panel.canvas.annotation
    assert is_offered(hand)
    hand.panel.choose_image(hand.viewer.add_image(np.ones((SIDE, SIDE), np.uint8), name="second"))
    assert not is_offered(hand)
    hand.viewer.layers.selection.active = hand.viewer.layers["of the first"]
    assert is_offered(hand)


@pytest.mark.parametrize("kind", ["prediction", "objects"])
def test_a_copy_of_what_is_predicted_is_not_offered(hand: Hand, kind: str) -> None:
    """The network would be scored on what it said itself; "Accept here" takes that over, and keeps it apart."""
    viewer, panel = hand.viewer, hand.panel
    panel.view_row.kind.setCurrentText("objects")
    viewer.layers.selection.active = panel.object_layer.layer if kind == "objects" else panel.canvas.prediction
    get_app_model().commands.execute_command("napari.layer.duplicate").result()
    (copy,) = (layer for layer in viewer.layers if layer.name == f"{kind} copy")
    viewer.layers.selection.active = copy
    assert not is_offered(hand)
    use_as_annotation()
    assert [line[:6] for line in messages()] == ["NU-A16"]
    assert not hand.painted.any()
