"""Laws of the line that tells why a quality is n/a."""

from hand import Hand
from window import settle

from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.gui.sections.quality_hint import QualityHint
from napari_unet.protocol import messages as m

KNOWN = EstimatedDice(1, 0.9, 0.8, 1.0)
UNSURE = EstimatedDice(2, None, reason="too unsure: paint a border of class 2")


def told(hand: Hand, *estimates: EstimatedDice) -> QualityHint:
    """Let the worker tell estimates of the plane on screen, and return the line."""
    controller = hand.panel.controller
    hand.worker.inbox = [m.Estimated(controller.generation, controller.image.id, controller.view.plane, estimates)]
    assert settle(lambda: not hand.worker.inbox, 5)
    return hand.panel.findChild(QualityHint)


def test_the_reason_and_what_helps_are_in_sight(hand: Hand) -> None:
    """As long as a class has no value: not before the first estimate, and not over another image."""
    hint = hand.panel.findChild(QualityHint)
    assert not hint.isVisible()
    told(hand, KNOWN, UNSURE)
    assert hint.isVisible()
    assert hint.reason.text() == "Quality n/a: too unsure: paint a border of class 2"
    told(hand, KNOWN, EstimatedDice(2, 0.8, 0.7, 0.9))
    assert not hint.isVisible()
    told(hand, UNSURE)
    hand.panel.choose_image(hand.viewer.add_image(hand.painted, name="other"))
    assert not hint.isVisible()


def test_whoever_was_asked_speaks_first(hand: Hand) -> None:
    """The reason stands back while a place is shown, and is there again afterwards."""
    hint, where_next = told(hand, UNSURE), hand.panel.where_next
    place = m.Suggested(hand.panel.controller.image.id, "here")
    hand.panel.controller.publish(place)
    assert where_next.isVisible()
    assert not hint.isVisible()
    where_next.clear()
    assert hint.isVisible()
