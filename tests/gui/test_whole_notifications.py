"""Laws of notifications: the whole line can be read, and none lies over another."""

from typing import Any

import pytest
from hand import Hand
from qtpy.QtWidgets import QDialog, QLabel
from window import settle

from napari_unet.controller.news import ErrorLine

LINE = (
    "NU-E06: the mask would take the name of the image itself, in /data/of/last/year/with/a/long/name/cells.tif, "
    "choose another folder for the results of this project, such as one beside it"
)
TWO_LINES = (
    "NU-I11: the image is damaged or incomplete (its first bytes do not make a .tif file), "
    "/data/of/2026/five/broken.tif, copy or export the file again\n"
    "NU-I09: the image has 3 channels and those of the project have 1, "
    "/data/of/2026/five/rgb.png, keep images of one kind in a project"
)


def shown(hand: Hand) -> dict[str, Any]:
    """Return the notifications on screen by their lines."""
    found: list[Any] = hand.panel.window().findChildren(QDialog)
    return {one.message.text(): one for one in found if hasattr(one, "message") and one.isVisible()}


@pytest.mark.parametrize("line", [LINE, TWO_LINES], ids=["one line", "two lines"])
def test_a_long_line_is_shown_whole(hand: Hand, line: str) -> None:
    """Nothing of it is left out, and it lies inside of the notification."""
    hand.panel.controller.publish(ErrorLine(line))

    assert settle(lambda: line in shown(hand) and shown(hand)[line].property("expanded"), 10)
    settle(seconds=0.3)
    notification = shown(hand)[line]
    message = notification.message
    assert QLabel.text(message) == line  # what is drawn, which it cuts where the room is not enough
    assert message.height() >= QLabel.heightForWidth(message, message.width())  # with its padding, in which it breaks
    assert notification.rect().contains(message.mapTo(notification, message.rect().bottomRight()))


def test_no_notification_lies_over_another(hand: Hand) -> None:
    """Two that come at once, and one that comes later."""
    for line in (LINE, "NU-E02: no format is ticked, export, tick TIFF, PNG, CSV or another one"):
        hand.panel.controller.publish(ErrorLine(line))
    assert settle(lambda: len(shown(hand)) == 2 and all(one.property("expanded") for one in shown(hand).values()), 10)
    settle(seconds=0.3)
    hand.panel.controller.publish(ErrorLine("NU-W04: there is no image, export, open an image first"))
    assert settle(lambda: len(shown(hand)) == 3 and all(one.property("expanded") for one in shown(hand).values()), 10)
    settle(seconds=0.3)
    places = [one.geometry() for one in shown(hand).values()]
    assert not any(one.intersects(other) for one in places for other in places if one is not other)
    canvas = hand.viewer.window._qt_viewer.canvas.native.rect()
    assert all(canvas.contains(place) for place in places)
