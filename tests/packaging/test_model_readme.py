"""Laws of the model card: it says how good the network is, and no file makes it fail."""

from typing import Any

import pytest

from napari_unet.network.checkpoint import Checkpoint
from napari_unet.network.known_facts import refuse_strange_facts
from napari_unet.network.unet import Architecture, build
from napari_unet.packaging.model_readme import documentation

KNOWN = {"class_id": 2, "value": 0.8, "low": 0.7, "high": 0.9, "level": 0.9, "reason": ""}


def described(facts: dict[str, Any]) -> str:
    """The card of a network with these facts."""
    network = build(Architecture(1, 2, 4))
    return documentation("mine", Checkpoint(network.architecture, (1, 2), ("a", "b"), 3, {}, {}, facts))


def test_the_card_tells_the_estimated_dice() -> None:
    """Of each class with its interval; n/a for one without, for half an estimate and in older files."""
    text = described({"estimated_dice": [{"class_id": 1, "value": None, "reason": "why"}, KNOWN]})
    assert "- a (value 0 in masks): estimated Dice n/a\n" in text
    assert "- b (value 1 in masks): estimated Dice 0.80 [0.70, 0.90]\n" in text
    assert "held-out" not in text
    text = described({"estimated_dice": [KNOWN], "held_out_dice": {"1": None, "2": 0.75}})
    assert "- b (value 1 in masks): estimated Dice 0.80 [0.70, 0.90], held-out Dice 0.750\n" in text
    assert "The held-out Dice above is" in text
    assert "estimated Dice n/a" in described({"estimated_dice": [KNOWN | {"low": None}]})
    assert "estimated Dice n/a" in described({})


def test_the_card_tells_the_dice_to_publish() -> None:
    """Of each class that was measured, and on what; of a network that was not measured it says so."""
    classes = [KNOWN | {"value": 0.85}, {"class_id": 1, "value": None, "reason": "why"}]
    text = described({"dice_to_publish": {"classes": classes, "areas": 5, "images": 1, "pixels": 20480}})
    assert "- b (value 1 in masks): estimated Dice n/a, Dice to publish 0.85 [0.70, 0.90]\n" in text
    assert "- a (value 0 in masks): estimated Dice n/a, Dice to publish n/a\n" in text
    assert "in 5 rectangles at random (20,480 pixels)\nof 1 image of its project" in text
    assert "There is no Dice to publish: no rectangles" in described({"dice_to_publish": None})


@pytest.mark.parametrize(
    "fact", [7, {"classes": [KNOWN | {"low": float("nan")}], "areas": 1, "images": 1, "pixels": 1}]
)
def test_a_dice_to_publish_that_makes_no_sense_is_refused(fact: Any) -> None:
    """It comes with files of others."""
    with pytest.raises(ValueError, match=r".+"):
        refuse_strange_facts({"dice_to_publish": fact})


def test_the_card_tells_where_training_began() -> None:
    """Where that was noted; of the annotation nothing is claimed, for it may be strokes or files of labels."""
    text = described({"trained_with": {"began_with": "network first.unet"}})
    assert "A U-Net trained for 3 steps on annotated pixels, with napari-unet-live." in text
    assert "Its training began with network first.unet." in text
    assert "began" not in described({})
    assert "began" not in described({"trained_with": {"began_with": 3}})
    assert "painted in napari" not in text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "high", [1]])
def test_estimates_that_make_no_sense_are_refused(value: Any) -> None:
    """They come with files of others."""
    refuse_strange_facts({"estimated_dice": [KNOWN], "checked_correction": {"2": [0.5, 0.2, 3]}})
    with pytest.raises(ValueError, match=r".+"):
        refuse_strange_facts({"estimated_dice": [KNOWN | {"value": value}]})


@pytest.mark.parametrize(
    "value", [[float("nan"), 0.2, 3], [0.5, float("inf"), 3], [0.5, 0.2, -1], [0.5, 0.2, 2**70], 7]
)
def test_corrections_that_make_no_sense_are_refused(value: Any) -> None:
    """They come with files of others, too."""
    with pytest.raises((ValueError, OverflowError), match=r".+"):
        refuse_strange_facts({"checked_correction": {"2": value}})
