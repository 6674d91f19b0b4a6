"""Words for the user on rectangles that are checked: what each was worth, and the Dice over all of them."""

from collections.abc import Sequence

from napari_unet.controller.rectangle_checks import Checked
from napari_unet.counted import counted
from napari_unet.evaluation.checked_areas import LEAST_AREAS
from napari_unet.evaluation.estimated_dice import interval_text
from napari_unet.evaluation.scores import CheckedDice
from napari_unet.project.area_checks import AreaCheck, Origin
from napari_unet.project.classes import ClassLabel


def done_text(check: AreaCheck, changed: int) -> str:
    """Return what a rectangle is worth that is done."""
    if not changed:
        return "Done. Nothing was corrected: look closely."
    return f"Done: {changed:,} of {check.filled.size:,} px were corrected."


def further_text(origin: Origin, dice: CheckedDice | None, done: int) -> str:
    """Return where the number to publish stands, or what is missing for it.

    Parameters
    ----------
    origin : of the rectangle that was done last
    dice : as it was counted last
    done : number of rectangles at random
    """
    if origin != "random":
        return "It does not count for the Dice to publish."
    if dice is not None and dice.areas != done:
        return f"{done} done; counting …"
    classes = () if dice is None else dice.classes
    known = sum(each.value is not None for each in classes)
    if not known:
        return f"{done} done; each class is needed in {LEAST_AREAS}"
    of = f"{done} rectangles" if known == len(classes) else f"{known} of {len(classes)} classes"
    return f"Dice to publish in Details, of {of}"


def result_text(dice: CheckedDice | None, checked: Checked, classes: Sequence[ClassLabel]) -> str:
    """Return the Dice to publish with what stands behind it; "" before a rectangle at random is done."""
    if dice is None or not checked.areas:
        return ""
    names = {label.id: label.name for label in classes}
    values = [
        each.reason if each.value is None else f"{names.get(each.class_id, each.class_id)} {interval_text(each)}"
        for each in dice.classes
    ]
    images = f" in {dice.images} images" if dice.images > 1 else ""
    behind = f"from {counted(dice.areas, 'rectangle')} at random{images}, {dice.pixels:,} px"
    if dice.areas != checked.areas:  # done or taken away since they were counted
        return "\n".join(["Dice to publish:", *values, f"{behind}; of {checked.areas} in a moment"])
    unchanged = f"; in {checked.unchanged} nothing was corrected" if checked.unchanged else ""
    return "\n".join(["Dice to publish:", *values, f"{behind}, {checked.changed:,} of them corrected{unchanged}"])
