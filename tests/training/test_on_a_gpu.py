"""The job on a GPU that is pretended: no operation mixes memories, steps wait for nothing, numbers are the CPU's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from drawing import Drawing
from pretended_gpu import GPU, pretended_gpu
from squares import Clock, of, paint, rest
from torch.nn import functional

from napari_unet import api
from napari_unet.config import Settings
from napari_unet.images.tiles import Region
from napari_unet.network.base import base_weights
from napari_unet.network.device import Device, choose_device
from napari_unet.network.feature_cache import CachedPlane
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.training.learner import Learner
from napari_unet.worker.engine import Engine

SEEN = Region(0, 0, 64, 128)
# What is 0 or "auto" there follows the device.
BASE = Settings(preset="fast", tile=64, batch=2)
SCRATCH = Settings(preset="fast", tile=64, batch=2, width=4, prediction_tile=64)


@pytest.mark.parametrize(
    "mixed",
    [
        lambda there, here: there + here,
        lambda there, here: functional.conv2d(there[None, None], here[None, None]),
        lambda there, here: torch.where(there > 0, there, here),
        lambda there, here: torch.cat([there, here]),
        lambda there, here: here[there > 0],
        lambda there, here: there.numpy(),
        lambda there, here: np.asarray(there),
        lambda there, here: there.pin_memory(),
        lambda there, here: torch.rand(3, generator=torch.Generator(), device=GPU),
        lambda there, here: torch.nn.Linear(3, 3).to(GPU)(here),
    ],
)
def test_what_cuda_refuses_is_refused(mixed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Or this file would prove nothing."""
    here = torch.ones(3, 3)
    with pretended_gpu(monkeypatch), pytest.raises((RuntimeError, TypeError), match=r"device|host"):
        mixed(here.to(GPU), here)


def test_what_waits_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading numbers, in whatever way."""
    with pretended_gpu(monkeypatch) as gpu:
        there = torch.arange(3.0).to("cuda")
        assert there.device == GPU
        assert gpu.waits == []
        assert (there.sum().item(), float(there[1]), bool(there[0] > 0)) == (3, 1, False)
        assert (there[there > 0].to("cpu") + torch.ones(2)).tolist() == [2, 3]
    assert gpu.waits == ["item", "__float__", "__bool__", "__getitem__", "to"]


def learn(project: Project, device: Device, step: Callable[[Learner], float]) -> tuple[list[float], np.ndarray]:
    """Answer strokes, train, answer one more, show the newest network, and return losses and the classes it gives."""
    paint(project)
    learner = Learner(project, device, 0, base_weights("auto"))
    while learner.screen_cache.fill([(CachedPlane(1, 0), SEEN)], learner.settings, learner.device):
        pass
    learner.answer()
    losses = [step(learner) for _ in range(3)]
    labels = project.strokes.plane(1, 0)
    labels[40:44, 25:55] = 2
    project.commit(1, 0, labels)
    learner.refresh()
    losses.append(step(learner))
    learner.show_newest(score=True)
    predictor = learner.predictor
    assert predictor is not None
    predictor.estimate_anew()
    return losses, predictor.classes(learner.annotations.with_context((1, 0), 0), SEEN)


@pytest.mark.parametrize("settings", [BASE, SCRATCH])
def test_learning_on_a_gpu(
    drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """A step waits once, for what became of the one before, whose loss it tells; else all is as on the CPU."""
    waits: list[list[str]] = []

    def watched(learner: Learner) -> float:
        before = len(gpu.waits)
        loss = learner.step()
        waits.append(gpu.waits[before:])
        return loss

    with drawing.open_in(tmp_path / "cpu") as project:
        project.settings.write(settings)
        losses, classes = learn(project, Device("cpu", "", bfloat16=False), Learner.step)
    with drawing.open_in(tmp_path / "gpu") as project, pretended_gpu(monkeypatch) as gpu:
        project.settings.write(settings)
        there = choose_device()
        assert (there.kind, there.reason) == ("cuda", "GPU that is pretended")
        late, classes_there = learn(project, there, watched)
    assert waits == [["synchronize"]] * 4
    assert late == [losses[0], *losses[:2], losses[3]]
    np.testing.assert_array_equal(classes_there, classes)


def test_the_whole_job_on_a_gpu(drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train, export the project's mask, and predict a file with its probabilities."""
    image = tmp_path / "new.tif"
    tifffile.imwrite(image, np.random.default_rng(1).integers(0, 4000, (90, 130)).astype(np.uint16))

    def done(device: str) -> list[np.ndarray]:
        folder = tmp_path / device
        with drawing.open_in(folder) as project:
            project.settings.write(SCRATCH)
            paint(project)
            assert api.train(project, steps=2, device=device).device == device
            written = api.export(project, folder / "out", ["tiff"], device=device)
            model = api.load_model(project.folder, device)
        written += api.predict_file(model, image, folder / "out", probabilities=True)
        read = {".tif": tifffile.imread, ".npy": np.load}
        return [read[path.suffix](path) for path in written if path.suffix in read]

    expected = done("cpu")
    with pretended_gpu(monkeypatch):
        found = done("cuda")
    assert len(found) == len(expected) == 3
    for there, here in zip(found, expected, strict=True):
        np.testing.assert_array_equal(there, here)


def test_live_on_a_gpu(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strokes, tiles, training, scores, counts and the proposal of a rectangle, as the worker has them."""
    said: list[Any] = []
    project.settings.write(SCRATCH)
    with pretended_gpu(monkeypatch):
        engine = Engine(said.append, choose_device("cuda"), Clock())
        engine.receive(m.Open(str(project.folder)))
        engine.receive(m.Look(1, 1, 0, SEEN))
        paint(project)
        for message in (m.Train(on=True), m.Annotated()):
            engine.receive(message)
        for _ in range(25):
            engine.work()
        for message in (m.Annotated(), m.Train(on=False), m.ProposeArea(1, 1, 0, "random"), m.Suggest(1, 1, 0)):
            engine.receive(message)
        rest(engine)
    assert of(m.Failed, said) == []
    assert {type(message) for message in said} > {m.Tile, m.Progress, m.Scored, m.Estimated, m.AreaProposed}
