"""Laws of the label check: a flipped stroke among right ones is found, and no other."""

import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from drawing import Drawing
from tiled import tiled

from napari_unet.evaluation.answers import Answers
from napari_unet.evaluation.label_check import Doubt, LabelCheck, doubted_pixels
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.project import kept_strokes
from napari_unet.project.database import DATABASE
from napari_unet.project.project import Project
from napari_unet.project.schema import STEPS
from napari_unet.training.learner import Learner
from napari_unet.worker.jobs.label_check import StrokeScoring
from napari_unet.worker.jobs.tiles import Tiles
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.time_shares import TimeShares
from napari_unet.worker.unlike_images import UnlikeImages

SIDE = 96
KEY, KNOWN = (1, 0), (1, 2)


def strokes() -> np.ndarray:
    """Two strokes of each class; classes lie left and right, but the lower stroke of class 2 lies left."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[10:14, 5:40] = labels[30:34, 5:40] = 1
    labels[10:14, 55:90] = labels[70:74, 5:40] = 2
    return labels


def halves(wrong_share: float = 1.0) -> np.ndarray:
    """Predicts class 1 left and class 2 right; of the flipped stroke only so many columns are contradicted."""
    predicted = np.where(np.arange(SIDE) < SIDE // 2, 1, 2) * np.ones((SIDE, 1), int)
    predicted[70:74, 5 + round(35 * wrong_share) : 40] = 2
    return predicted.astype(np.uint8)


FLIPPED = Doubt(1, 0, 2, 1, Region(70, 5, 74, 40), (70, 5))
BOX = FLIPPED.region


def answers_of(predicted: np.ndarray, probability: float = 0.99) -> Answers:
    """Say these class ids with a probability; 0 is not predicted."""
    answers = Answers(predicted.shape)
    others = (1 - probability) * np.ones_like(predicted, np.float32)
    answers.write(Region(0, 0, *predicted.shape), predicted, np.stack([np.maximum(others, 1 - others), others]))
    return answers


def scored(check: LabelCheck, *scorings: tuple[np.ndarray, np.ndarray], probability: float = 0.99) -> tuple[Doubt, ...]:
    for labels, predicted in scorings:
        answers = answers_of(predicted, probability)
        check.score(KEY, tiled(labels), tiled(labels > 0), answers, KNOWN)
    return check.doubts()


def test_the_flipped_stroke_is_found_and_no_other() -> None:
    """After three scorings in a row, not after two; with the class that the network says instead."""
    check, both = LabelCheck(), (strokes(), halves())
    assert scored(check, both, both) == ()
    assert scored(check, both) == (FLIPPED,)
    assert scored(check, both) == (FLIPPED,)
    found = np.zeros((SIDE, SIDE), bool)
    found[BOX.slices] = doubted_pixels(FLIPPED, strokes()[BOX.slices])
    np.testing.assert_array_equal(found, (strokes() == 2) & (np.arange(SIDE) < 48))


def test_a_stroke_that_was_right_once_begins_again() -> None:
    """Also one of which less than half is contradicted counts as right."""
    check, wrong, right = LabelCheck(), (strokes(), halves()), (strokes(), halves(0.4))
    assert scored(check, wrong, wrong, right, wrong, wrong) == ()
    assert scored(check, wrong) == (FLIPPED,)
    assert scored(check, right) == ()


def test_what_was_not_predicted_or_not_trained_says_nothing() -> None:
    """Scorings of other tiles neither blame a stroke nor clear it; held-out pixels never blame it."""
    check, both = LabelCheck(), (strokes(), halves())
    elsewhere = halves()
    elsewhere[60:] = 0
    assert scored(check, both, (strokes(), elsewhere), both) == ()
    assert scored(check, both) == (FLIPPED,)
    fresh = LabelCheck()
    for _ in range(3):
        trained = (strokes() > 0) & (np.arange(SIDE)[:, None] < 60)
        fresh.score(KEY, tiled(strokes()), tiled(trained), answers_of(halves()), KNOWN)
    assert fresh.doubts() == ()


def test_a_stroke_that_grows_or_goes() -> None:
    """One that is continued downward stays the same stroke; one that is painted over is forgotten."""
    grown = strokes()
    grown[70:90, 5:9] = 2
    over = strokes()
    over[70:74] = 1
    both = (strokes(), halves())
    assert [doubt.region for doubt in scored(LabelCheck(), both, (grown, halves()), (grown, halves()))] == [
        Region(70, 5, 90, 40)
    ]
    assert scored(LabelCheck(), both, both, both, (over, halves())) == ()
    assert not doubted_pixels(FLIPPED, over[BOX.slices]).any()
    assert scored(LabelCheck(), both, both, (over, halves()), both) == ()


# Ends of strokes


def spilled(beyond: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Paint class 1 up to so many columns beyond the border between left and right; return it and the prediction."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[20:36, 20 : SIDE // 2 + beyond] = 1
    return labels, np.where(np.arange(SIDE) < SIDE // 2, 1, 2).astype(np.uint8) * np.ones((SIDE, 1), np.uint8)


def test_the_end_of_a_stroke_that_ran_over_is_found() -> None:
    """After three scorings in a row; what is doubted are its pixels beyond the border, as they are painted now."""
    check, both = LabelCheck(), spilled()
    assert scored(check, both, both) == ()
    (doubt,) = scored(check, both)
    assert (doubt.class_id, doubt.predicted, doubt.region) == (1, 2, Region(20, 48, 36, 51))
    labels = both[0][doubt.region.slices].copy()
    assert doubted_pixels(doubt, labels).all()
    labels[0] = 2
    np.testing.assert_array_equal(doubted_pixels(doubt, labels), labels == 1)


@pytest.mark.parametrize(
    ("why", "labels", "predicted", "probability"),
    [
        ("unsure", *spilled(), 0.7),
        ("few pixels", spilled()[0], np.where(np.arange(SIDE)[:, None] < 23, spilled()[1], 1), 0.99),
        ("too deep for a slip of the brush", *spilled(12), 0.99),
        ("ends at other labels", np.where(spilled()[0] == 1, 1, 2).astype(np.uint8), spilled()[1], 0.99),
        ("no inside to judge by", spilled()[0] * (np.arange(SIDE)[:, None] < 26), spilled()[1], 0.99),
        ("wrong inside too", spilled()[0], np.where(np.arange(SIDE)[:, None] // 2 == 14, 2, spilled()[1]), 0.99),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_ends_are_not_doubted(why: str, labels: np.ndarray, predicted: np.ndarray, probability: float) -> None:
    both = (labels.astype(np.uint8), predicted.astype(np.uint8))
    assert scored(LabelCheck(), both, both, both, both, probability=probability) == (), why


def test_of_an_end_what_was_wrong_every_time_is_doubted() -> None:
    """Where the network was right once is left out, and a stroke that was right as a whole begins again."""
    check, wide, narrow = LabelCheck(), spilled(), spilled()
    narrow[1][20:24] = 1
    assert [doubt.region for doubt in scored(check, wide, narrow, wide)] == [Region(24, 48, 36, 51)]
    assert [doubt.region for doubt in scored(check, wide)] == [Region(24, 48, 36, 51)]
    narrow[1][20:28] = 1
    assert [doubt.region for doubt in scored(check, narrow)] == [Region(24, 48, 36, 51)], "it stays as it was told"
    right = (wide[0], np.ones_like(wide[1]))
    assert scored(check, right, wide, wide) == ()
    flipped = (wide[0], np.full_like(wide[1], 2))
    assert scored(check, flipped, flipped) == ()
    assert [doubt.beyond for doubt in scored(check, flipped)] == [b""]


def test_an_end_is_doubted_though_tiles_take_turns() -> None:
    """Scorings that saw other parts of the stroke neither blame its end nor clear it."""
    check, whole, inside = LabelCheck(), spilled(), spilled()
    inside[1][:, 40:] = 0  # not predicted this time
    assert scored(check, whole, inside, whole, inside) == ()
    assert [doubt.region for doubt in scored(check, whole)] == [Region(20, 48, 36, 51)]


# With a network and a project


@pytest.fixture
def drawing() -> Drawing:
    """Draw an image that is bright on the right, and the strokes on it."""
    pixels = (np.arange(SIDE) >= SIDE // 2) * np.ones((SIDE, 1))
    return Drawing(Image("halves", pixels.astype(np.float32), "yx"), strokes())


class Scorings:
    """Scorings of a project's network, without an engine."""

    def __init__(self, project: Project) -> None:
        self.said: list[Any] = []
        opened = OpenProject(self.said.append, Device("cpu", "", False), time.monotonic)
        self.learner = opened.learner = Learner(project, Device("cpu", "", False))
        self.job = StrokeScoring(opened, Tiles(opened, TimeShares(), UnlikeImages(opened)))

    def begin(self, step: int) -> None:
        """Pretend that the network has done so many steps, and begin a scoring."""
        assert self.learner.selection.shown is not None
        self.learner.selection.shown = replace(self.learner.selection.shown, step=step)
        self.job.begin()

    def finish(self) -> list[tuple[Doubt, ...]]:
        """Do a scoring to its end; return what is said of it."""
        while self.job.urgency():
            self.job.step()
        strokes = [doubted.strokes for doubted in self.said]
        self.said.clear()
        return strokes


