"""Laws of the simulated annotator: strokes that are honest, a hand's time, a clock that stands still on demand."""

import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from benchmarks import annotator
from benchmarks.annotator_hand import RATE_HZ, SEARCH_S, SPEED, Hand, hand_for
from benchmarks.annotator_report import DENSE, Curve, Hands, Point, Report, largest_drop, report
from benchmarks.annotator_session import Plan, Session
from benchmarks.annotator_worker import NO_BASE, StoppableClock, peak_memory
from benchmarks.quality import Quality
from benchmarks.rivals.root_painter import RootPainter, eight_bit_colour
from benchmarks.sets import LabelledSet, Picture, mirrored
from benchmarks.simulated_strokes import painted
from benchmarks.sloppy_hand import sloppy_strokes, spilled
from napari_unet.images.image import Image
from napari_unet.protocol.messages import Annotated, Look, Open, Progress, Tile, Train

SIDE = 128
SET = LabelledSet("discs", "discs", "drawn")


def discs(seed: int) -> np.ndarray:
    """Class indices with some discs of class 1."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    truth = np.zeros((SIDE, SIDE), np.uint8)
    for y, x in random.integers(0, SIDE, (6, 2)):
        truth[(rows - y) ** 2 + (columns - x) ** 2 < 15**2] = 1
    return truth


def picture(seed: int) -> Picture:
    truth = discs(seed)
    noise = np.random.default_rng(seed).integers(0, 40, truth.shape)
    return Picture(Image(f"discs {seed}", (150 * truth + noise).astype(np.uint8), "yx"), truth)


class Oracle:
    """A worker that predicts class 1 everywhere, at once, with a step more each time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.heard: list[object] = []
        self.step = 0
        self.look: Look | None = None
        self.has_seen_all = True

    def begin(self) -> None:
        self.now = 0.0

    def send(self, message: object) -> None:
        self.heard.append(message)
        if isinstance(message, Look):
            self.look = message

    def advance(self, until: float) -> list[object]:
        assert self.look is not None
        self.now = min(until, self.now + 0.5)
        if not any(isinstance(message, Train) for message in self.heard):
            return []
        self.step += 1
        height, width = self.look.visible.shape
        place = (self.look.generation, self.look.image_id, 0, self.look.visible)
        return [
            Progress("training", self.step, 0.1, 0),
            Tile(*place, bytes([2]) * height * width, self.step),
        ]

    def close(self) -> None:
        pass


@pytest.mark.parametrize("seed", range(5))
def test_first_strokes_never_leave_their_class(seed: int) -> None:
    """Neither the centre of the brush nor any of the pixels it paints, and every class is painted."""
    truth = discs(seed)
    strokes = hand_for(truth.shape).first_strokes(truth, 2, seed)
    assert [stroke.class_index for stroke in strokes] == [0, 1, 0, 1]
    for stroke in strokes:
        rows, columns = np.round(stroke.path).astype(int).T
        assert (truth[rows, columns] == stroke.class_index).all()
        labels = painted([stroke], truth)
        assert labels.any()
        assert (truth[labels > 0] == stroke.class_index).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_correction_lies_on_the_largest_error(seed: int) -> None:
    """With a disc missed and a smaller patch too much, the stroke's way lies in the disc and is of its class."""
    truth = np.zeros((SIDE, SIDE), np.uint8)
    truth[20:60, 20:60] = 1
    shown = np.ones_like(truth)
    shown[90:100, 90:100] = 2
    stroke = hand_for(truth.shape).correction(truth, shown, np.zeros_like(truth), np.random.default_rng(seed))
    assert stroke is not None
    assert stroke.class_index == 1
    rows, columns = np.round(stroke.path).astype(int).T
    assert (shown[rows, columns] != truth[rows, columns] + 1).all()
    assert (truth[painted([stroke], truth) > 0] == 1).all()


