"""Checking a rectangle in the window: it is filled, corrected with the brush, done, and told."""

from functools import partial

import numpy as np
import pytest

pytest.importorskip("qtpy")
from hand import SIDE, Hand
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from window import settle

from napari_unet.controller.rectangle_checks import Checked
from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.evaluation.scores import AreaScore, CheckedDice, Score
from napari_unet.gui.sections.rectangle_check import RectangleCheck
from napari_unet.gui.sections.rectangle_texts import further_text, result_text
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.project.area_checks import Origin
from napari_unet.project.classes import ClassLabel
from napari_unet.protocol import messages as m

AREA = Region(40, 30, 90, 80)
OTHER = Region(2, 2, 22, 22)


def check_of(hand: Hand) -> RectangleCheck:
    """The widget in the panel."""
    found: RectangleCheck = hand.panel.rectangle_check
    return found


def propose(hand: Hand, origin: Origin = "random", image_id: int | None = None) -> None:
    """Choose in the menu, and let the worker answer with an area of class 1, on the image on screen where None."""
    check_of(hand).choices[origin].trigger()
    wish = hand.worker.sent[-1]
    assert isinstance(wish, m.ProposeArea)
    assert wish.origin == origin
    where = wish.image_id if image_id is None else image_id
    hand.worker.inbox = [m.AreaProposed(wish.number, origin, "", where, 0, AREA, bytes([1]) * 2500)]
    assert settle(lambda: not hand.worker.inbox, 5)


def test_a_rectangle_is_filled_corrected_and_done(hand: Hand) -> None:
    """The filling is on the layer and in the project, the brush corrects it, and Done tells how much."""
    check, project = check_of(hand), hand.panel.controller.project
    assert check.done.isHidden()
    propose(hand)
    assert (hand.painted[AREA.slices] == 1).all()
    np.testing.assert_array_equal(hand.stored(), hand.painted)
    assert len(hand.panel.areas.layer.data) == 1
    assert "it counts for the quality to publish" in check.line.toolTip()
    assert not check.done.isHidden()
    assert hand.panel.canvas.annotation.contour == 2
    hand.draw(2, (60, 40), (60, 60))
    corrected = int((hand.painted[AREA.slices] == 2).sum())
    assert corrected > 100
    assert settle(lambda: f"({corrected:,} px so far)" in check.line.text(), 5)
    check.done.click()
    done = f"Done: {corrected:,} of 2,500 px were corrected."
    assert check.line.text() == f"{done}\n1 done; each class is needed in 4"
    assert check.done.isHidden()
    assert hand.panel.canvas.annotation.contour == 0
    assert check.result.text() == ""  # no score came yet
    (record,) = project.images.all()
    dice = CheckedDice((EstimatedDice(1, 0.9, 0.8, 0.95), EstimatedDice(2, None, reason="why")), 1, 1, 2500)
    hand.worker.inbox = [m.Scored(Score(1, None, (), checked=dice), None)]
    assert settle(lambda: "0.90 [0.80, 0.95]" in check.result.text(), 5)
    assert check.line.text() == f"{done}\nDice to publish in Details, of 1 of 2 classes"
    assert check.line.toolTip() == ""
    assert project.test_areas.of(record.id) == {0: (AREA,)}


def test_the_contour_of_the_user_is_back_after_a_rectangle(hand: Hand) -> None:
    """Lines that show borders while one is corrected take its place for that time only."""
    annotation = hand.panel.canvas.annotation
    annotation.contour = 1
    propose(hand)
    assert annotation.contour == 2
    check_of(hand).done.click()
    assert annotation.contour == 1


