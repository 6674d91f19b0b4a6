"""Laws of learning: it learns, goes on as if never interrupted, and undoes what went wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from drawing import Drawing
from torch.utils._python_dispatch import TorchDispatchMode

from napari_unet.api import add_annotation, train
from napari_unet.config import PresetName, Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.errors import UserError
from napari_unet.evaluation.scores import confusion, dice
from napari_unet.images.image import Image
from napari_unet.network.base import BaseWeights
from napari_unet.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.network.unet import Architecture, build
from napari_unet.prediction.plane import resumable_plane
from napari_unet.prediction.resumable import run_to_end
from napari_unet.project.project import Project
from napari_unet.training.learner import Learner
from napari_unet.training.losses import Loss
from napari_unet.training.starting import Start, adapt_head
from napari_unet.training.trainer import Trainer

CPU = Device("cpu", "", False)
SETTINGS = Settings(preset="fast", tile=64, width=4, batch=2, learning_rate=0.01, prediction_tile=64)
SIDE = 128


def cells() -> tuple[np.ndarray, np.ndarray]:
    """Bright discs on noise, and the dense truth: 1 background, 2 disc."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    truth = np.ones((SIDE, SIDE), np.uint8)
    for cy in range(20, SIDE, 36):
        for cx in range(20, SIDE, 36):
            truth[(y - cy) ** 2 + (x - cx) ** 2 <= 10**2] = 2
    return (random.normal(0, 0.3, truth.shape) + (truth == 2)).astype(np.float32), truth


def sparse(truth: np.ndarray) -> np.ndarray:
    """A few strokes: short lines through some discs and between them."""
    strokes = np.zeros_like(truth)
    for y in (20, 56, 92):
        strokes[y : y + 2] = truth[y : y + 2]
    strokes[38:40, 10:80] = truth[38:40, 10:80]
    return strokes


@pytest.fixture
def drawing() -> Drawing:
    """Draw the cells with their strokes."""
    pixels, truth = cells()
    return Drawing(Image("cells", pixels, "yx"), sparse(truth), settings=SETTINGS)


def equal(first: Checkpoint, second: Checkpoint) -> bool:
    """Tell whether weights and the whole state of training are equal bit for bit."""
    pairs = [(first.network_weights, second.network_weights), (first.training, second.training)]
    same = [a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a) for a, b in pairs]
    return all(same) and first.facts == second.facts and first.step == second.step


def finite(checkpoint: Checkpoint) -> bool:
    """Tell whether no number in it is NaN or infinite."""
    return all(
        bool(torch.isfinite(t).all()) for t in (*checkpoint.network_weights.values(), *checkpoint.training.values())
    )


def test_a_few_strokes_teach_the_rest(annotations: Annotations) -> None:
    """From sparse strokes to a Dice above 0.9 on the dense truth, within a fixed number of steps."""
    trainer = Trainer(annotations, SETTINGS, CPU)
    pixels, truth = annotations.pixels(1)[0], cells()[1]

    def quality() -> float:
        found = run_to_end(resumable_plane(Predictor(trainer.candidate(), trainer.class_ids, CPU), pixels, 64))
        return float(dice(confusion(truth, found, (1, 2))).min())

    before = quality()
    losses = [trainer.step() for _ in range(60)]
    assert before < 0.7
    assert quality() > 0.9
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) / 2


@pytest.mark.parametrize(("preset", "averaging"), [("fast", 0.0), ("fast", 0.98), ("elu-dropout", 0.98)])
def test_resumed_equals_uninterrupted(
    annotations: Annotations, tmp_path: Path, preset: PresetName, averaging: float
) -> None:
    """Saved after three steps and resumed from the file, training gives bit for bit what it gives in one go."""
    settings = Settings(preset=preset, tile=64, batch=4, width=4, averaging=averaging)
    one, first = Trainer(annotations, settings, CPU, Start(seed=5)), Trainer(annotations, settings, CPU, Start(seed=5))
    losses = [one.step() for _ in range(6)]
    assert [first.step() for _ in range(3)] == losses[:3]
    save_checkpoint(first.checkpoint(), tmp_path / "last.safetensors")
    second = Trainer(annotations, settings, CPU, Start(99, load_checkpoint(tmp_path / "last.safetensors")))
    assert equal(first.checkpoint(), second.checkpoint())
    assert [second.step() for _ in range(3)] == losses[3:]
    assert equal(one.checkpoint(), second.checkpoint())
    assert not equal(one.checkpoint(), first.checkpoint())


def test_a_new_learning_rate_survives_a_restart(annotations: Annotations) -> None:
    """A rate that the user changed between two runs is used; one that he did not keeps its halvings."""
    before = Trainer(annotations, SETTINGS, CPU).checkpoint()
    before.facts["rate"] = SETTINGS.learning_rate / 4
    for wanted, expected in [(SETTINGS.learning_rate, SETTINGS.learning_rate / 4), (0.002, 0.002)]:
        settings = msgspec.structs.replace(SETTINGS, learning_rate=wanted)
        assert Trainer(annotations, settings, CPU, Start(checkpoint=before)).checkpoint().facts["rate"] == expected