def test_what_is_right_small_unseen_or_painted_is_not_corrected() -> None:
    """No stroke where there is nothing to see."""
    truth, random = discs(0), np.random.default_rng(0)
    hand, nothing = hand_for(truth.shape), np.zeros_like(truth)
    small = truth + 1
    small[0, 0] = 3 - small[0, 0]
    wrong = 2 - truth
    for shown, labels in ((truth + 1, nothing), (nothing, nothing), (small, nothing), (wrong, truth + 1)):
        assert hand.correction(truth, shown.astype(np.uint8), labels, random) is None


def test_time_stamps_follow_the_speed() -> None:
    """400 screen px a second at 120 samples a second, whatever the size of the image."""
    for zoom in (1.0, 4.0):
        path = np.stack([np.zeros(101), np.arange(101.0)], axis=1)
        trace = Hand(zoom).trace(path)
        steps = np.hypot(*np.diff(trace.points, axis=0).T) * zoom
        np.testing.assert_allclose(np.diff(trace.seconds), 1 / RATE_HZ)
        np.testing.assert_allclose(steps[:-1], SPEED / RATE_HZ)
        assert trace.duration == pytest.approx(100 * zoom / SPEED, abs=1 / RATE_HZ)
        np.testing.assert_allclose(trace.points[-1], path[-1])
    assert Hand(1.0).trace(np.zeros((1, 2))).duration == 0


def test_strokes_and_brush_shrink_with_the_image() -> None:
    """Both are a hand's on the screen, not the image's."""
    large, small = hand_for((1024, 800)), hand_for((200, 256))
    assert (large.length, large.width) == (120, 9)
    assert (small.length, small.width) == (30, 3)


def test_a_session_keeps_its_plan(tmp_path: Path) -> None:
    """It commits what it sends, pauses, alternates, stays within the budget, and never paints outside a class."""
    pictures, worker = [picture(1), picture(2)], Oracle()
    plan = Plan(60, (5.0, 20.0, 60.0), 2.0, 0.05, NO_BASE)
    diary = Session(SET, pictures, worker, tmp_path / "a.unet", 0, plan, lambda: Quality(0.5, 0.4)).run()  # type: ignore[arg-type]
    assert isinstance(worker.heard[0], Open)
    assert sum(isinstance(message, Annotated) for message in worker.heard) == len(diary.strokes) > 6
    assert sum(isinstance(message, Train) for message in worker.heard) == 1
    assert {done.image for done in diary.strokes} == {0, 1}
    assert diary.first is not None
    assert [mark.training >= wanted for mark, wanted in zip(diary.marks, plan.marks, strict=True)] == [True] * 3
    corrections = diary.strokes[4:]
    assert all(done.stroke.class_index == 0 for done in corrections)  # the worker says 1 everywhere
    waits = np.diff([done.wall for done in corrections])
    assert (waits >= plan.pause + SEARCH_S).all()
    annotation = sum(SEARCH_S + hand_for((SIDE, SIDE)).trace(done.stroke.path).duration for done in diary.strokes)
    assert diary.marks[-1].annotation == pytest.approx(annotation)
    labels = diary.labels(pictures, len(diary.strokes))
    for label, shown in zip(labels, pictures, strict=True):
        assert (label[label > 0] == shown.truth[label > 0] + 1).all()
    assert diary.labelled == pytest.approx(np.mean([label > 0 for label in labels]))
    assert diary.labelled <= plan.budget


def thin_lines() -> np.ndarray:
    """Class indices with lines of class 1 that are thinner than the brush."""
    truth = np.zeros((1024, 1024), np.uint8)
    for start in range(40, 1024, 60):
        truth[start : start + 4] = 1
    return truth


