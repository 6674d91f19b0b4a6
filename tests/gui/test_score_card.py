"""Laws of the score card's words: what is said of a Dice, and when it is called thin."""

import pytest

pytest.importorskip("qtpy")
from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.evaluation.forecast import Forecast
from napari_unet.evaluation.scores import BlockScore, ClassScore, Milestone, Score
from napari_unet.gui.sections.class_scores import (
    LEAST_BLOCKS,
    LEAST_PIXELS,
    ClassScores,
    class_text,
    evidence_text,
    shortage,
)
from napari_unet.gui.sections.estimate_lines import NONE_YET, EstimateLines, canvas_text
from napari_unet.gui.sections.learning_curve import ANNOTATION_TIME, STEP, LearningCurve, forecast_text
from napari_unet.gui.sections.remark import Remark
from napari_unet.gui.sections.score_card import ScoreCard, headline, milestones
from napari_unet.project.classes import ClassLabel

ENOUGH = ClassScore(1, 0.87, 0.79, 0.93, LEAST_PIXELS, LEAST_BLOCKS, 5)


def test_evidence_and_its_lack_are_said() -> None:
    """At the stated minimum a Dice stands; below it the reason does, first blocks, then pixels."""
    assert class_text(ENOUGH) == "0.87 [0.79, 0.93]"
    assert evidence_text(ENOUGH) == "5 strokes, 3 blocks, 100 px"
    assert shortage(ENOUGH) == ""
    few_blocks = ClassScore(1, 0.87, None, None, 9000, LEAST_BLOCKS - 1, 2)
    few_pixels = ClassScore(1, 0.87, 0.1, 0.9, LEAST_PIXELS - 1, 9, 9)
    assert evidence_text(few_blocks) == "too few held out: 2 of 3 blocks (2 strokes, 2 blocks, 9,000 px)"
    one = ClassScore(1, 0.87, None, None, 57, 1, 1)
    assert evidence_text(one) == "too few held out: 1 of 3 blocks (1 stroke, 1 block, 57 px)"
    assert evidence_text(few_pixels) == "too few held out: 99 of 100 px (9 strokes, 9 blocks, 99 px)"


def test_networks_are_compared_only_where_they_can_be() -> None:
    """Now, best and at start stand side by side; without evidence nothing is said."""
    score = Score(9, 0.8, (), best=Milestone(7, 0.85), start=Milestone(1, 0.5))
    assert milestones(score) == "now 0.800 · best 0.850 · at start 0.500"
    assert milestones(Score(9, 0.8, ())) == ""
    assert milestones(Score(9, None, (), best=Milestone(7, 0.85))) == ""


def test_held_out_strokes_are_told_only_where_there_are_any(qtbot: object) -> None:
    """Without a block nothing stands of them: neither a line nor classes nor the name of a curve."""
    card = ScoreCard()
    block = BlockScore(1, 0, 0, 0, 64, 64, 0.8)
    classes = [ClassLabel(1, "background", "#000000")]
    for score, is_told in ((Score(3, 0.87, (ENOUGH,), (block,)), True), (Score(4, None, (ENOUGH,)), False)):
        card.show_score(score, classes, None)
        assert bool(card.headline.text()) == is_told
        assert [not row[0].isHidden() for row in card.class_scores.rows] == [is_told]
    assert headline(Score(3, 0.87, (ENOUGH,), (block,))) == "Held-out strokes: Dice 0.870 · 1 block, 100 px · step 3"
    assert "not every class" in headline(Score(3, None, (ENOUGH,), (block,)))


def test_a_long_name_does_not_widen_the_card(qtbot: object) -> None:
    """The name is cut short; classes that left are not shown any more, and thin evidence is grey."""
    card = ClassScores()
    few = ClassScore(2, None, None, None, 0)
    card.show_scores((ENOUGH, few), [ClassLabel(1, "x" * 500, "#000000"), ClassLabel(2, "cell", "#FFFFFF")])
    assert card.minimumSizeHint().width() < 280
    assert [(row[0].graphicsEffect().isEnabled(), row[0].isHidden()) for row in card.rows] == [
        (False, False),
        (True, False),
    ]
    card.show_scores((few,), ())
    assert [row[0].isHidden() for row in card.rows] == [False, True]


