"""Laws of too little memory: less is asked for, one thing after the other, and no pixel and no stroke is lost by it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device, is_device_lost, is_out_of_memory
from napari_unet.network.inference import Predictor
from napari_unet.network.unet import Architecture, build
from napari_unet.packaging import prediction_files
from napari_unet.prediction.plane import predict_probabilities, resumable_plane
from napari_unet.prediction.resumable import run_to_end
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.protocol.message import Message
from napari_unet.training.learner import Learner
from napari_unet.training.memory_limits import MemoryLimits
from napari_unet.training.trainer import Trainer
from napari_unet.worker.engine import Engine

CPU = Device("cpu", "CPU", False)
SMALL = Settings(tile=128, batch=4, width=4, prediction_tile=128)
FULL: list[Exception] = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    MemoryError("Unable to allocate 9 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    RuntimeError("could not create a primitive"),
    RuntimeError("could not create a memory object"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
]
LOST: list[Exception] = [
    RuntimeError("CUDA error: device-side assert triggered"),
    RuntimeError("CUDA error: no kernel image is available for execution on the device"),
    RuntimeError("CUDA driver error: unknown error"),
]


@pytest.fixture
def drawing() -> Drawing:
    """Draw strokes of two classes on noise."""
    labels = np.zeros((150, 200), np.uint8)
    labels[5:9, 5:190], labels[80:90, 5:190] = 1, 2
    pixels = np.random.default_rng(0).integers(0, 99, labels.shape, np.uint8)
    return Drawing(Image("drawn", pixels, "yx"), labels, settings=SMALL)


def failing(times: int, error: Exception, do: Callable[..., Any]) -> Callable[..., Any]:
    """A function that fails so often before it does what it should."""
    left = [times]

    def sometimes(*arguments: Any, **named: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise error
        return do(*arguments, **named)

    return sometimes


@pytest.mark.parametrize("error", FULL, ids=lambda error: str(error)[:20])
def test_a_full_memory_is_known(error: Exception) -> None:
    """In the words of every device; it is not a device that is lost."""
    assert is_out_of_memory(error)
    assert not is_device_lost(error)


@pytest.mark.parametrize("error", LOST, ids=lambda error: str(error)[12:30])
def test_a_lost_device_is_known(error: Exception) -> None:
    """Only a new process helps; asking for less does not."""
    assert is_device_lost(error)
    assert not is_out_of_memory(error)


OTHERS = [
    ValueError("out of memory"),
    RuntimeError("shape mismatch"),
    RuntimeError("could not create a primitive descriptor for a matmul primitive"),
    KeyError("x"),
]


@pytest.mark.parametrize("error", OTHERS)
def test_other_errors_are_neither(error: Exception) -> None:
    """A mistake is not answered by smaller tiles."""
    assert not is_out_of_memory(error)
    assert not is_device_lost(error)


def test_batch_tile_precision_device() -> None:
    """In turn, each as far down as it goes, and then nothing is left; settings are only bounded."""
    memory_limits: MemoryLimits | None = MemoryLimits(Device("cuda", "GPU", False))
    seen = []
    while memory_limits is not None:
        now = memory_limits.applied(SMALL)
        seen.append(
            (now.batch, now.tile, now.prediction_tile, memory_limits.device.kind, memory_limits.device.bfloat16)
        )
        found = memory_limits.tighter(SMALL)
        last, memory_limits = memory_limits, found[0] if found else None
    assert [entry[:4] for entry in seen] == [
        (4, 128, 128, "cuda"), (2, 128, 128, "cuda"), (1, 128, 128, "cuda"), (1, 64, 64, "cuda"), (1, 64, 64, "cuda"),
        (1, 64, 64, "cpu"),
    ]  # fmt: skip
    assert [entry[4] for entry in seen[:5]] == [False, False, False, False, True]
    assert last.applied(Settings(batch=1, tile=64)).learning_rate == SMALL.learning_rate


def test_a_precision_that_was_asked_for_stays() -> None:
    """Whoever asks for float32 is not given half of it where the memory is short, but the CPU."""
    memory_limits = MemoryLimits(Device("cuda", "GPU", False, "float32"), batch=1, tile=64, prediction_tile=64)
    found = memory_limits.tighter(SMALL)
    assert found is not None
    assert (found[0].device.kind, found[0].device.bfloat16) == ("cpu", False)


@pytest.mark.parametrize("error", FULL[:3], ids=lambda error: type(error).__name__)
def test_training_goes_on_with_less(project: Project, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Two steps that do not fit cost two notices and no weight; the third learns, with a quarter of the tiles."""
    learner = Learner(project, CPU)
    learner.step()
    assert learner.trainer is not None
    monkeypatch.setattr(Trainer, "step", failing(2, error, Trainer.step))
    losses = [learner.step() for _ in range(3)]
    assert np.isnan(losses[:2]).all()
    assert np.isfinite(losses[2])
    assert (learner.settings.batch, learner.settings.tile) == (1, 128)
    assert [line[:6] for line in learner.notices] == ["NU-T04"] * 2
    project.settings.write(Settings(tile=96, batch=8, width=4))
    learner.refresh()
    assert (learner.settings.batch, learner.settings.tile) == (1, 96)