def test_a_careless_hand_leaves_thin_things_and_makes_uneven_numbers_of_strokes() -> None:
    """Of the most careless on thin lines about half of the pixels are wrong; of none more than with an exact hand."""
    truth = thin_lines()
    shares, numbers = {}, set()
    for carelessness in (None, 0.0, 1.0):
        hand, wrong, painted_pixels = hand_for(truth.shape, carelessness), 0, 0
        for seed in range(4):
            strokes = hand.first_strokes(truth, 2, seed)
            counts = [sum(stroke.class_index == k for stroke in strokes) for k in (0, 1)]
            if carelessness is not None:
                assert all(1 <= count <= 5 for count in counts)
                numbers.update(counts)
            for labels in (hand.laid(stroke, truth) for stroke in strokes if stroke.class_index == 1):
                wrong += np.count_nonzero((labels > 0) & (labels != truth + 1))
                painted_pixels += np.count_nonzero(labels)
        shares[carelessness] = wrong / painted_pixels
    assert len(numbers) > 2
    assert shares[None] == 0
    assert shares[0.0] < 0.05
    assert 0.4 < shares[1.0] < 0.75


def test_careless_people_have_the_rates_of_public_scribbles() -> None:
    """Some have more than a twentieth of the pixels wrong, most on thin things and few on wide ones."""
    shares = []
    for truth in (thin_lines()[:256, :256], np.repeat(np.eye(2, dtype=np.uint8), 128, axis=0).repeat(128, axis=1)):
        labels = [spilled(sloppy_strokes(truth, 2, seed), truth.shape) for seed in range(20)]
        wrong = np.array([np.mean(label[label > 0] != truth[label > 0] + 1) for label in labels])
        shares.append(np.mean(wrong > 0.05))
    on_lines, on_squares = shares
    assert 0.5 < on_lines < 1
    assert on_squares < 0.2


def test_a_careless_correction_begins_on_the_error_and_what_it_spoiled_is_corrected_again() -> None:
    """Labels that are wrong are no reason to leave an error; those that are right are."""
    truth, random = np.zeros((SIDE, SIDE), np.uint8), np.random.default_rng(0)
    truth[20:60, 20:60] = 1
    shown = np.ones_like(truth)
    hand = hand_for(truth.shape, 1.0)
    stroke = hand.correction(truth, shown, np.where(truth, 1, 0), random)
    assert stroke is not None
    assert stroke.class_index == 1
    assert hand.laid(stroke, truth)[20:60, 20:60].any()
    assert hand.correction(truth, shown, truth + truth, random) is None


def test_a_session_of_a_careless_hand_tells_what_is_wrong_and_what_was_right_at_once(tmp_path: Path) -> None:
    """The oracle says class 1 everywhere, so corrections, which are of class 0, are never right at once."""
    pictures, worker = [picture(1), picture(2)], Oracle()
    plan = Plan(40, (40.0,), 2.0, 0.2, NO_BASE, carelessness=1.0)
    diary = Session(SET, pictures, worker, tmp_path / "a.unet", 0, plan, lambda: Quality(0.5, 0.4)).run()  # type: ignore[arg-type]
    assert diary.careless
    assert 0 < diary.wrong < 0.5
    assert diary.right_at_once
    assert set(diary.right_at_once) == {0.0}
    labels = diary.labels(pictures, len(diary.strokes))
    painted_pixels = sum(np.count_nonzero(label) for label in labels)
    wrong = sum(
        np.count_nonzero((label > 0) & (label != shown.truth + 1))
        for label, shown in zip(labels, pictures, strict=True)
    )
    assert diary.wrong == pytest.approx(wrong / painted_pixels)


def test_the_report_has_both_hands_side_by_side() -> None:
    """Share of dense at the end and after half the strokes, strokes to 0.9 of it, and pixels right at once."""
    exact = [point(10.0, 0.4, 4), point(30.0, 0.8, 6), point(60.0, 0.72, 10)]
    careless = [point(10.0, 0.3, 4), point(30.0, 0.4, 6), point(60.0, 0.4, 10)]
    found = Report(60, 5, 0.02)
    found.curves += [
        Curve("discs", 0, "network", exact),
        Curve("discs", 0, "network", careless, careless=True),
        Curve("discs", 0, DENSE, [point(60.0, 0.8, 0)]),
    ]
    for is_careless, right, wrong in ((False, [1.0, 0.5], 0.0), (True, [0.25], 0.125)):
        found.hands.append(Hands("discs", 0, "network", 10, 5.0, 60.0, 0.01, right, wrong, is_careless))
    lines = report(found, [0]).splitlines()
    assert "| discs | network | 1 | 0.900 | 0.080 | 1.000 | 6 | 0.750 | 0.0 % |" in lines
    assert "| discs | network, careless hand | 1 | 0.500 | 0.000 | 0.500 | n/a | 0.250 | 12.5 % |" in lines


