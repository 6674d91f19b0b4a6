"""Laws of the words: the three sections speak of images, classes and cells; how a network learns is for the details."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from napari.utils.notifications import notification_manager
from panel_states import say, states
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QMenu, QTableView, QTableWidget, QWidget
from window import User

from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.images.tiles import Region
from napari_unet.objects.class_counts import ClassCount
from napari_unet.protocol import messages as m

# What a biologist does not say. "Quality" stands for the Dice, which Details explain.
FOREIGN = re.compile(
    r"held.?out|\bdice\b|\bblocks?\b|\bsteps?\b|\bloss|\bconsistency|\bw_?0\b|\bsigma|\bshares?\b|class mean|\bbest\b"
    r"|test area|\bepoch|\bgradient|\blogit|\btiles?\b",
    re.IGNORECASE,
)


def words_of(widget: QWidget) -> Iterator[str]:
    """Give every text of a widget that a user may read, tool tips included."""
    yield widget.toolTip()
    yield widget.accessibleName()
    if isinstance(widget, QAbstractButton | QLabel):
        yield widget.text()
    elif isinstance(widget, QLineEdit):
        yield widget.text()
        yield widget.placeholderText()
    elif isinstance(widget, QComboBox):
        yield from (widget.itemText(i) for i in range(widget.count()))
    elif isinstance(widget, QMenu):
        yield from (text for action in widget.actions() for text in (action.text(), action.toolTip()))
    elif isinstance(widget, QTableWidget):
        cells = [widget.item(row, column) for row in range(widget.rowCount()) for column in range(widget.columnCount())]
        heads = [widget.horizontalHeaderItem(column) for column in range(widget.columnCount())]
        yield from (text for item in [*cells, *heads] if item is not None for text in (item.text(), item.toolTip()))
    elif isinstance(widget, QTableView) and widget.model() is not None:
        yield from (str(widget.model().headerData(i, widget.horizontalHeader().orientation())) for i in range(3))


def section_words(user: User) -> set[str]:
    """Return what is to be read in the sections and the foot, without the details."""
    panel = user.panel
    widgets = [panel.scroll.widget(), *panel.findChildren(QWidget)]
    outside = (panel.details, panel.settings_form)
    return {
        words
        for widget in widgets
        if not any(widget is other or other.isAncestorOf(widget) for other in outside)
        for words in words_of(widget)
        if words
    }


def test_the_sections_speak_plainly(listened: User) -> None:
    """In every state of a day's work, no text and no tool tip needs an explanation."""
    user, read = listened, set[str]()
    for state in states(user):
        read |= section_words(user)
        if state == "learning":
            place = (user.panel.controller.generation, user.panel.controller.image.id, 0)
            estimates = (EstimatedDice(1, 0.9, 0.8, 0.95), EstimatedDice(2, None, reason="too unsure: paint a border"))
            counts = (ClassCount(2, 5, 0.2, 20.0, too_small=9, too_large=1),)
            say(user, m.Estimated(*place, estimates), m.Counted(*place, counts))
            read |= section_words(user)
    assert any("Quality" in words for words in read)
    assert any("left out" in words for words in read)
    assert len(read) > 120
    assert sorted(words for words in read if FOREIGN.search(words)) == []


@pytest.mark.parametrize("origin", ["random", "unsure"])
def test_checking_a_rectangle_speaks_plainly(hand: Any, origin: str) -> None:
    """Its menu, the line over an open rectangle, and what is said when it is done."""
    check = hand.panel.rectangle_check
    check.choices[origin].trigger()
    wish = hand.worker.sent[-1]
    area = Region(40, 30, 90, 80)
    say(hand, m.AreaProposed(wish.number, wish.origin, "", wish.image_id, 0, area, bytes([1]) * 2500))
    assert check.is_open
    words = section_words(hand) | {layer.name for layer in hand.viewer.layers}
    assert check.line.text() in words
    assert sorted(said for said in words if FOREIGN.search(said)) == []


def test_copying_is_confirmed(hand: Any) -> None:
    """Nobody sees the clipboard."""
    hand.panel.details.copy_button.click()
    assert any(str(each.message).startswith("Copied") for each in notification_manager.records)


def test_details_explain_the_dice(hand: Any) -> None:
    """Where the word stands, its meaning is one rest of the mouse away."""
    assert "twice their common pixels" in hand.panel.score_card.estimate.toolTip()
