"""Laws of the agreement of strokes with the overlay that they corrected."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.evaluation.scores import AGREEMENT_STROKES
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.network.unet import Architecture, build
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.training.agreement import Agreement
from napari_unet.worker.engine import Engine

SIDE = 320
CPU = Device("cpu", "", False)


@pytest.fixture
def drawing() -> Drawing:
    """Draw an image that is dark on the left and bright on the right."""
    pixels = np.repeat(np.array([[0.0, 1.0]], np.float32), SIDE // 2, axis=1).repeat(SIDE, axis=0)
    pixels += np.random.default_rng(0).normal(0, 0.05, pixels.shape).astype(np.float32)
    return Drawing(
        Image("halves", pixels, "yx"), settings=Settings(tile=64, width=4), classes=("background", "class 2", "class 3")
    )


def by_brightness() -> Predictor:
    """Class 1 where it is dark, class 2 where it is bright."""
    network = build(Architecture(1, 2, 4)).eval()
    network.head.weight.data.zero_()
    network.head.weight.data[1, 4] = 9  # the first intensity channel behind the features
    return Predictor(network, (1, 2), CPU)


def paint(project: Project, value: int, *slices: slice) -> None:
    """One stroke."""
    labels = project.strokes.plane(1, 0)
    labels[slices] = value
    project.commit(1, 0, labels)


def test_strokes_are_judged_by_what_was_shown(project: Project) -> None:
    """New pixels count once, held out or trained on; old ones, erased ones, test areas and new classes do not."""
    annotations = Annotations(project)
    agreement = Agreement(annotations)
    project.test_areas.replace(1, 0, [Region(300, 0, SIDE, SIDE)])

    def judged(value: int, *slices: slice) -> float | None:
        paint(project, value, *slices)
        annotations.refresh(project.settings.read())
        agreement.note(by_brightness())
        while agreement.waits:
            agreement.judge()
        return agreement.share

    assert judged(1, np.s_[10:14], np.s_[10:110]) == 1  # right
    assert judged(2, np.s_[20:24], np.s_[150:170]) == pytest.approx((1 + 0.5) / 2)  # half of it is on the dark side
    assert judged(2, np.s_[20:24], np.s_[150:170]) == pytest.approx(0.75)  # nothing new
    assert judged(0, np.s_[20:24], np.s_[150:170]) == pytest.approx(0.75)  # erased
    assert judged(3, np.s_[50:60], np.s_[50:60]) == pytest.approx(0.75)  # a class that nobody knew
    assert judged(1, np.s_[310:315], np.s_[200:300]) == pytest.approx(0.75)  # in a test area
    assert agreement.strokes == 2
    for row in range(60, 60 + 2 * AGREEMENT_STROKES, 2):
        last = judged(2, np.s_[row : row + 1], np.s_[200:240])
    assert (last, agreement.strokes) == (1, AGREEMENT_STROKES)


def test_few_networks_wait_for_their_strokes_to_be_judged(project: Project) -> None:
    """Strokes that come faster than they are judged do not fill the memory with networks; the newest are judged."""
    annotations = Annotations(project)
    agreement = Agreement(annotations)
    networks = weakref.WeakSet[torch.nn.Module]()
    for row in range(20):
        paint(project, 1 + row // 10, np.s_[5 * row : 5 * row + 2], np.s_[200:240])
        annotations.refresh(project.settings.read())
        predictor = by_brightness()
        networks.add(predictor.network)
        agreement.note(predictor)
        del predictor
    gc.collect()
    assert len(networks) == 4
    while agreement.waits:
        agreement.judge()
    assert (agreement.strokes, agreement.share) == (4, 1)  # the last ten were right


def test_the_answer_comes_before_the_judgement(project: Project) -> None:
    """A stroke is answered by a tile first; then the worker says how it agreed, and nothing before a first network."""
    project.settings.write(Settings(tile=64))
    said: list[Any] = []
    engine = Engine(said.append, CPU)
    engine.receive(m.Open(str(project.folder)))
    engine.receive(m.Train(on=True))
    engine.receive(m.Look(1, 1, 0, Region(0, 0, SIDE, SIDE)))
    paint(project, 1, np.s_[10:14], np.s_[10:110])
    paint(project, 2, np.s_[10:14], np.s_[200:300])
    engine.receive(m.Annotated())
    for _ in range(5):
        engine.work()
    assert not any(isinstance(message, m.Agreed) for message in said)
    said.clear()
    paint(project, 2, np.s_[100:104], np.s_[200:300])
    engine.receive(m.Annotated())
    for _ in range(6):  # the fit, the tile, the judgement, and objects of what was seen before in between
        engine.work()
    kinds = [type(message) for message in said]
    assert kinds.index(m.Tile) < kinds.index(m.Agreed)
    (agreed,) = (message for message in said if isinstance(message, m.Agreed))
    assert agreed.strokes == 1
    assert agreed.share is not None
    assert agreed.share > 0.9