def loss_times_nan(loss: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """A loss that is NaN."""
    return loss * torch.nan


def gradient_nan(loss: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """A finite loss with a gradient that is not: the square root at 0."""
    return loss + (logits * 0).sum().sqrt()


def spoil_losses(patch: pytest.MonkeyPatch, spoil: Callable[..., torch.Tensor]) -> None:
    """Let every loss be spoilt."""
    honest = Loss.__call__

    def spoilt(self: Loss, logits: torch.Tensor, *rest: Any) -> torch.Tensor:
        return spoil(honest(self, logits, *rest), logits)

    patch.setattr(Loss, "__call__", spoilt)


@pytest.mark.parametrize("spoil", [loss_times_nan, gradient_nan])
def test_a_diverged_step_is_undone(
    annotations: Annotations, monkeypatch: pytest.MonkeyPatch, spoil: Callable[..., torch.Tensor]
) -> None:
    """A step whose loss or gradient is not finite leaves a good network and half the rate, and training goes on."""
    trainer = Trainer(annotations, SETTINGS, CPU)
    good = trainer.checkpoint()
    rate = good.facts["rate"]
    for _ in range(3):
        trainer.step()
    with monkeypatch.context() as patch:
        spoil_losses(patch, spoil)
        assert np.isnan(trainer.step())
    after = trainer.checkpoint()
    assert finite(after)
    assert after.facts["rate"] == rate / 2
    assert all(torch.equal(after.network_weights[name], good.network_weights[name]) for name in good.network_weights)
    assert np.isfinite(trainer.step())
    assert finite(trainer.checkpoint())


@pytest.fixture
def reads_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let losses be read after the next step was begun, as on a GPU."""
    monkeypatch.setattr("napari_unet.training.step_fate.reads_later", lambda device: True)


@pytest.mark.usefixtures("reads_later")
def test_losses_read_later_are_the_same_losses(annotations: Annotations, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is told a step later, and the network learns bit for bit the same."""
    late = Trainer(annotations, SETTINGS, CPU, Start(seed=5))
    monkeypatch.setattr("napari_unet.training.step_fate.reads_later", lambda device: False)
    prompt = Trainer(annotations, SETTINGS, CPU, Start(seed=5))
    told, known = ([trainer.step() for _ in range(5)] for trainer in (late, prompt))
    assert told == [known[0], *known[:4]]
    assert equal(late.checkpoint(), prompt.checkpoint())


@pytest.mark.usefixtures("reads_later")
@pytest.mark.parametrize("spoil", [loss_times_nan, gradient_nan])
@pytest.mark.parametrize("look", [False, True])
def test_a_step_that_diverged_unseen_is_undone(
    annotations: Annotations, monkeypatch: pytest.MonkeyPatch, spoil: Callable[..., torch.Tensor], look: bool
) -> None:
    """The step after it finds out, or who asks for the network before; neither sees a number that is not finite."""
    trainer = Trainer(annotations, SETTINGS, CPU)
    good = trainer.checkpoint()
    for _ in range(3):
        trainer.step()
    with monkeypatch.context() as patch:
        spoil_losses(patch, spoil)
        assert np.isfinite(trainer.step())  # the loss of the step before
    if look:
        assert all(bool(torch.isfinite(each).all()) for each in trainer.candidate().state_dict().values())
    else:
        assert np.isnan(trainer.step())
    after = trainer.checkpoint()
    assert finite(after)
    assert after.facts["rate"] == good.facts["rate"] / 2
    assert all(torch.equal(after.network_weights[name], good.network_weights[name]) for name in good.network_weights)
    assert np.isfinite([trainer.step() for _ in range(3)]).all()
    assert finite(trainer.checkpoint())


class NothingWaits(TorchDispatchMode):
    """Refuses the operations for whose result the host waits on a GPU: numbers, and shapes that depend on numbers."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do the operation unless it is one of them."""
        name = function.overloadpacket.__name__
        if name in {"_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "bincount", "_unique2"}:
            raise AssertionError(f"{name} waits for the device")
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("pixel_share", [1.0, 0.5])
def test_a_step_waits_for_nothing(annotations: Annotations, pixel_share: float) -> None:
    """Neither the host's code nor the optimiser asks the device for a number while a step is made."""
    settings = msgspec.structs.replace(SETTINGS, pixel_share=pixel_share, consistency=1.0)
    trainer = Trainer(annotations, settings, CPU, Start(base=BaseWeights()))
    trainer.fit_head()
    for _ in range(2):
        trainer.step()
    with NothingWaits():
        assert np.isfinite([trainer.step() for _ in range(3)]).all()


def logits_of(network: torch.nn.Module) -> torch.Tensor:
    """Logits of a fixed image."""
    x = torch.linspace(-1, 1, 64 * 64).reshape(1, 1, 64, 64)
    with torch.inference_mode():
        found: torch.Tensor = network(x)
    return found


def test_classes_come_and_go_and_the_others_stay() -> None:
    """After the head is rebuilt, classes in both sets answer as before; a new one answers 0."""
    network = build(Architecture(1, 3, 4), 1).eval()
    before = logits_of(network)
    adapt_head(network, (1, 2, 5), (1, 3, 5, 7))
    after = logits_of(network)
    assert network.architecture.classes == 4
    assert torch.allclose(after[:, [0, 2]], before[:, [0, 2]], atol=1e-5)  # kernels differ in rounding
    assert not after[:, [1, 3]].any()


def test_a_new_class_gets_an_output_while_training(annotations: Annotations) -> None:
    """The first stroke of a third class widens the network, which keeps what it knows and learns on."""
    trainer = Trainer(annotations, SETTINGS, CPU)
    for _ in range(3):
        trainer.step()
    before = logits_of(trainer.candidate())
    labels = annotations.project.strokes.plane(1, 0)
    labels[100:104, 5:60] = annotations.project.add_class().id
    annotations.project.commit(1, 0, labels)
    annotations.refresh(SETTINGS)
    trainer.refresh(SETTINGS)
    after = logits_of(trainer.candidate())
    assert trainer.class_ids == (1, 2, 3)
    assert torch.allclose(after[:, :2], before, atol=1e-5)
    assert np.isfinite(trainer.step())
    annotations.project.classes.remove(2)
    trainer.refresh(SETTINGS)
    assert trainer.class_ids == (1, 3)
    assert np.isfinite(trainer.step())


def paint_two_lines(project: Project) -> None:
    """Noise with a stroke of either class."""
    image = Image("drawn", np.random.default_rng(0).integers(0, 255, (96, 96), np.uint8), "yx")
    labels = np.zeros((1, 96, 96), np.uint8)
    labels[0, 10:14, 5:90], labels[0, 70:74, 5:90] = 1, 2
    add_annotation(project, image, labels)


def test_a_damaged_checkpoint_is_set_aside_and_training_goes_on(tmp_path: Path) -> None:
    """The damaged file is kept under another name, one line tells of it, and the learner starts anew."""
    with Project(tmp_path / "p.unet") as project:
        paint_two_lines(project)
        project.models.mkdir()
        (project.models / "last.safetensors").write_bytes(b"not a network")
        learner = Learner(project, CPU)
        assert [line[:6] for line in learner.notices] == ["NU-M02"]
        (aside,) = project.models.glob("damaged-*/last.safetensors")
        assert aside.read_bytes() == b"not a network"
        assert learner.trainer is not None
        assert learner.trainer.step_count == 0


def test_a_damaged_checkpoint_stays_in_a_project_that_is_only_looked_at(tmp_path: Path) -> None:
    """It is told once, however often it is met."""
    with Project(tmp_path / "p.unet") as project:
        paint_two_lines(project)
        project.models.mkdir()
        for name in ("last.safetensors", "best.safetensors"):
            (project.models / name).write_bytes(b"not a network")
        learner = Learner(project, CPU, read_only=True)
        assert [line[:6] for line in learner.notices] == ["NU-M02", "NU-M02"]
        assert sorted(path.name for path in project.models.iterdir()) == ["best.safetensors", "last.safetensors"]


def test_nothing_of_a_deleted_project_is_made_anew(tmp_path: Path) -> None:
    """A network that is to be saved finds no folder; once that is back, it is saved there."""
    with Project(tmp_path / "p.unet") as project:
        project.settings.write(SETTINGS)
        paint_two_lines(project)
        learner = Learner(project, CPU)
        learner.step()
        learner.show_newest()
        away = project.folder.rename(tmp_path / "away")
        with pytest.raises(UserError, match=r"^NU-P24: "):
            learner.save()
        assert not project.folder.exists()
        away.rename(project.folder)
        assert learner.save() == project.models / "best.safetensors"


def test_another_network_is_started_at_once_and_shown_when_it_is_better(tmp_path: Path) -> None:
    """Choosing another preset or width needs no restart; the network on screen stays until a candidate follows it."""
    with Project(tmp_path / "p.unet") as project:
        project.settings.write(SETTINGS)
        paint_two_lines(project)
        learner = Learner(project, CPU)
        learner.step()
        learner.show_newest()
        learner.save()
        shown = learner.predictor
        for changes in ({"preset": "skip-sum"}, {"width": 8}):
            before = learner.trainer
            project.settings.write(msgspec.structs.replace(project.settings.read(), **changes))
            learner.refresh()
            assert learner.trainer is not None
            assert learner.trainer is not before
            assert learner.predictor is not None
            assert shown is not None
            assert learner.predictor.network is shown.network
            learner.step()
        architecture = learner.trainer.candidate().architecture
        assert (architecture.skip, architecture.width) == ("sum", 8)
        trainer = learner.trainer
        project.settings.write(msgspec.structs.replace(project.settings.read(), batch=1))
        learner.refresh()
        assert learner.trainer is trainer


def test_a_seed_may_be_a_number_of_numpy(project: Project) -> None:
    """A script that counts with NumPy trains as one that counts with Python."""
    assert train(project, steps=1, device="cpu", base="none", seed=np.int64(3)).steps == 1