def test_when_nothing_is_left_it_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory that is never enough ends in one NU-T03, not in a loop."""
    learner = Learner(project, CPU)
    monkeypatch.setattr(Trainer, "step", failing(1000, MemoryError(), Trainer.step))
    assert all(np.isnan(learner.step()) for _ in range(3))
    with pytest.raises(UserError, match=r"^NU-T03: "):
        learner.step()
    assert len(learner.notices) == 3


def test_a_device_that_is_too_small_is_left(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step goes to the CPU, with the network and what was learned."""
    learner = Learner(project, CPU, memory_steps=3)
    for _ in range(3):
        learner.step()
    learner.show_newest(score=True)
    monkeypatch.setattr(Device, "torch_device", torch.device("cpu"))
    learner.device_settings.limits = MemoryLimits(Device("cuda", "GPU", True), 1, 64, 64)
    learner.device = learner.device_settings.limits.device
    assert learner.trainer is not None
    steps, weights = learner.trainer.step_count, learner.trainer.checkpoint().network_weights
    learner.tighten_memory_limits()
    assert learner.device.kind == "cpu"
    assert "cuda, which failed" in learner.device.reason
    assert learner.trainer.step_count == steps
    for name, tensor in learner.trainer.checkpoint().network_weights.items():
        torch.testing.assert_close(tensor, weights[name])
    assert np.isfinite(learner.step())


def test_halves_change_no_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plane that was predicted in the parts that fit is the plane predicted at once."""
    torch.manual_seed(0)
    network = build(Architecture(channels=1, classes=2, width=4, depth=2)).eval()
    predictor = Predictor(network, (1, 2), CPU)
    pixels = np.random.default_rng(0).normal(size=(150, 270, 1)).astype(np.float32)
    whole, sure = run_to_end(resumable_plane(predictor, pixels, 512)), predict_probabilities(predictor, pixels, 512)
    branches = Predictor.branches

    def fitting(self: Predictor, plane: np.ndarray, region: Region) -> torch.Tensor:
        if max(region.shape) > 100:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return branches(self, plane, region)

    monkeypatch.setattr(Predictor, "branches", fitting)
    np.testing.assert_array_equal(run_to_end(resumable_plane(predictor, pixels, 512)), whole)
    np.testing.assert_allclose(predict_probabilities(predictor, pixels, 512), sure, atol=1e-4)
    monkeypatch.setattr(Predictor, "branches", failing(10**6, MemoryError(), branches))
    with pytest.raises(MemoryError):
        run_to_end(resumable_plane(predictor, pixels, 512))


def test_the_engine_does_again_what_did_not_fit(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Tiles on screen and an export come all the same, in smaller pieces, and the user reads why."""
    engine, sent = engine_with_network(project)
    engine.receive(m.Look(1, 1, 0, Region(0, 0, 150, 200)))
    monkeypatch.setattr(Predictor, "branches", failing(3, FULL[0], Predictor.branches))
    engine.receive(m.Export((1,), str(tmp_path / "out"), ("tiff",)))
    sent.clear()
    work_to_the_end(engine)
    exported = [message for message in sent if isinstance(message, m.Exported)]
    assert len(exported) == 1
    assert Path(exported[0].paths[0]).is_file()
    covered = np.zeros((150, 200), int)
    for message in sent:
        if isinstance(message, m.Tile):
            covered[message.region.slices] += 1
    assert (covered == 1).all()
    assert not any(isinstance(message, m.Failed) for message in sent)


def test_an_export_that_never_fits_ends(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After a second try, with one line; training keeps what it has, and an image that fits is written all the same."""
    engine, sent = engine_with_network(project)
    small = project.add_image(Image("small", np.zeros((20, 30), np.float32), "yx"))

    def whole(predictor: Predictor, planes: NormalisedPlanes, *arguments: Any, **named: Any) -> Any:
        if planes.image.height > 20:
            raise MemoryError("Unable to allocate 40 GiB")
        return predict(predictor, planes, *arguments, **named)

    predict = prediction_files.resumable_mask
    monkeypatch.setattr(prediction_files, "resumable_mask", whole)
    sent.clear()
    engine.receive(m.Export((1, small.id), str(tmp_path / "out"), ("tiff",)))
    work_to_the_end(engine)
    (exported,) = [message for message in sent if isinstance(message, m.Exported)]
    assert [Path(path).name for path in exported.paths if path.endswith(".tif")] == ["small.tif"]
    told = [message.line[:6] for message in sent if isinstance(message, m.Noticed | m.Failed)]
    assert told.count("NU-E13") == 1
    engine.receive(m.Export((1,), str(tmp_path / "out"), ("tiff",)))
    with pytest.raises(UserError, match=r"^NU-E13: "):
        work_to_the_end(engine)
    assert not engine.has_work
    engine.receive(m.Train(on=True))
    assert engine.has_work


def engine_with_network(project: Project) -> tuple[Engine, list[Message]]:
    """Return an engine that has trained a little and trains no more, and what it says."""
    sent: list[Message] = []
    engine = Engine(sent.append, CPU)
    engine.receive(m.Open(str(project.folder), base="none"))
    engine.receive(m.Train(on=True))
    for _ in range(3):
        engine.work()
    engine.receive(m.Train(on=False))
    return engine, sent


def work_to_the_end(engine: Engine) -> None:
    """Work until nothing is left to do."""
    while engine.has_work:
        engine.work()