def test_no_dice_is_told_of_a_rectangle_before_it_is_done(hand: Hand) -> None:
    """What it is filled with is the prediction itself; after Done it is scored anew, and other rectangles are."""

    def scored() -> m.Scored:
        areas = [(AREA, 0.97), (OTHER, 0.55)]
        scores = [AreaScore(1, 0, each.y0, each.x0, each.y1, each.x1, dice, ()) for each, dice in areas]
        return m.Scored(Score(1, None, (), areas=tuple(scores)), None)

    def told(*texts: str) -> bool:
        hand.worker.inbox = [scored()]
        return settle(lambda: sorted(hand.panel.areas.layer.features["text"]) == sorted(texts), 5)

    hand.panel.controller.strokes.mark_test_areas({0: (OTHER,)})
    propose(hand)
    assert told("being checked", "0.55")
    check_of(hand).done.click()
    assert sorted(hand.panel.areas.layer.features["text"]) == ["0.55", "not scored yet"]
    assert told("0.97", "0.55")


def test_a_rectangle_in_another_image_brings_it_up(hand: Hand) -> None:
    """It is filled there; the image before keeps its strokes, and a wish is given up with its image."""
    controller = hand.panel.controller
    project, first = controller.project, controller.image
    other = project.add_image(Image("other", np.random.default_rng(1).random((128, 96), np.float32), "yx"))
    hand.draw(2, (60, 40), (60, 60))
    before = hand.stored()
    propose(hand, image_id=other.id)
    assert controller.image.id == other.id
    np.testing.assert_array_equal(project.strokes.plane(first.id, 0), before)
    assert (project.strokes.plane(other.id, 0, AREA) == 1).all()
    assert (hand.painted[AREA.slices] == 1).all()
    assert not check_of(hand).done.isHidden()
    check_of(hand).give_up.click()
    check_of(hand).choices["random"].trigger()
    assert "looking" in check_of(hand).line.text()
    hand.panel.project_images.switch(first.id)
    assert check_of(hand).line.text() == ""
    wish = next(each for each in reversed(hand.worker.sent) if isinstance(each, m.ProposeArea))
    hand.worker.inbox = [m.AreaProposed(wish.number, "random", "", other.id, 0, AREA, bytes([1]) * 2500)]
    assert settle(lambda: not hand.worker.inbox, 5)
    assert controller.image.id == first.id
    assert check_of(hand).done.isHidden()


@pytest.mark.parametrize("end", ["death", "another image"])
def test_nobody_looks_for_ever(hand: Hand, end: str) -> None:
    """For a place or a rectangle, once no answer can come any more."""
    panel = hand.panel
    panel.where_next.ask()
    panel.rectangle_check.choices["random"].trigger()
    texts = [panel.where_next.reason, panel.rectangle_check.line]
    assert ["looking" in text.text() for text in texts] == [True, True]
    if end == "death":
        hand.worker.exit_code = 1
    else:
        panel.choose_image(hand.viewer.add_image(np.ones((SIDE, SIDE), np.uint16), name="other"))
    assert settle(lambda: [text.text() for text in texts] == ["", ""], 5)


def test_nodding_is_told(hand: Hand) -> None:
    """Who corrects nothing reads that the prediction was compared with itself."""
    propose(hand)
    check_of(hand).done.click()
    assert check_of(hand).line.text().startswith("Done. Nothing was corrected")


@pytest.mark.parametrize("way", ["give up", "delete"])
def test_a_rectangle_that_goes_takes_its_filling_along(hand: Hand, way: str) -> None:
    """Off the layer and out of the project; what was corrected stays."""
    propose(hand, "unsure")
    assert "does not count" in check_of(hand).line.toolTip()
    hand.draw(2, (60, 40), (60, 60))
    if way == "give up":
        check_of(hand).give_up.click()
    else:
        hand.panel.areas.layer.selected_data = {0}
        hand.panel.areas.layer.remove_selected()
    assert settle(lambda: check_of(hand).done.isHidden(), 5)
    assert settle(lambda: not (hand.painted == 1).any(), 5)
    np.testing.assert_array_equal(hand.stored(), hand.painted)
    assert (hand.painted == 2).any()
    assert len(hand.panel.areas.layer.data) == 0


