"""Records of what the estimated Dice is made from beside the true Dice, one for each class of each image."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.annotator_session import Plan, Session
from benchmarks.annotator_worker import SteppedWorker
from benchmarks.sets import LabelledSet, Picture, choose_pictures
from benchmarks.simulated_strokes import add_strokes, painted, strokes_over
from benchmarks.sloppy_hand import drawn_carelessness
from napari_unet.config import Settings
from napari_unet.evaluation.scores import confusion, dice
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.network.base import base_weights
from napari_unet.network.device import choose_device
from napari_unet.network.inference import Predictor
from napari_unet.prediction.mask import predict_mask
from napari_unet.project.project import Project
from napari_unet.training.learner import Learner

CORRECTED_S = (8.0, 16.0, 25.0, 40.0, 60.0, 90.0)  # seconds of training after which a network is judged
_PAUSE_S = 5.0  # from an answer to the next correction
_BUDGET = 0.02  # share of the pixels that corrections may label
_OTHERS = 3  # images that nothing was painted on
_TILE = 512


class Run(NamedTuple):
    """Hold a network that has learned from simulated strokes.

    Attributes
    ----------
    labelled : painted pixels by class index
    held_out : Dice on held-out strokes by class id
    training, others : the images that were painted, and others of the set
    """

    learner: Learner
    labelled: list[int]
    held_out: dict[int, float | None]
    training: list[Picture]
    others: list[Picture]

    @property
    def predictor(self) -> Predictor:
        """The network that is shown."""
        predictor = self.learner.predictor
        if predictor is None:
            raise RuntimeError("nothing was trained")
        return predictor


@contextmanager
def learned(
    labelled_set: LabelledSet,
    seed: int,
    strokes: int,
    seconds: float = 0.0,
    *,
    settings: Settings | None = None,
    base: str = "auto",
) -> Iterator[Run]:
    """Give the first answer to so many strokes per class and image, or the one after so many seconds of training.

    Parameters
    ----------
    settings : of the project; the defaults where None
    base : as ``base_weights`` takes it
    """
    training, others = choose_pictures(labelled_set, seed)
    classes = len(labelled_set.classes)
    labels = [
        painted(strokes_over(picture.truth, classes, [seed, number], count=strokes), picture.truth)
        for number, picture in enumerate(training)
    ]
    labelled = [int(sum((each == k + 1).sum() for each in labels)) for k in range(classes)]
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "honesty.unet") as project:
        project.settings.write(settings or Settings())
        for picture, painting in zip(training, labels, strict=True):
            add_strokes(project, picture.image, painting, labelled_set.classes)
        learner = Learner(project, choose_device("cpu"), seed, base_weights(base))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            learner.step()
        score = learner.show_newest(score=True)
        held_out = {each.class_id: each.dice for each in score.classes} if score else {}
        yield Run(learner, labelled, held_out, training, others[:_OTHERS])


def collect(
    labelled_set: LabelledSet, seed: int, strokes: int, seconds: float, *, settings: Settings, base: str
) -> Iterator[dict[str, Any]]:
    """Yield a record for each class of each image, after the first answer or after so many seconds of training."""
    of = {"set": labelled_set.name, "seed": seed, "strokes": strokes, "seconds": seconds}
    with learned(labelled_set, seed, strokes, seconds, settings=settings, base=base) as run:
        yield from records_of(run, of)


def records_of(run: Run, of: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a record for each class of each image of a run, which begins with what the run is of."""
    strokes = run.learner.annotations.strokes()
    for is_painted, pictures in ((True, run.training), (False, run.others)):
        for picture in pictures:
            for record in answer(run.predictor, picture):
                held_out = run.held_out.get(record["class"] + 1)
                evidence = {"painted": is_painted, "labelled": run.labelled[record["class"]], "held_out": held_out}
                yield {**of, **evidence, "painted_strokes": strokes, "mistaken": 0.0, **record}


def corrected(labelled_set: LabelledSet, seed: int, *, careless: bool, base: str) -> Iterator[dict[str, Any]]:
    """Yield records of a network that is corrected while it trains, as in the benchmark ``annotator``.

    They are of ``CORRECTED_S`` seconds of processor time after the first answer.

    Parameters
    ----------
    careless : whether the hand strays and spills over
    """
    training, others = choose_pictures(labelled_set, seed)
    hand = drawn_carelessness(np.random.default_rng([seed, 2])) if careless else None
    plan = Plan(CORRECTED_S[-1], CORRECTED_S, _PAUSE_S, _BUDGET, base, hand)
    worker, found = SteppedWorker(), []

    def examine() -> None:
        predictor = worker.predictor
        # The session adds its images in this order, and their ids count from 1; another id has no strokes.
        shown = [*enumerate(training, start=1), *((0, picture) for picture in others[:_OTHERS])]
        for image_id, picture in shown:
            evidence = worker.evidence(image_id)
            if predictor is None or evidence is None:
                raise RuntimeError("nothing was trained")
            for record in answer(predictor, picture):
                k = predictor.class_ids.index(record["class"] + 1)
                found.append({
                    "set": labelled_set.name, "seed": seed, "strokes": "careless" if careless else "exact",
                    "seconds": round(worker.now), "painted": evidence.is_painted, "labelled": evidence.labelled[k],
                    "painted_strokes": evidence.strokes, "mistaken": evidence.mistaken, "held_out": None, **record,
                })  # fmt: skip

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "honesty.unet"
        Session(labelled_set, training, worker, path, seed, plan, examine).run()
        worker.close()
    yield from found


def answer(predictor: Predictor, picture: Picture) -> Iterator[dict[str, Any]]:
    """Yield the sums and the true Dice of each class that is in the image and is shown somewhere."""
    predictor.estimate_anew()
    mask = predict_mask(predictor, NormalisedPlanes(picture.image), _TILE)[0]
    sums = predictor.take_sums()
    true = dice(confusion(picture.truth, mask, [class_id - 1 for class_id in predictor.class_ids]))
    for k, class_id in enumerate(predictor.class_ids):
        if np.isfinite(true[k]) and sums.shown[k]:
            yield {
                "class": class_id - 1, "true": float(true[k]), "pixels": sums.pixels,
                "true_area": int((picture.truth == class_id - 1).sum()),
                **{name: float(values[k]) for name, values in asdict(sums).items()},
            }  # fmt: skip
