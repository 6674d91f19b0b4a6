"""Laws of subscriptions: who hears what, and in which order."""

import pytest

from napari_unet.controller.news import ErrorLine, Notice
from napari_unet.controller.subscriptions import Subscriptions


def test_each_kind_is_heard_by_those_who_subscribed_to_it() -> None:
    """In the order in which they subscribed; nobody hears another kind; what nobody wants is lost."""
    hub, heard = Subscriptions(), []
    hub.subscribe(ErrorLine, lambda error: heard.append(("first", error.line)))
    hub.subscribe(ErrorLine, lambda error: heard.append(("second", error.line)))
    hub.publish(ErrorLine("a"))
    hub.publish(Notice("b"))
    assert heard == [("first", "a"), ("second", "a")]


def test_who_subscribes_meanwhile_hears_the_next_one() -> None:
    """A handler may subscribe another one, as a window that opens does."""
    hub, heard = Subscriptions(), []
    hub.subscribe(Notice, lambda _: hub.subscribe(Notice, lambda notice: heard.append(notice.line)))
    hub.publish(Notice("a"))
    assert heard == []
    hub.publish(Notice("b"))
    assert heard == ["b"]


def test_what_a_handler_raises_reaches_who_told_it() -> None:
    """It is not swallowed, so that a stroke that could not be saved is never taken for saved."""
    hub = Subscriptions()
    hub.subscribe(Notice, lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        hub.publish(Notice("a"))
