"""A law of notifications: the whole line can be read."""

from typing import Any

from hand import Hand
from qtpy.QtWidgets import QDialog, QLabel
from window import settle

from napari_unet.controller.news import ErrorLine

LINE = (
    "NU-E06: the mask would take the name of the image itself, in /data/of/last/year/with/a/long/name/cells.tif, "
    "choose another folder for the results of this project, such as one beside it"
)


def test_a_long_line_is_shown_whole(hand: Hand) -> None:
    """Nothing of it is left out, and it lies inside of the notification."""
    hand.panel.controller.publish(ErrorLine(LINE))

    def shown() -> Any:
        window = hand.panel.window()
        found = [one for one in window.findChildren(QDialog) if hasattr(one, "message") and one.isVisible()]
        return next((one for one in found if one.message.text() == LINE), None)

    assert settle(lambda: shown() is not None and shown().property("expanded"), 10)
    settle(seconds=0.3)
    notification = shown()
    message = notification.message
    assert QLabel.text(message) == LINE  # what is drawn, which it cuts where the room is not enough
    assert notification.rect().contains(message.mapTo(notification, message.rect().bottomRight()))
