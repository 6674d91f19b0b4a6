"""Laws of the score card's words: what is said of a Dice, and when it is called thin."""

import pytest

pytest.importorskip("qtpy")
from napari_unet.annotations.classes import ClassLabel
from napari_unet.gui.class_scores import LEAST_BLOCKS, LEAST_PIXELS, ClassScores, class_text, evidence_text, shortage
from napari_unet.gui.score_card import milestones
from napari_unet.training.scores import ClassScore, Milestone, Score

ENOUGH = ClassScore(1, 0.87, 0.79, 0.93, LEAST_PIXELS, LEAST_BLOCKS, 5)


def test_evidence_and_its_lack_are_said() -> None:
    """At the stated minimum a Dice stands; below it the reason does, first blocks, then pixels."""
    assert class_text(ENOUGH) == "0.87 [0.79, 0.93]"
    assert evidence_text(ENOUGH) == "5 strokes, 3 blocks, 100 px"
    assert shortage(ENOUGH) == ""
    few_blocks = ClassScore(1, 0.87, None, None, 9000, LEAST_BLOCKS - 1, 2)
    few_pixels = ClassScore(1, 0.87, 0.1, 0.9, LEAST_PIXELS - 1, 9, 9)
    assert evidence_text(few_blocks) == "too few held out: 2 of 3 blocks (2 strokes, 2 blocks, 9,000 px)"
    assert evidence_text(few_pixels) == "too few held out: 99 of 100 px (9 strokes, 9 blocks, 99 px)"


def test_networks_are_compared_only_where_they_can_be() -> None:
    """Now, best and at start stand side by side; without evidence nothing is said."""
    score = Score(9, 0.8, (), best=Milestone(7, 0.85), start=Milestone(1, 0.5))
    assert milestones(score) == "now 0.800 · best 0.850 · at start 0.500"
    assert milestones(Score(9, 0.8, ())) == ""
    assert milestones(Score(9, None, (), best=Milestone(7, 0.85))) == ""


def test_a_long_name_does_not_widen_the_card(qtbot: object) -> None:
    """The name is cut short; classes that left are not shown any more, and thin evidence is grey."""
    card = ClassScores()
    few = ClassScore(2, None, None, None, 0)
    card.show_scores((ENOUGH, few), [ClassLabel(1, "x" * 500, "#000000"), ClassLabel(2, "cell", "#FFFFFF")])
    assert card.minimumSizeHint().width() < 280
    assert [(row[0].isEnabled(), row[0].isHidden()) for row in card._rows] == [(True, False), (False, False)]
    card.show_scores((few,), ())
    assert [row[0].isHidden() for row in card._rows] == [False, True]
