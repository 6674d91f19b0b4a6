"""What the annotator benchmark found, and its tables."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.annotator_hand import FIRST_STROKES, RATE_HZ, SEARCH_S, SMALLEST_ERROR, SPEED, WINDOW
from benchmarks.annotator_session import VISIT, Diary, Mark
from benchmarks.quality import Quality
from benchmarks.report import machine, table
from benchmarks.sets import LARGEST_SIDE
from benchmarks.simulated_strokes import BRUSH_WIDTH, STROKE_LENGTH

DENSE = "dense"
TRAINED_MARKS = (10.0, 30.0, 60.0)
_STABLE_AFTER_S = 10.0
_NEAR_S = 2.0  # a step may end so much after its mark
_NEARLY = 0.9  # share of the Dice of dense labels that is near them
_UNKNOWN = "n/a"


@dataclass(frozen=True, slots=True)
class Point:
    """A method at a moment.

    Attributes
    ----------
    wall, training, annotation : seconds, as in ``annotator_session.Mark``
    step, strokes : behind it
    own : seconds that a rival took to learn; None for the network, which learns meanwhile
    """

    wall: float
    training: float
    annotation: float
    step: int
    strokes: int
    quality: Quality
    own: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A method on a set with a seed; ``careless`` tells whether a careless hand corrected it."""

    set: str
    seed: int
    method: str
    points: list[Point]
    careless: bool = False

    @property
    def title(self) -> str:
        """Return the method and its hand."""
        return titled(self.method, careless=self.careless)


@dataclass(frozen=True, slots=True)
class Hands:
    """The work of an annotator in a session; the last four as in ``annotator_session.Diary``."""

    set: str
    seed: int
    method: str
    strokes: int
    annotation: float
    wall: float
    labelled: float
    right_at_once: list[float]
    wrong: float
    careless: bool

    @property
    def title(self) -> str:
        """Return the method that was corrected, and the hand."""
        return titled(self.method, careless=self.careless)


@dataclass(frozen=True, slots=True)
class Live:
    """The real process: seconds to the first answer, its Dice on the painted image and the forest's, and memory."""

    set: str
    seed: int
    base: str
    seconds: float | None
    network: Quality | None
    forest: Quality | None
    memory: int | None
    forest_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Duel:
    """RootPainter at a mark of ours, at equal steps or seconds."""

    set: str
    rival: str
    unit: str
    mark: float
    ours: Quality
    our_steps: int
    theirs: Quality
    their_steps: int
    their_seconds: float
    remark: str


@dataclass(slots=True)
class Report:
    """Everything that was measured, and what was left out."""

    seconds: float
    pause: float
    budget: float
    curves: list[Curve] = field(default_factory=list)
    hands: list[Hands] = field(default_factory=list)
    live: list[Live] = field(default_factory=list)
    duels: list[Duel] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    tuning: dict[float, float] = field(default_factory=dict)
    memory: int | None = None  # bytes
    root_painter: str = ""  # what it could use
    base_has_seen: bool = False

    def note_annotator(self, name: str, seed: int, method: str, diary: Diary) -> None:
        """Keep what the hand did."""
        last, careless = diary.marks[-1], diary.careless
        work = (len(diary.strokes), last.annotation, last.wall, diary.labelled)
        self.hands.append(Hands(name, seed, method, *work, diary.right_at_once, diary.wrong, careless))

    def add_duel(
        self, name: str, rival: str, unit: str, mark: Mark, steps: int, seconds: float, found: Quality, remark: str
    ) -> None:
        """Keep a rival's Dice beside ours at the same mark."""
        assert mark.quality is not None
        self.duels.append(
            Duel(name, rival, unit, mark.training, mark.quality, mark.step, found, steps, seconds, remark)
        )


def report(found: Report, seeds: Sequence[int]) -> str:
    parts = ["## Annotator", _curves(found)]
    if found.hands:
        parts += [_corrections(found), _hands(found.hands)]
    if found.duels:
        parts.append(_duels(found.duels))
    if found.live or found.memory is not None:
        parts.append(_live(found))
    parts.append(_note(found, seeds))
    if found.root_painter:
        parts.append(found.root_painter)
    if found.tuning:
        tried = ", ".join(f"{rate:g}: {value:.3f}" for rate, value in found.tuning.items())
        parts.append(f"Rates that were tried for RootPainter on a set that is in no table, and their Dice: {tried}.")
    if found.left_out:
        parts.append("Left out:\n\n" + "\n".join(f"- {line}" for line in found.left_out))
    return "\n\n".join([*parts, ""])


def titled(method: str, *, careless: bool) -> str:
    """Return the name of a method with that of the hand, which is the exact one unless it is named."""
    return f"{method}, careless hand" if careless else method


def strokes_to_reach(points: Sequence[Point], dice: float) -> int | None:
    """Return the number of strokes at the first point with at least a Dice; None where there is no such point."""
    reached = [point.strokes for point in points if point.quality.all_classes >= dice]
    return min(reached, default=None)