def test_scorings_are_spread_over_training(trained: Project) -> None:
    """Three scorings some steps apart find the stroke, and it is said once; scorings without steps between are none."""
    scorings = Scorings(trained)
    assert scorings.learner.annotations.planes[KEY].trained[70:74, 5:40].any()
    found = []
    for step in (40, 41, 80, 85, 120, 160):
        scorings.begin(step)
        found.append(scorings.finish())
    assert found == [[], [], [], [], [(FLIPPED,)], []]
    labels = trained.strokes.plane(1, 0)
    labels[70:74, 5:40] = 1
    trained.commit(1, 0, labels)
    scorings.learner.refresh()
    scorings.begin(200)
    assert scorings.finish() == [()]


def test_another_network_is_asked_from_its_first_steps_on(trained: Project) -> None:
    """It counts its steps anew, and the stroke is still found after three scorings in a row."""
    scorings = Scorings(trained)
    found = []
    for step in (4000, 4040, 0, 40, 80):
        scorings.begin(step)
        found.append(scorings.finish())
    assert found == [[], [], [(FLIPPED,)], [], []]


def test_strokes_of_a_removed_class_are_not_doubted(trained: Project) -> None:
    """The network cannot answer with it; nor do they count as strokes that it has learned from."""
    third = trained.add_class()
    labels = trained.strokes.plane(1, 0)
    labels[50:54, 5:40] = third.id
    trained.commit(1, 0, labels)
    trained.classes.remove(third.id)
    scorings = Scorings(trained)
    assert scorings.learner.annotations.planes[KEY].trained[50:54, 5:40].any()
    assert scorings.learner.annotations.strokes() == 4
    for step in (40, 80, 120):
        scorings.begin(step)
        found = scorings.finish()
    assert found == [(FLIPPED,)]