@pytest.mark.parametrize("end", ["done", "give_up"])
def test_undo_stops_where_a_rectangle_began_and_ended(hand: Hand, end: str) -> None:
    """It takes corrections back, never the filling of an open one, nor what one held that is done or was given up."""
    canvas = hand.viewer.window._qt_viewer.canvas.native
    undo = partial(QTest.keyClick, canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    propose(hand)
    hand.draw(2, (60, 40), (60, 60))
    assert (hand.painted == 2).any()
    for _ in range(3):
        undo()
    assert (hand.painted[AREA.slices] == 1).all()
    hand.draw(2, (60, 40), (60, 60))
    getattr(check_of(hand), end).click()
    assert hand.panel.canvas.annotation.mode == "paint"
    after = hand.painted.copy()
    for _ in range(3):
        undo()
    np.testing.assert_array_equal(hand.painted, after)
    settle(seconds=0.2)
    np.testing.assert_array_equal(hand.stored(), after)


def test_an_open_rectangle_is_gone_to_and_outlives_the_window(hand: Hand) -> None:
    """Asked again, nobody gets a second one; opened anew, the project asks for the one that is open."""
    propose(hand)
    sent = len(hand.worker.sent)
    check_of(hand).choices["random"].trigger()
    assert not [each for each in hand.worker.sent[sent:] if isinstance(each, m.ProposeArea)]
    hand.panel.open_project(hand.panel.controller.project.folder)
    assert not check_of(hand).done.isHidden()
    assert (hand.painted[AREA.slices] == 1).all()


def test_what_stands_behind_the_number_is_told() -> None:
    """Areas, pixels, how many were corrected, and in how many nothing was; nothing before one is done."""
    dice = CheckedDice((EstimatedDice(2, 0.9, 0.8, 0.95),), 2, 1, 8192)
    classes = [ClassLabel(2, "cell", "#FFFFFF")]
    assert result_text(dice, Checked(), classes) == result_text(None, Checked(1, 9, 0), classes) == ""
    assert result_text(dice, Checked(2, 1500, 1), classes).splitlines() == [
        "Dice to publish:",
        "cell 0.90 [0.80, 0.95]",
        "from 2 rectangles at random, 8,192 px, 1,500 of them corrected; in 1 nothing was corrected",
    ]
    # Until the newest one is counted, the numbers are said to be of the others.
    newer = result_text(dice, Checked(3, 1600, 1), classes).splitlines()
    assert newer[-1] == "from 2 rectangles at random, 8,192 px; of 3 in a moment"
    many = CheckedDice(dice.classes, 2, 2, 8192)
    assert "2 rectangles at random in 2 images, 8,192 px" in result_text(many, Checked(2, 0, 2), classes)


def test_where_the_number_stands_is_told() -> None:
    """And what is missing for it; of rectangles that do not count it says so."""
    known, unknown = EstimatedDice(1, 0.9, 0.8, 0.95), EstimatedDice(2, None, reason="why")
    assert further_text("random", None, 1) == "1 done; each class is needed in 4"
    for classes, said in (
        ((known, known), "Dice to publish in Details, of 5 rectangles"),
        ((known, unknown), "Dice to publish in Details, of 1 of 2 classes"),
        ((unknown, unknown), "5 done; each class is needed in 4"),
    ):
        assert further_text("random", CheckedDice(classes, 5, 1, 20480), 5) == said
    not_counted_yet = CheckedDice((known, known), 4, 1, 16384)
    assert further_text("random", not_counted_yet, 5) == "5 done; counting …"
    assert "does not count" in further_text("unsure", not_counted_yet, 4)


def test_a_damaged_check_is_told_and_painting_goes_on(hand: Hand) -> None:
    """A row that no version writes costs no stroke, and the line says what is the matter."""
    database = hand.panel.controller.project.database
    database.execute("INSERT INTO area_checks VALUES (1, 0, 0, 0, 8, 8, 'the moon', x'00', 1)")
    hand.draw(2, (60, 40), (60, 60))
    assert check_of(hand).line.text().startswith("NU-P12: ")
    np.testing.assert_array_equal(hand.stored(), hand.painted)
