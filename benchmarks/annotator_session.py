"""One annotator before one worker: strokes, looking, corrections, and what came of it at which second."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.annotator_hand import SEARCH_S, Hand, hand_for
from benchmarks.annotator_worker import Worker, opening
from benchmarks.quality import Quality
from benchmarks.sets import LabelledSet, Picture
from benchmarks.simulated_strokes import Stroke
from benchmarks.sloppy_hand import laid
from napari_unet.api import ensure_classes
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project
from napari_unet.protocol.messages import Annotated, Failed, Look, Progress, Tile, ToWindow, Train

VISIT = 4  # corrections on an image before the other one is looked at
_SETTLED_S = 4.0  # after opening, before the first stroke: the worker is warm then
_ANSWER_WITHIN_S = 4.0  # of a network that has seen the stroke; then the annotator goes on
_NOTHING_WRONG_S = 2.0  # until a second look at images without visible errors


@dataclass(frozen=True, slots=True)
class Plan:
    """The way in which an annotator spends the time.

    Attributes
    ----------
    seconds : of training, after which the session ends
    marks : of training, at which the network is tested
    pause : seconds between an answer and the next correction, for looking
    budget : share of the training images' pixels that may be painted
    base : what the network starts from, as ``annotator_worker.opening`` takes it
    carelessness : of the hand, 0 to 1; None for an exact one
    """

    seconds: float
    marks: tuple[float, ...]
    pause: float
    budget: float
    base: str
    carelessness: float | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """A stroke and the moment of its release.

    Attributes
    ----------
    image : index of the training image
    wall, training : seconds since the first stroke began, and since there were two classes (negative before)
    step : of training by then
    """

    stroke: Stroke
    image: int
    wall: float
    training: float
    step: int


@dataclass(frozen=True, slots=True)
class Mark:
    """The state of a session at a moment.

    Attributes
    ----------
    annotation : seconds of searching and painting so far
    strokes : painted so far
    quality : of the network that is shown, on the test images; None before there is one
    """

    wall: float
    training: float
    annotation: float
    step: int
    strokes: int
    quality: Quality | None


@dataclass(slots=True)
class Diary:
    """The record of a session.

    Attributes
    ----------
    first : the first complete answer after there were two classes
    first_overlay : of that answer, class index + 1 at each pixel of the first image
    labelled : share of the training images' pixels that strokes cover
    right_at_once : of each correction that was answered, the share of its true pixels that were right in the first
        prediction by a network that had seen it
    careless : whether strokes spilled over
    wrong : share of the labelled pixels that have another class's label
    """

    strokes: list[Committed]
    marks: list[Mark]
    first: Mark | None = None
    first_overlay: np.ndarray | None = None
    labelled: float = 0.0
    right_at_once: list[float] = field(default_factory=list)
    careless: bool = False
    wrong: float = 0.0

    def labels(self, pictures: Sequence[Picture], strokes: int) -> list[np.ndarray]:
        """Return the label images of the first so many strokes."""
        return [
            laid(
                [done.stroke for done in self.strokes[:strokes] if done.image == index],
                picture.truth,
                careless=self.careless,
            )
            for index, picture in enumerate(pictures)
        ]


@dataclass(frozen=True, slots=True)
class Awaited:
    """The pixels of a stroke, and where a network that has seen it has predicted since; both (y, x)."""

    pixels: np.ndarray
    predicted: np.ndarray


class Session:
    """The session of an annotator who paints, looks and corrects while the worker learns.

    Parameters
    ----------
    pictures : shown in turn
    folder : of the project, which is made
    examine : tests the network that is shown; called while the worker's clock stands still
    """

    def __init__(
        self,
        labelled_set: LabelledSet,
        pictures: Sequence[Picture],
        worker: Worker,
        folder: Path,
        seed: int,
        plan: Plan,
        examine: Callable[[], Quality | None] = lambda: None,
    ) -> None:
        self._pictures = pictures
        self._classes = len(labelled_set.classes)
        self._worker = worker
        self._seed = seed
        self._plan = plan
        self._examine = examine
        self._random = np.random.default_rng([seed, 1])
        self._project = Project(folder)
        ensure_classes(self._project, self._classes, labelled_set.classes)
        self._ids = [self._project.add_image(picture.image).id for picture in pictures]
        self._labels = [np.zeros(picture.truth.shape, np.uint8) for picture in pictures]
        self._diary = Diary([], [], careless=plan.carelessness is not None)
        self._awaited: Awaited | None = None
        self._annotation = 0.0
        self._training_since: float | None = None
        self._is_spent = False  # the budget
        self._step = 0
        self._shown = 0  # index of the picture on screen
        self._generation = 0
        self._read_at_step = 0  # a network of a later step has seen the last stroke

    def run(self) -> Diary:
        """Paint until the time is over; leave the worker open and the project closed."""
        self._worker.send(opening(self._project.folder, self._seed, self._plan.base))
        self._show(0)
        self._worker.begin()
        self._wait(_SETTLED_S)
        self._worker.begin()
        truth = self._pictures[0].truth
        for stroke in self._hand.first_strokes(truth, self._classes, [self._seed, 0]):
            self._paint(stroke)
            if self._training_since is not None:
                self._wait(_ANSWER_WITHIN_S, lambda: self._is_answered)
        if self._training_since is None:
            raise RuntimeError("the first strokes did not make two classes: the budget is too small")
        while not self._is_over and not self._is_spent:
            self._correct()
            self._show((self._shown + 1) % len(self._pictures))
        self._wait(self._plan.seconds - self._training)
        self._note_marks()
        self._note_labels()
        self._project.close()
        return self._diary

    @property
    def _hand(self) -> Hand:
        return hand_for(self._pictures[self._shown].truth.shape, self._plan.carelessness)

    @property
    def _training(self) -> float:
        return -1.0 if self._training_since is None else self._worker.now - self._training_since

    @property
    def _is_over(self) -> bool:
        return self._training >= self._plan.seconds

    @property
    def _is_answered(self) -> bool:
        """Tell whether all that is on screen comes from a network that has seen the last stroke."""
        return bool((self._steps > self._read_at_step).all())

    def _correct(self) -> None:
        """Visit the image on screen and correct it, as long as errors are seen."""
        for _ in range(VISIT):
            self._wait(_ANSWER_WITHIN_S, lambda: self._is_answered)
            self._wait(self._plan.pause)
            picture, labels = self._pictures[self._shown], self._labels[self._shown]
            stroke = self._hand.correction(picture.truth, self._overlay, labels, self._random)
            if self._is_over:
                return
            if stroke is None:
                self._wait(_NOTHING_WRONG_S)
                return
            self._is_spent = not self._paint(stroke)
            if self._is_spent:
                return
            self._await(stroke)

    def _paint(self, stroke: Stroke) -> bool:
        """Search, paint and release; return False where the budget forbids it."""
        labels = self._labels[self._shown]
        added = self._hand.laid(stroke, self._pictures[self._shown].truth)
        total = np.count_nonzero(labels | added) + sum(
            np.count_nonzero(other) for index, other in enumerate(self._labels) if index != self._shown
        )
        if total > self._plan.budget * sum(other.size for other in self._labels):
            return False
        seconds = SEARCH_S + self._hand.trace(stroke.path).duration
        self._wait(seconds)
        self._annotation += seconds
        released = self._worker.now  # before the worker hears of it: reading the strokes is part of its answer
        labels[added > 0] = added[added > 0]
        self._project.commit(self._ids[self._shown], 0, labels)
        self._worker.send(Annotated())
        self._read_at_step = self._step
        self._begin_training(released)
        since = -1.0 if self._training_since is None else released - self._training_since
        self._diary.strokes.append(Committed(stroke, self._shown, released, since, self._step))
        return True

    def _await(self, stroke: Stroke) -> None:
        """Watch how the true pixels of a stroke are answered."""
        truth = self._pictures[self._shown].truth
        mine = self._hand.laid(stroke, truth) == truth + 1
        self._awaited = Awaited(mine, np.zeros_like(mine)) if mine.any() else None

    def _begin_training(self, released: float) -> None:
        if (
            self._training_since is None
            and sum(count > 0 for count in self._project.strokes.labelled_pixels().values()) >= 2
        ):
            self._training_since = released
            self._worker.send(Train(on=True))

    def _show(self, index: int) -> None:
        self._shown = index
        self._awaited = None
        self._generation += 1
        height, width = self._pictures[index].truth.shape
        self._overlay = np.zeros((height, width), np.uint8)
        self._steps = np.full((height, width), -1)
        self._worker.send(Look(self._generation, self._ids[index], 0, Region(0, 0, height, width)))

    def _wait(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> None:
        end = self._worker.now + seconds
        while not enough() and self._worker.now < end:
            for message in self._worker.advance(min(end, self._next_mark)):
                self._hear(message)
            self._note_marks()

    def _note_marks(self) -> None:
        while self._worker.now >= self._next_mark:
            self._diary.marks.append(self._mark())

    @property
    def _next_mark(self) -> float:
        """Moment of the next mark, in seconds of the worker's clock."""
        left = self._plan.marks[len(self._diary.marks) :]
        return np.inf if self._training_since is None or not left else self._training_since + left[0]

    def _hear(self, message: ToWindow) -> None:
        match message:
            case Failed():
                raise RuntimeError(message.line)
            case Progress():
                self._step = message.step
            case Tile() if message.generation == self._generation:
                area = message.region.slices
                self._overlay[area] = message.array()
                self._steps[area] = message.step
                self._note_first_answer()
                self._note_answered(area)
            case _:
                pass

    def _note_first_answer(self) -> None:
        if self._diary.first is None and self._training_since is not None and self._overlay.all():
            self._diary.first = self._mark()
            self._diary.first_overlay = self._overlay.copy()

    def _note_answered(self, area: tuple[slice, slice]) -> None:
        """Keep the share of the newest stroke that is right, once all of it was predicted anew."""
        awaited = self._awaited
        if awaited is None or not self._worker.has_seen_all:
            return
        awaited.predicted[area] = True
        if (awaited.predicted | ~awaited.pixels).all():
            truth = self._pictures[self._shown].truth
            right = self._overlay[awaited.pixels] == truth[awaited.pixels] + 1
            self._diary.right_at_once.append(float(right.mean()))
            self._awaited = None

    def _note_labels(self) -> None:
        painted = sum(map(np.count_nonzero, self._labels))
        wrong = sum(
            np.count_nonzero((labels > 0) & (labels != picture.truth + 1))
            for labels, picture in zip(self._labels, self._pictures, strict=True)
        )
        self._diary.labelled = painted / sum(labels.size for labels in self._labels)
        self._diary.wrong = wrong / max(painted, 1)

    def _mark(self) -> Mark:
        painted_so_far = len(self._diary.strokes)
        quality = self._examine()
        return Mark(self._worker.now, self._training, self._annotation, self._step, painted_so_far, quality)