def test_where_much_is_painted_tiles_take_turns(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scoring predicts twelve tiles at most, and every stroke is reached by the following ones."""
    image = trained.add_image(Image("large", np.zeros((2048, 2048), np.float32), "yx"))
    labels = np.zeros((2048, 2048), np.uint8)
    labels[100::256, 20:-20] = 2
    trained.commit(image.id, 0, labels)
    scorings, predicted = Scorings(trained), []

    def answer(_: Predictor, plane: Any, region: Region) -> tuple[np.ndarray, np.ndarray]:
        predicted.append((plane.shape, region))
        return np.ones(region.shape, np.uint8), np.full((2, *region.shape), 0.5, np.float32)

    monkeypatch.setattr(Predictor, "classes_and_probabilities", answer)
    for times, step in enumerate(range(100, 1000, 100), start=1):
        scorings.begin(step)
        scorings.finish()
        assert len(predicted) == 12 * times
    assert len(set(predicted)) > 50


def test_kept_strokes_are_in_the_project(project: Project) -> None:
    """Pixels and class come back after reopening, of two the newer; each plane and image has its own."""
    odd = np.zeros((SIDE, SIDE), bool)
    odd[3:8, 90:] = odd[5, 70:90] = True
    project.strokes.keep_stroke(1, 0, 2, odd)
    project.strokes.keep_stroke(1, 0, 1, np.eye(SIDE, dtype=bool))
    expected = np.where(odd, 2, 0)
    expected[np.eye(SIDE, dtype=bool)] = 1
    with Project(project.folder, read_only=True) as again:
        np.testing.assert_array_equal(again.strokes.kept_labels(1, 0), expected)
        other = project.add_image(Image("other", np.ones((8, 9), np.float32), "yx"))
        assert not again.strokes.kept_labels(other.id, 0).any()


def test_of_kept_strokes_those_elsewhere_are_not_unpacked(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each stroke of the hand every doubted one asks: where hundreds were kept, that took a second."""
    for row in range(0, SIDE, 8):
        project.strokes.keep_stroke(1, 0, 1 + row // 8 % 2, np.ones((4, 6), bool), (row, 3))
    whole, unpacked = project.strokes.kept_labels(1, 0), Mock(side_effect=kept_strokes.unpack)
    monkeypatch.setattr(kept_strokes, "unpack", unpacked)
    for part in (Region(16, 0, 20, 9), Region(19, 8, 25, 12), Region(11, 1, 17, 7), Region(20, 3, 24, 9)):
        np.testing.assert_array_equal(project.strokes.kept_labels(1, 0, part), whole[part.slices])
    assert unpacked.call_count == 1 + 2 + 2


def test_a_project_from_before_there_were_kept_strokes_opens(tmp_path: Path) -> None:
    """A reader sees none and changes nothing; a writer can keep some."""
    folder = tmp_path / "old.unet"
    folder.mkdir()
    database = sqlite3.connect(folder / DATABASE)
    database.executescript(f"{STEPS[0]} PRAGMA user_version = 1;")
    database.close()
    before = (folder / DATABASE).read_bytes()
    with Project(folder, read_only=True) as project:
        assert project.images.all() == []
    assert (folder / DATABASE).read_bytes() == before
    with Project(folder) as project:
        image = project.add_image(Image("one", np.ones((8, 9), np.float32), "yx"))
        project.strokes.keep_stroke(image.id, 0, 1, np.ones((8, 9), bool))
        assert project.strokes.kept_labels(image.id, 0).all()
