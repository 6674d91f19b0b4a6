"""The mean estimated Dice of each image of a project, as it is saved with the network that predicted them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from napari_unet.project.project import Project
from napari_unet.project.shown_network import shown_network_note

IMAGE_DICE = "image_dice"  # fact of a network


class ImageDice(msgspec.Struct, frozen=True):
    """Hold the mean estimated Dice of images, each of the plane that was predicted last.

    Attributes
    ----------
    revision : of the strokes of the project
    values : by image id as text, all by one network and after the same strokes
    older : the same for images that only an earlier network has predicted, or this one before the newest strokes
    """

    revision: int = -1
    values: dict[str, float] = {}
    older: dict[str, float] = {}

    def at(self, revision: int) -> tuple[dict[int, float], dict[int, float]]:
        """Return what holds at a revision of the strokes, and what is older, by image id, without what is no Dice."""
        values, older = (
            {int(key): value for key, value in each.items() if key.isdecimal() and 0 <= value <= 1}
            for each in (self.values, self.older)
        )
        return (values, older) if revision == self.revision else ({}, older | values)


def image_dice_in(facts: Mapping[str, Any]) -> ImageDice:
    """Return what a network was saved with; without values where nothing that makes sense was."""
    try:
        return msgspec.convert(facts.get(IMAGE_DICE, {}), ImageDice)
    except msgspec.ValidationError:
        return ImageDice()


def saved_image_dice(project: Project) -> tuple[dict[int, float], dict[int, float]]:
    """Return by image id the values of the network that is saved, and older ones, as a project is opened."""
    facts = shown_network_note(project).get("facts")
    return image_dice_in(facts if isinstance(facts, dict) else {}).at(project.strokes.revision)