def point(training: float, dice: float, strokes: int) -> Point:
    return Point(training, training, training, 1, strokes, Quality(dice, dice))


def test_the_clock_of_the_engine_does_not_count_what_other_programs_take() -> None:
    """A thread that sleeps, as one that waits for a processor does, ages by less than a tenth of it."""
    clock = StoppableClock()
    with clock.running():
        time.sleep(0.3)
    assert clock() < 0.03


def test_the_clock_passes_only_while_it_runs() -> None:
    """And when it is told to skip."""
    now = [10.0]
    clock = StoppableClock(lambda: now[0])
    with clock.running():
        now[0] = 12.0
        assert clock() == 2.0
        clock.skip(1.0)
    now[0] = 99.0
    assert clock() == 3.0
    with clock.running():
        now[0] = 100.0
    assert clock() == 4.0


def test_the_engine_learns_from_the_annotator(tmp_path: Path) -> None:
    """A short session and dense labels in this process: answers, marks and curves; the forest on the same strokes."""
    case = annotator.Case(SET, 0, [picture(1), picture(2)], [picture(3)])
    plan = Plan(3.0, (1.0, 3.0), 0.5, 0.05, NO_BASE)
    diary = annotator.stepped_session(case, plan)
    assert [mark.training >= wanted for mark, wanted in zip(diary.marks, plan.marks, strict=True)] == [True, True]
    assert diary.marks[-1].quality is not None
    assert diary.marks[-1].step > diary.marks[0].step
    assert len(annotator.dense(case, plan)) == 2
    point = annotator.forest_point(case, diary, diary.marks[-1])
    assert 0.5 < point.quality.all_classes <= 1
    lesson = annotator.lesson_of(case, diary, diary.marks, "steps")
    assert len(lesson.moments) == len(lesson.revisions) == len(diary.strokes)
    for mine, theirs in zip(lesson.revisions[-1], diary.labels(case.training, len(diary.strokes)), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_largest_drop_is_below_the_best_so_far() -> None:
    """After 10 s; a low start is no drop."""
    values = [(2.0, 0.2), (8.0, 0.8), (12.0, 0.7), (20.0, 0.9), (30.0, 0.85)]
    points = [Point(t, t, t, 1, 1, Quality(value, value)) for t, value in values]
    assert largest_drop(points) == pytest.approx(0.1)
    assert largest_drop(points[:2]) is None


def test_what_is_left_out_is_told() -> None:
    """An absent trainer has a reason, and the report prints it."""
    assert "missing" in RootPainter(Path("/nowhere/python")).obstacle
    assert "--root-painter" in RootPainter(None).obstacle
    found = Report(60, 5, 0.02, left_out=["discs, root-painter: no Python"])
    assert "discs, root-painter: no Python" in report(found, [0])


def test_pictures_are_squared_and_made_eight_bit() -> None:
    """Mirrored or cut to the side wanted; deep grey images to three equal channels over the whole range."""
    one = picture(1)
    assert mirrored(one, 200).truth.shape == mirrored(one, 200).image.pixels.shape == (200, 200)
    assert mirrored(one, 64).truth.shape == (64, 64)
    deep = Picture(Image("deep", one.image.pixels.astype(np.uint16) * 11 + 500, "yx"), one.truth)
    colour = eight_bit_colour(deep)
    assert (colour.shape, colour.dtype, colour.min(), colour.max()) == ((SIDE, SIDE, 3), np.uint8, 0, 255)


def test_peak_memory_is_known_or_not() -> None:
    """Of a process that does not exist nothing is known."""
    assert peak_memory(2**30) is None