def after_half(points: Sequence[Point]) -> Point | None:
    """Return the first point at which at least half of the strokes were made."""
    if not points:
        return None
    return next(point for point in points if point.strokes >= points[-1].strokes / 2)


def largest_drop(points: Sequence[Point]) -> float | None:
    """Return how far the Dice fell below its best so far, after 10 s of training; None without such points."""
    best, drops = 0.0, []
    for point in sorted(points, key=lambda point: point.training):
        best = max(best, point.quality.all_classes)
        if point.training >= _STABLE_AFTER_S:
            drops.append(best - point.quality.all_classes)
    return max(drops, default=None)


def _curves(found: Report) -> str:
    marks = sorted({*(mark for mark in TRAINED_MARKS if mark < found.seconds), found.seconds})
    header = ["set", "method", "seeds", "first answer, training seconds", "its Dice"]
    header += [f"Dice at {mark:g} s" for mark in marks]
    header += [f"without background at {marks[-1]:g} s", f"largest drop after {_STABLE_AFTER_S:g} s", "of dense"]
    rows = []
    for name, title in dict.fromkeys((curve.set, curve.title) for curve in found.curves):
        same = [curve for curve in found.curves if (curve.set, curve.title) == (name, title)]
        rows.append([name, title, str(len(same)), *_numbers(found, same, marks)])
    return table(header, rows)


def _corrections(found: Report) -> str:
    """Return how well corrections settle, either hand below the other."""
    header = ["set", "method that was corrected", "seeds", "of dense at the end", "largest drop"]
    header += ["of dense after half the strokes", f"strokes to {_NEARLY:g} of dense", "right at once", "wrong labels"]
    rows = []
    for name, title in dict.fromkeys((hand.set, hand.title) for hand in found.hands):
        hands = [hand for hand in found.hands if (hand.set, hand.title) == (name, title)]
        curves = [curve for curve in found.curves if (curve.set, curve.title) == (name, title)]
        rows.append([name, title, str(len(curves)), *_settling(found, curves), *_labels(hands)])
    return table(header, rows)


def _settling(found: Report, curves: Sequence[Curve]) -> list[str]:
    dense = [_dense_dice(found, curve) for curve in curves]
    halves = [after_half(curve.points) for curve in curves]
    at_half = [half.quality.all_classes / d if half and d else None for half, d in zip(halves, dense, strict=True)]
    near = [strokes_to_reach(c.points, _NEARLY * d) if d else None for c, d in zip(curves, dense, strict=True)]
    return [
        _spread([_share_of_dense(found, curve, found.seconds) for curve in curves]),
        _spread([largest_drop(curve.points) for curve in curves]),
        _spread(at_half),
        _spread(near, "{:.0f}"),
    ]


def _labels(hands: Sequence[Hands]) -> list[str]:
    return [
        _spread([float(np.mean(hand.right_at_once)) if hand.right_at_once else None for hand in hands]),
        _spread([100 * hand.wrong for hand in hands], "{:.1f} %"),
    ]


def _numbers(found: Report, same: Sequence[Curve], marks: Sequence[float]) -> list[str]:
    first = [curve.points[0] if curve.points and _is_first(curve) else None for curve in same]
    ends = [_at(curve.points, marks[-1]) for curve in same]
    learns = same[0].method in ("network", "scratch")
    return [
        _spread([point.training if point else None for point in first], "{:.1f}") if learns else "",
        _dices(first),
        *(_dices([_at(curve.points, mark) for curve in same]) for mark in marks),
        _spread([end.quality.without_background if end else None for end in ends]),
        _spread([largest_drop(curve.points) for curve in same]) if learns or same[0].method == DENSE else "",
        _spread([_share_of_dense(found, curve, marks[-1]) for curve in same]) if learns else "",
    ]


def _is_first(curve: Curve) -> bool:
    return curve.method in ("network", "scratch", "forest")


def _share_of_dense(found: Report, curve: Curve, mark: float) -> float | None:
    mine, whole = _at(curve.points, mark), _dense_dice(found, curve, mark)
    return mine.quality.all_classes / whole if mine and whole else None


def _dense_dice(found: Report, curve: Curve, mark: float | None = None) -> float | None:
    """Return the Dice of the same network on dense labels, at a mark or (None) at the end of the session."""
    for other in found.curves:
        if (other.set, other.seed, other.method) == (curve.set, curve.seed, DENSE):
            whole = _at(other.points, found.seconds if mark is None else mark)
            return whole.quality.all_classes if whole else None
    return None


def _at(points: Sequence[Point], mark: float) -> Point | None:
    near = [point for point in points if abs(point.training - mark) <= _NEAR_S]
    return min(near, key=lambda point: abs(point.training - mark), default=None)


def _dices(points: Sequence[Point | None]) -> str:
    return _spread([_dice(point.quality if point else None) for point in points])


def _dice(quality: Quality | None) -> float | None:
    return quality.all_classes if quality else None


