"""A simulated annotator before the worker: Dice against seconds of annotation and against seconds on the clock.

The annotator makes some first strokes on one of two images, and then corrects the largest error that the overlay
shows, on both images by turns. Test Dice is of whole images that are not learned from. The curves come from the
worker's engine in this process, driven with the same messages as the worker's process and with a clock that stands
still while the annotator thinks and while the network is tested. The time to the first answer and the memory come from
the real process in real time. The rivals learn from the very strokes of the first method with a network, at the
moments at which they came.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.annotator_live import live_result, live_session
from benchmarks.annotator_picture import bands, save_picture
from benchmarks.annotator_report import DENSE, Curve, Point, Report, report
from benchmarks.annotator_session import Diary, Mark, Plan, Session
from benchmarks.annotator_worker import AUTOMATIC_BASE, NO_BASE, SteppedWorker, opening
from benchmarks.quality import Quality, quality
from benchmarks.rivals.forest import train_forest
from benchmarks.rivals.root_painter import RATE, RATES, Lesson, RootPainter, train_root_painter
from benchmarks.sets import SETS, TUNING_SET, UNSEEN_SETS, LabelledSet, Picture, choose_pictures, mirrored, set_named
from benchmarks.simulated_strokes import painted, strokes_over
from benchmarks.sloppy_hand import drawn_carelessness
from napari_unet.api import add_annotation
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.network.device import set_threads
from napari_unet.prediction.mask import predict_mask
from napari_unet.project.project import Project
from napari_unet.protocol.messages import Progress, Train

METHODS = ("network", "scratch", "dense", "forest", "root-painter", "root-painter-tuned", "live", "memory")
_RIVAL_MARKS = (10.0, 30.0, 60.0, 120.0, 180.0, 240.0)
_ROOT_PAINTER_MARKS = (10.0, 30.0, 60.0)
_LIVE_SIDE = 512
_MEMORY_SIDE = 1024
_TUNING_STEPS = 100
_TEST_TILE = 512


@dataclass(frozen=True, slots=True)
class Case:
    """The images of a set for one seed."""

    set: LabelledSet
    seed: int
    training: list[Picture]
    test: list[Picture]

    @property
    def title(self) -> str:
        """Return the name of the case for messages."""
        return f"{self.set.name}, seed {self.seed}"


class Benchmark:
    """Runs what was asked for and keeps the results, with a reason for everything left out."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._marks = tuple(options.marks or marks_of(options.seconds))
        self._program = RootPainter(
            options.root_painter, options.root_painter_tile, options.root_painter_batch, options.root_painter_limit
        )
        self._tuned: float | None = options.root_painter_rate
        self.report = Report(options.seconds, options.pause, options.budget)

    def run(self, case: Case) -> None:
        """Run all methods on one set and seed."""
        followed = self._networks(case)
        if self._wants(DENSE):
            self._keep(case, DENSE, dense(case, self._plan(self._base(case.set)[0])))
        if followed is not None:
            self._rivals(case, followed)
        if self._wants("live"):
            self._live(case)

    def measure_memory(self) -> None:
        """Measure the worker's largest memory with two images of a megapixel each."""
        if not self._wants("memory"):
            return
        labelled_set = set_named("usiigaci-phc")
        pictures, _ = choose_pictures(labelled_set, 0)
        large = [mirrored(picture, _MEMORY_SIDE) for picture in pictures]
        _, peak = live_session(labelled_set, large, 0, self._live_plan(self._options.base))
        self.report.memory = peak
        self._say(f"memory: {peak}")

    def _wants(self, method: str) -> bool:
        return method in self._options.methods

    def _networks(self, case: Case) -> Diary | None:
        followed = None
        for method in ("network", "scratch"):
            if not self._wants(method):
                continue
            base, remark = self._base(case.set) if method == "network" else (NO_BASE, "")
            if remark:
                self._leave_out(case, method, remark)
                continue
            for plan in self._plans(case, base):
                diary = stepped_session(case, plan)
                self._keep(case, method, [_point(mark) for mark in _tested(diary)], careless=diary.careless)
                self.report.note_annotator(case.set.name, case.seed, method, diary)
                followed = followed or diary
        return followed

    def _plans(self, case: Case, base: str) -> list[Plan]:
        """Return the plan of the exact hand, which the rivals follow, and that of a careless one where wanted."""
        exact = self._plan(base)
        if not self._options.careless:
            return [exact]
        carelessness = drawn_carelessness(np.random.default_rng([case.seed, 2]))
        return [exact, replace(exact, carelessness=carelessness)]

    def _rivals(self, case: Case, followed: Diary) -> None:
        if self._wants("forest"):
            chosen = [mark for mark in _tested(followed) if mark is followed.first or self._is_rival_mark(mark)]
            self._keep(case, "forest", [forest_point(case, followed, mark) for mark in chosen])
        for method in ("root-painter", "root-painter-tuned"):
            if self._wants(method):
                self._root_painter(case, followed, method)

    def _is_rival_mark(self, mark: Mark) -> bool:
        ends = self._options.seconds
        return any(abs(mark.training - wanted) < 1.5 for wanted in (*_RIVAL_MARKS, ends) if wanted <= ends)

    def _root_painter(self, case: Case, followed: Diary, method: str) -> None:
        reason = self._program.obstacle
        if not reason and len(case.set.classes) > 2:
            reason = f"it has one foreground class and the set has {len(case.set.classes)} classes"
        if reason:
            self._leave_out(case, method, reason)
            return
        self.report.root_painter = self._program.settings
        rate = RATE if method == "root-painter" else self._tuned_rate()
        marks = _nearest(followed.marks, [*_ROOT_PAINTER_MARKS, self._options.seconds])
        for unit in ("seconds", "steps"):
            lesson = lesson_of(case, followed, marks, unit)
            reached, problem = train_root_painter(self._program, lesson, case.test, rate, case.seed)
            points = []
            for answer, mark in zip(reached, marks, strict=False):
                found = _quality_of_masks(case, answer.masks)
                remark = "" if answer.on_time else " (limit)"
                self.report.add_duel(
                    case.set.name, f"{method} {rate:g}", unit, mark, answer.steps, answer.seconds, found, remark
                )
                if answer.on_time:
                    place = (mark.wall, mark.training, mark.annotation, answer.steps, mark.strokes)
                    points.append(Point(*place, found, answer.seconds))
            self._keep(case, method if unit == "seconds" else f"{method}, equal steps", points)
            if problem:
                self._leave_out(case, f"{method}, equal {unit}", problem)

    def _tuned_rate(self) -> float:
        if self._tuned is None:
            found = {rate: tuning_quality(self._program, rate) for rate in RATES}
            self.report.tuning = found
            self._say(f"tuning: {found}")
            self._tuned = max(found, key=lambda rate: found[rate])
        return self._tuned

    def _live(self, case: Case) -> None:
        base, remark = self._base(case.set)
        if remark:
            base = NO_BASE
        pictures = [mirrored(picture, _LIVE_SIDE) for picture in case.training]
        diary, peak = live_session(case.set, pictures, case.seed, self._live_plan(base))
        self.report.live.append(live_result(case.set, case.seed, pictures, diary, peak, base))
        self._say(f"{case.title}, live: {self.report.live[-1]}")

    def _base(self, labelled_set: LabelledSet) -> tuple[str, str]:
        """Return what a network starts from, and why it cannot ("" when it can)."""
        if self._options.base_folder is not None:
            path = self._options.base_folder / f"{labelled_set.name}.safetensors"
            if not path.is_file():
                return NO_BASE, f"there are no base weights that have not seen the set ({path} is missing)"
            base = str(path.absolute())
        else:
            base = self._options.base
        if base == AUTOMATIC_BASE and labelled_set not in UNSEEN_SETS:
            self.report.base_has_seen = True
        return base, ""

    def _plan(self, base: str) -> Plan:
        return Plan(self._options.seconds, self._marks, self._options.pause, self._options.budget, base)

    def _live_plan(self, base: str) -> Plan:
        return Plan(self._options.live_seconds, (), self._options.pause, self._options.budget, base)

    def _keep(self, case: Case, method: str, points: list[Point], *, careless: bool = False) -> None:
        curve = Curve(case.set.name, case.seed, method, points, careless)
        self.report.curves.append(curve)
        if points:
            last = points[-1]
            self._say(f"{case.title}, {curve.title}: {last.quality.all_classes:.3f} after {last.training:.0f} s")

    def _leave_out(self, case: Case, method: str, reason: str) -> None:
        self.report.left_out.append(f"{case.title}, {method}: {reason}")
        self._say(f"left out: {self.report.left_out[-1]}")

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def marks_of(seconds: float) -> tuple[float, ...]:
    """Return a mark for every 5 s of the first minute, then for every 20 s, and for the end."""
    regular = [*range(5, 61, 5), *range(80, int(seconds) + 1, 20)]
    return tuple(float(mark) for mark in sorted({*(m for m in regular if m <= seconds), seconds}))


