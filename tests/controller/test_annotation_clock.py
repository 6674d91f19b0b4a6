"""Laws of annotation time: strokes and short pauses count, idle time does not."""

from napari_unet.controller.annotation_clock import PAUSE_S, AnnotationClock


class Hand:
    """Presses and releases at times that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = AnnotationClock(lambda: self.now)

    def stroke(self, pause: float, length: float) -> None:
        """Wait, then paint."""
        self.now += pause
        self.clock.press()
        self.now += length
        self.clock.release()


def test_strokes_and_short_pauses_count() -> None:
    """A stroke counts whole, however long; a pause counts below the limit and not at all from it on."""
    hand = Hand()
    hand.stroke(pause=100, length=2)
    assert hand.clock.seconds == 2
    hand.stroke(pause=PAUSE_S - 1, length=20)
    assert hand.clock.seconds == 2 + PAUSE_S - 1 + 20
    hand.stroke(pause=PAUSE_S, length=3)
    assert hand.clock.seconds == 2 + PAUSE_S - 1 + 20 + 3
    hand.now += 1000
    assert hand.clock.seconds == 2 + PAUSE_S - 1 + 20 + 3


def test_it_goes_on_from_what_was_measured_before() -> None:
    """The time between two projects is no pause."""
    hand = Hand()
    hand.stroke(pause=0, length=9)
    hand.clock.set(60.0)
    hand.stroke(pause=1, length=2)
    assert hand.clock.seconds == 62