def _spread(values: Sequence[float | None], shape: str = "{:.3f}") -> str:
    """Return the median, and the smallest and largest of several."""
    known = [value for value in values if value is not None]
    if not known:
        return _UNKNOWN
    several = f" [{shape.format(min(known))}, {shape.format(max(known))}]" if len(known) > 1 else ""
    missing = f" ({len(values) - len(known)} without)" if len(known) < len(values) else ""
    return f"{shape.format(float(np.median(known)))}{several}{missing}"


def _hands(hands: Sequence[Hands]) -> str:
    header = ["set", "method that was corrected", "strokes", "annotation seconds", "wall seconds", "labelled"]
    rows = []
    for name, title in dict.fromkeys((hand.set, hand.title) for hand in hands):
        same = [hand for hand in hands if (hand.set, hand.title) == (name, title)]
        rows.append(
            [
                name,
                title,
                _spread([float(hand.strokes) for hand in same], "{:.0f}"),
                _spread([hand.annotation for hand in same], "{:.1f}"),
                _spread([hand.wall for hand in same], "{:.0f}"),
                _spread([100 * hand.labelled for hand in same], "{:.2f} %"),
            ]
        )
    return table(header, rows)


def _duels(duels: Sequence[Duel]) -> str:
    header = ["set", "rival and its rate", "equal", "our training seconds", "our steps", "our Dice"]
    header += ["rival's steps", "rival's training seconds", "rival's Dice"]
    rows = []
    keys = dict.fromkeys((duel.set, duel.rival, duel.unit, round(duel.mark / 5) * 5, duel.remark) for duel in duels)
    for key in keys:
        same = [d for d in duels if (d.set, d.rival, d.unit, round(d.mark / 5) * 5, d.remark) == key]

        def show(value: Callable[[Duel], float], shape: str = "{:.0f}", runs: Sequence[Duel] = same) -> str:
            return _spread([value(duel) for duel in runs], shape)

        rows.append(
            [
                *key[:3],
                f"{key[3]} s",
                show(lambda duel: duel.our_steps),
                show(lambda duel: duel.ours.all_classes, "{:.3f}"),
                show(lambda duel: duel.their_steps) + key[4],
                show(lambda duel: duel.their_seconds),
                show(lambda duel: duel.theirs.all_classes, "{:.3f}"),
            ]
        )
    return table(header, rows)


def _live(found: Report) -> str:
    header = [
        "real process, set",
        "seeds",
        "first answer",
        "its Dice on the painted image",
        "forest's",
        "forest's time",
    ]
    header += ["peak memory"]
    rows = []
    for name in dict.fromkeys(live.set for live in found.live):
        same = [live for live in found.live if live.set == name]
        rows.append(
            [
                f"{name}, 512 x 512",
                str(len(same)),
                _spread([live.seconds for live in same], "{:.2f} s"),
                _spread([_dice(live.network) for live in same]),
                _spread([_dice(live.forest) for live in same]),
                _spread([live.forest_seconds for live in same], "{:.1f} s"),
                _spread([None if live.memory is None else live.memory / 2**20 for live in same], "{:.0f} MiB"),
            ]
        )
    if found.memory is not None:
        rows.append(["usiigaci-phc, 1024 x 1024", "1", "", "", "", "", f"{found.memory / 2**20:.0f} MiB"])
    return table(header, rows)


def _careless(found: Report) -> str:
    if not any(hand.careless for hand in found.hands):
        return ""
    return (
        "The careless hand makes one to five first strokes of each class, strays from its way, keeps its brush where a "
        "thing is thinner, and spills over; how much, the seed decides. Right at once: of a correction's pixels whose "
        "label is true, those that the first prediction by a network that has seen it has right. "
    )


def _note(found: Report, seeds: Sequence[int]) -> str:
    seen = " The package's own base weights may have seen these sets." if found.base_has_seen else ""
    return (
        f"Mean-class Dice (background included) over whole test images; medians over the seeds "
        f"{', '.join(map(str, seeds))}, smallest and largest in brackets. Two training images, shown by turns; "
        f"{FIRST_STROKES} first strokes per class on the first one, then corrections of the largest visible error of "
        f"at least {SMALLEST_ERROR:g} square px, {VISIT} a visit, each {found.pause:g} s after the answer to the one "
        f"before, until {100 * found.budget:g} % of the pixels are painted. {_careless(found)}Hand: {SPEED:g} px/s, "
        f"{SEARCH_S:g} s of search before each stroke, {RATE_HZ:g} Hz, strokes of at most {STROKE_LENGTH} px with a "
        f"brush of {BRUSH_WIDTH} px, in px of a screen on which an image's longer side has {WINDOW} px. Training "
        f"seconds begin with the stroke that makes two classes; annotation seconds are those of searching and "
        f"painting. The curves come from the worker's engine in one process with a clock that counts its processor "
        f"time and stands still while the network is tested, the table of the real process from the worker's own in "
        f"real time. The forest learns anew at each mark from the strokes so far. 'network' begins with base weights, "
        f"'scratch' without, 'dense' is the network on labels of every pixel of the two images.{seen} One thread for "
        f"every method (OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}), one after the other. Images are "
        f"cropped to {LARGEST_SIDE} px. {machine('torch', 'scikit-learn', 'scikit-image')}."
    )