# The network


def stepped_session(case: Case, plan: Plan) -> Diary:
    """Let an annotator paint before the engine in this process."""
    planes = {id(picture): NormalisedPlanes(picture.image) for picture in case.test}
    worker = SteppedWorker()
    with tempfile.TemporaryDirectory() as folder:
        session = Session(
            case.set,
            case.training,
            worker,
            Path(folder) / "benchmark.unet",
            case.seed,
            plan,
            lambda: examined(worker, case, planes),
        )
        diary = session.run()
        worker.close()
    return diary


def examined(worker: SteppedWorker, case: Case, planes: dict[int, NormalisedPlanes]) -> Quality | None:
    """Return the quality of the network that is shown on the test images, or None without one."""
    predictor = worker.predictor
    if predictor is None:
        return None
    return quality(case.test, case.set, lambda picture: predict_mask(predictor, planes[id(picture)], _TEST_TILE)[0])


def dense(case: Case, plan: Plan) -> list[Point]:
    """Train the same network on labels of every pixel of the same two images."""
    planes = {id(picture): NormalisedPlanes(picture.image) for picture in case.test}
    worker, points, step = SteppedWorker(), [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "benchmark.unet"
        with Project(folder) as project:
            for picture in case.training:
                add_annotation(project, picture.image, (picture.truth + 1)[np.newaxis], case.set.classes)
        worker.send(opening(folder, case.seed, plan.base))
        worker.begin()
        worker.send(Train(on=True))
        for mark in plan.marks:
            while worker.now < mark:
                step = max([step, *(said.step for said in worker.advance(mark) if isinstance(said, Progress))])
            found = examined(worker, case, planes)
            if found is not None:
                points.append(Point(worker.now, worker.now, 0.0, step, 0, found))
        worker.close()
    return points


def _tested(diary: Diary) -> list[Mark]:
    marks = [*diary.marks, *([diary.first] if diary.first else [])]
    return sorted((mark for mark in marks if mark.quality is not None), key=lambda mark: mark.training)


def _point(mark: Mark) -> Point:
    assert mark.quality is not None
    return Point(mark.wall, mark.training, mark.annotation, mark.step, mark.strokes, mark.quality)


# The rivals


def forest_point(case: Case, followed: Diary, mark: Mark) -> Point:
    """Return the point of the forest that learns from the strokes that were there at a mark."""
    forest = train_forest(case.training, followed.labels(case.training, mark.strokes), case.seed)
    found = quality(case.test, case.set, forest.classify)
    return Point(mark.wall, mark.training, mark.annotation, mark.step, mark.strokes, found, forest.seconds)


def lesson_of(case: Case, followed: Diary, marks: Sequence[Mark], unit: str) -> Lesson:
    """Return the strokes of a session at the moments at which they came, in steps or in seconds of training."""
    labels = followed.labels(case.training, 0)
    revisions = []
    for done in followed.strokes:
        labels = labels[:]
        labels[done.image] = np.maximum(labels[done.image], painted([done.stroke], case.training[done.image].truth))
        revisions.append(labels)
    moments = [float(done.step) if unit == "steps" else done.training for done in followed.strokes]
    wanted = [float(mark.step) if unit == "steps" else mark.training for mark in marks]
    # It begins when there are two classes; what came before is there from the start.
    return Lesson(case.training, np.maximum(moments, 0).tolist(), revisions, "steps" if unit == "steps" else "seconds",
                  wanted)  # fmt: skip


def tuning_quality(program: RootPainter, rate: float) -> float:
    """Return the mean-class Dice of a rate after some steps on a set that is in no table."""
    training, test = choose_pictures(TUNING_SET, 0)
    classes = len(TUNING_SET.classes)
    labels = [painted(strokes_over(p.truth, classes, [0, n]), p.truth) for n, p in enumerate(training)]
    lesson = Lesson(training, [0.0], [labels], "steps", [_TUNING_STEPS])
    reached, _ = train_root_painter(program, lesson, test[:2], rate, 0)
    if not reached:
        return 0.0
    case = Case(TUNING_SET, 0, training, test[:2])
    return _quality_of_masks(case, reached[-1].masks).all_classes


def _quality_of_masks(case: Case, masks: Sequence[np.ndarray]) -> Quality:
    by_picture = {id(picture): mask for picture, mask in zip(case.test, masks, strict=True)}
    return quality(case.test, case.set, lambda picture: by_picture[id(picture)])


def _nearest(marks: Sequence[Mark], wanted: Sequence[float]) -> list[Mark]:
    known = [mark for mark in marks if mark.quality is not None]
    chosen = {min(range(len(known)), key=lambda k: abs(known[k].training - w)): w for w in wanted} if known else {}
    return [known[index] for index in sorted(chosen)]


def main(arguments: Sequence[str] | None = None) -> None:
    if os.environ.get("OMP_NUM_THREADS") != "1":
        raise SystemExit("run it as 'python -m benchmarks annotator', which gives every method one thread")
    options = _options(arguments)
    set_threads(1)
    benchmark = Benchmark(options)
    for labelled_set in [set_named(name) for name in options.sets]:
        for seed in options.seeds:
            benchmark.run(Case(labelled_set, seed, *choose_pictures(labelled_set, seed)))
            _save(benchmark.report, options.folder)
    benchmark.measure_memory()
    _save(benchmark.report, options.folder)
    print(report(benchmark.report, options.seeds))


def _save(results: Report, folder: Path | None) -> None:
    """Write numbers and picture so far, so that a run that is ended early is not lost."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "annotator.json").write_text(json.dumps(asdict(results), indent=1), encoding="utf-8")
    drawn = bands(results.curves)
    if drawn:
        save_picture(drawn, folder / "annotator.png")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.annotator", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="of training in a session")
    parser.add_argument("--marks", nargs="+", type=float, help="seconds of training at which networks are tested")
    parser.add_argument("--sets", nargs="+", default=[labelled_set.name for labelled_set in SETS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--base", default=AUTOMATIC_BASE, help="of the network: auto, none or a file")
    parser.add_argument("--base-folder", type=Path, help="has SET.safetensors that has not seen SET; instead of --base")
    parser.add_argument("--careless", action="store_true", help="correct with a careless hand as well as the exact one")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds from an answer to the next correction")
    parser.add_argument("--budget", type=float, default=0.02, help="share of the pixels that may be painted")
    parser.add_argument("--live-seconds", type=float, default=60.0, help="of training with the real process")
    parser.add_argument("--folder", type=Path, help="gets annotator.json and annotator.png")
    parser.add_argument("--root-painter", type=Path, help="Python of the environment that its trainer is installed in")
    parser.add_argument("--root-painter-tile", type=int, default=572, help="572 less a multiple of 16")
    parser.add_argument("--root-painter-batch", type=int, default=1, help="tiles per step")
    parser.add_argument("--root-painter-limit", type=float, default=1800.0, help="seconds for each of its trainings")
    parser.add_argument("--root-painter-rate", type=float, help="the tuned rate, where it is known already")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
