"""Laws of notifications: the whole line can be read, and none lies over another."""

from typing import Any

from hand import Hand
from qtpy.QtWidgets import QDialog, QLabel
from window import settle

from napari_unet.controller.news import ErrorLine

LINE = (
    "NU-E06: the mask would take the name of the image itself, in /data/of/last/year/with/a/long/name/cells.tif, "
    "choose another folder for the results of this project, such as one beside it"
)


def shown(hand: Hand) -> dict[str, Any]:
    """Return the notifications on screen by their lines."""
    found: list[Any] = hand.panel.window().findChildren(QDialog)
    return {one.message.text(): one for one in found if hasattr(one, "message") and one.isVisible()}


def test_a_long_line_is_shown_whole(hand: Hand) -> None:
    """Nothing of it is left out, and it lies inside of the notification."""
    hand.panel.controller.publish(ErrorLine(LINE))

    assert settle(lambda: LINE in shown(hand) and shown(hand)[LINE].property("expanded"), 10)
    settle(seconds=0.3)
    notification = shown(hand)[LINE]
    message = notification.message
    assert QLabel.text(message) == LINE  # what is drawn, which it cuts where the room is not enough
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
