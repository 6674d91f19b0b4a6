"""The Dice of an image in the list: that of its prediction as a whole, where every class has one."""

import json

import pytest

pytest.importorskip("qtpy")
from hand import Hand
from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon
from window import settle

from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.protocol import messages as m


def test_the_list_tells_the_estimate_of_the_whole_answer(hand: Hand) -> None:
    """The mean over the classes; nothing once one of them has no value."""
    table, image = hand.panel.image_list.table, hand.panel.controller.image

    def told(*values: float | None) -> str:
        estimates = tuple(EstimatedDice(number, value) for number, value in enumerate(values, 1))
        hand.worker.inbox = [m.Estimated(hand.panel.controller.generation, image.id, 0, estimates)]
        assert settle(lambda: not hand.worker.inbox, 5)
        return str(table.data(table.index(table.row_of(image.id), 2)))

    assert told(0.9, 0.5) == "0.70"
    assert told(0.9, None) == ""
    assert told() == ""


def test_pictures_keep_their_colours_in_the_row_on_screen(hand: Hand) -> None:
    """A picture looks in the selected row as in any other; the heading stands over its column."""
    table = hand.panel.image_list.table
    assert settle(lambda: table.data(table.index(0, 0), Qt.ItemDataRole.DecorationRole) is not None)
    icon = table.data(table.index(0, 0), Qt.ItemDataRole.DecorationRole)
    usual, selected = (icon.pixmap(32, 32, mode).toImage() for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected))
    assert usual == selected
    for column, side in enumerate((Qt.AlignmentFlag.AlignLeft, *(Qt.AlignmentFlag.AlignRight,) * 2)):
        heading = table.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.TextAlignmentRole)
        assert heading & side


@pytest.mark.parametrize("later", [0, 1])
def test_the_dice_is_there_again_when_a_project_is_opened(hand: Hand, later: int) -> None:
    """As it was saved with the network, in brackets where strokes came since, until the image is predicted."""
    project, image = hand.panel.controller.project, hand.panel.controller.image
    hand.draw(2, (60, 40), (60, 60))
    revision = project.strokes.revision - later
    project.models.mkdir(exist_ok=True)
    note = {"facts": {"image_dice": {"revision": revision, "values": {str(image.id): 0.875}}}}
    (project.models / "best.json").write_text(json.dumps(note))
    hand.panel.open_project(project.folder)
    table = hand.panel.image_list.table
    cell = table.index(table.row_of(image.id), 2)
    assert table.data(cell) == ("(0.88)" if later else "0.88")
    assert ("in brackets" in table.data(cell, Qt.ItemDataRole.ToolTipRole)) == bool(later)
    estimates = tuple(EstimatedDice(number, 0.5) for number in (1, 2))
    hand.worker.inbox = [m.Estimated(hand.panel.controller.generation, image.id, 0, estimates)]
    assert settle(lambda: table.data(cell) == "0.50", 5)