def test_long_words_do_not_widen_what_is_told(qtbot: object) -> None:
    """Neither the name of a class beside its estimate nor one in a remark; a short name keeps its room."""
    lines, remark = EstimateLines(), Remark()
    reason = "too unsure: paint a border, and then another one, until it is sure"
    estimates = (EstimatedDice(1, 0.9, 0.8, 1.0), EstimatedDice(2, None, reason=reason))
    lines.show_estimates(estimates, [ClassLabel(1, "x" * 80, "#000000"), ClassLabel(2, "background", "#FFFFFF")])
    assert lines.minimumSizeHint().width() < 280
    lines.resize(280, 90)
    lines.grab()
    short = lines.rows[1][0]
    assert short.width() >= short.fontMetrics().horizontalAdvance("background")
    remark.setText(f"{'x' * 80} 0.90")
    assert remark.minimumSizeHint().width() < 280
    assert remark.text() == f"{'x' * 80} 0.90"


def test_the_curve_has_two_axes(qtbot: object) -> None:
    """Over annotation time every score stands that was recorded with one, as it was, and no loss."""
    curve = LearningCurve()

    def drawn() -> list[list[tuple[float, float]]]:
        return [
            list(zip(*(values.tolist() for values in one.getData()), strict=True))
            if one.getData()[0] is not None
            else []
            for one in (curve.dice_curve, curve.held_out_curve, curve.loss_curve)
        ]

    old = {"step": 1, "loss": 0.9, "mean_dice": 0.4}  # before estimates were recorded
    curve.restore([old, {"step": 2, "loss": 0.8, "mean_dice": None, "estimated": 0.5, "annotation_s": 30.0}])
    curve.add_score(3, 0.7, None, 60.0)
    curve.add_score(4, 0.6, 0.9, 60.0)
    curve.add_score(5, 0.65, None, None)
    assert curve.axis.currentText() == STEP
    assert drawn() == [[(2, 0.5), (3, 0.7), (4, 0.6), (5, 0.65)], [(1, 0.4), (4, 0.9)], [(1, 0.9), (2, 0.8)]]
    curve.axis.setCurrentText(ANNOTATION_TIME)
    curve.add_loss(6, 0.5)
    assert drawn() == [[(0.5, 0.5), (1, 0.7), (1, 0.6)], [(1, 0.9)], []]
    curve.axis.setCurrentText(STEP)
    assert drawn()[2] == [(1, 0.9), (2, 0.8), (6, 0.5)]
    curve.restore(())
    assert drawn() == [[], [], []]


def test_a_network_that_is_scored_again_has_one_point(qtbot: object) -> None:
    """The newest score of it counts, at the minute of the first."""
    curve = LearningCurve()
    curve.add_score(3, 0.7, None, 60.0)
    curve.add_score(3, 0.8, None, None)
    curve.add_score(3, 0.9, None, None)
    for axis, at in ((STEP, 3), (ANNOTATION_TIME, 1)):
        curve.axis.setCurrentText(axis)
        assert [values.tolist() for values in curve.dice_curve.getData()] == [[at], [0.9]]


def test_the_loss_of_another_network_is_drawn_at_once(qtbot: object) -> None:
    """One that goes on from an earlier step, or from none, takes the place of what followed there."""
    curve = LearningCurve()
    for step, loss in ((10, 0.9), (20, 0.8), (30, 0.7), (12, 0.5), (12, 0.5), (22, 0.4)):
        curve.add_loss(step, loss)
    assert curve.loss_curve.getData()[0].tolist() == [10, 12, 22]
    curve.add_loss(1, 1.5)
    assert curve.loss_curve.getData()[1].tolist() == [1.5]


