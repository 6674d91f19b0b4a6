"""A simulated annotator before the worker's own process, in real time."""

import tempfile
from pathlib import Path

from benchmarks.annotator_report import Live
from benchmarks.annotator_session import Diary, Plan, Session
from benchmarks.annotator_worker import LiveWorker
from benchmarks.quality import quality
from benchmarks.rivals.forest import train_forest
from benchmarks.sets import LabelledSet, Picture


def live_session(labelled_set: LabelledSet, pictures: list[Picture], seed: int, plan: Plan) -> tuple[Diary, int | None]:
    """Let an annotator paint before the worker's process; return also its largest memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        worker = LiveWorker(Path(folder) / "worker.log")
        try:
            diary = Session(labelled_set, pictures, worker, Path(folder) / "benchmark.unet", seed, plan).run()
            peak = worker.peak_memory
        finally:
            worker.close()
    return diary, peak


def live_result(
    labelled_set: LabelledSet, seed: int, pictures: list[Picture], diary: Diary, peak: int | None, base: str
) -> Live:
    """Compare the first answer with the forest on the same strokes, both on the image that is painted."""
    first, overlay = diary.first, diary.first_overlay
    if first is None or overlay is None:
        return Live(labelled_set.name, seed, base, None, None, None, peak)
    forest = train_forest(pictures, diary.labels(pictures, first.strokes), seed)
    mine = quality(pictures[:1], labelled_set, lambda picture: overlay - 1)
    theirs = quality(pictures[:1], labelled_set, forest.classify)
    return Live(labelled_set.name, seed, base, first.training, mine, theirs, peak, forest.seconds)