def test_no_curve_runs_backwards(qtbot: object) -> None:
    """Over steps it goes on from an earlier network, live and restored; over annotation time every score stays."""
    steps = [100, 200, 300, 200, 400, 5, 20]  # an earlier network is shown again, and later another one begins
    records = [
        {"step": step, "loss": 0.5, "mean_dice": 0.7, "estimated": 0.6, "annotation_s": 60.0 * minute}
        for minute, step in enumerate(steps)
    ]
    for count, expected in ((4, [100, 200]), (5, [100, 200, 400]), (6, [5]), (7, [5, 20])):
        live, restored = LearningCurve(), LearningCurve()
        for record in records[:count]:
            live.add_score(record["step"], 0.6, 0.7, record["annotation_s"])
        restored.restore(records[:count])
        for curve in (live.dice_curve, live.held_out_curve, restored.dice_curve, restored.loss_curve):
            assert curve.getData()[0].tolist() == expected
        for each in (live, restored):
            each.axis.setCurrentText(ANNOTATION_TIME)
            assert each.dice_curve.getData()[0].tolist() == [*range(count)]


def test_scores_go_with_the_losses_of_their_network(qtbot: object) -> None:
    """Once another one begins, before it has a score of its own."""
    curve = LearningCurve()
    for step in (10, 20):
        curve.add_loss(step, 0.5)
        curve.add_score(step, 0.6, None, None)
    curve.add_loss(1, 0.9)
    assert curve.dice_curve.getData()[0] is None
    curve.add_score(15, 0.7, None, None)
    assert curve.dice_curve.getData()[0].tolist() == [15]


def test_a_forecast_is_told_while_it_helps(qtbot: object) -> None:
    """With both numbers, never "± 0.00"; nothing when it is unknown or too wide, or the newest Dice is."""
    assert forecast_text(Forecast(0.012, 0.004)) == "10 more minutes of painting: about +0.01 ± 0.01"
    assert forecast_text(Forecast(0.2, 0.11)) == ""
    assert forecast_text(None) == ""
    curve = LearningCurve()
    records = [{"step": n, "estimated": 0.8, "annotation_s": 60.0 * n} for n in range(5)]
    curve.restore(records[:4])
    assert curve.forecast.text() == ""
    curve.add_score(5, 0.8, None, 240.0)
    assert curve.forecast.text() == "10 more minutes of painting: about +0.00 ± 0.02"
    curve.add_score(6, None, 0.9, 250.0)
    assert curve.forecast.text() == ""
    curve.restore(records)
    assert curve.forecast.text()
    curve.restore([*records, {"step": 6, "estimated": None, "annotation_s": 250.0}])
    assert curve.forecast.text() == ""


def test_an_estimate_is_told_with_its_interval_or_with_what_is_missing(qtbot: object) -> None:
    """The mean stands only where every class has a value; what was shown before is gone."""
    lines = EstimateLines()
    classes = [ClassLabel(1, "background", "#000000"), ClassLabel(2, "cell <b>", "#FFFFFF")]
    known, other = EstimatedDice(1, 0.913, 0.8, 1.0), EstimatedDice(2, 0.7, 0.6, 0.8)
    unknown = EstimatedDice(2, None, reason="too unsure: paint a border of cell <b>")
    lines.show_estimates((known, other), classes)
    assert lines.headline.text() == "Estimated Dice: 0.81"
    assert [(name.text(), said.text()) for name, said in lines.rows] == [
        ("background", "0.91 [0.80, 1.00]"),
        ("cell <b>", "0.70 [0.60, 0.80]"),
    ]
    assert canvas_text((known, other), classes).splitlines()[1] == "background 0.91 [0.80, 1.00]"
    assert "Corrected by" not in lines.rows[0][1].toolTip()
    lines.show_estimates((EstimatedDice(1, 0.9, 0.8, 1.0, checked_areas=3), other), classes)
    assert lines.rows[0][1].toolTip().endswith("Corrected by 3 checked rectangles.")
    lines.show_estimates((known, unknown), classes)
    assert lines.headline.text() == "Estimated Dice: not for every class yet"
    assert lines.rows[1][1].text() == unknown.reason
    lines.show_estimates((), ())
    assert lines.headline.text() == NONE_YET
    assert all(name.isHidden() for name, _ in lines.rows)
