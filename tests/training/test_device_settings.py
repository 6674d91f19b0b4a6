"""What the settings leave to the device is chosen once, told, remembered, and never takes a network away."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from drawing import Drawing

from napari_unet.config import PRESET_NAMES, Settings
from napari_unet.export.methods_paragraph import methods_paragraph
from napari_unet.images.image import Image
from napari_unet.network.base import BaseWeights, base_weights, package_base
from napari_unet.network.checkpoint import load_checkpoint, read_architecture
from napari_unet.network.device import Device
from napari_unet.network.presets import PRESETS
from napari_unet.network.unet import Architecture
from napari_unet.packaging.model_list import list_models
from napari_unet.project.project import Project
from napari_unet.training.device_settings import as_fact, beginning_of, for_device, known_fact, trained_preset
from napari_unet.training.learner import Learner

CPU, GPU, APPLE = (Device(kind, kind, bfloat16=False) for kind in ("cpu", "cuda", "mps"))
OLD = Settings(preset="fast", tile=128, batch=4)  # as projects stored the defaults before "auto"


@pytest.fixture
def drawing() -> Drawing:
    """Draw two short strokes on noise, whose right half is brighter."""
    pixels = np.random.default_rng(0).normal(0, 0.2, (96, 96)).astype(np.float32)
    pixels[:, 48:] += 1
    labels = np.zeros((96, 96), np.uint8)
    labels[40:46, 4:40], labels[40:46, 56:90] = 1, 2
    return Drawing(Image("halves", pixels, "yx"), labels, ("dark", "bright"))


@pytest.mark.parametrize(("device", "preset"), [(CPU, "fast"), (GPU, "accurate"), (APPLE, "accurate")])
def test_the_device_decides_about_what_is_left_open(device: Device, preset: str) -> None:
    """The wide network on a GPU, the other on a CPU; nothing is left open, and the reason names the GPU."""
    settings, reason = for_device(Settings(loss="dice"), device)
    assert settings.preset == preset
    assert settings.tile >= 64
    assert settings.batch >= 1
    assert settings.loss == "dice"
    assert "GPU" in reason


@pytest.mark.parametrize("device", [CPU, GPU, APPLE], ids=lambda device: device.kind)
@pytest.mark.parametrize("name", PRESET_NAMES)
def test_what_the_user_chose_stays(device: Device, name: str) -> None:
    """Network, tile and tiles per step, whatever the device and the network that is there."""
    chosen = msgspec.structs.replace(OLD, preset=name, tile=96, batch=7)
    for trained in (None, package_base(32).architecture):
        settings, reason = for_device(chosen, device, trained)
        assert settings == chosen
        assert reason == "the settings say so"


@pytest.mark.parametrize("device", [CPU, GPU], ids=lambda device: device.kind)
def test_auto_goes_on_with_the_network_that_is_there(device: Device) -> None:
    """From base weights or from scratch, with any channels, classes and context planes; other networks do not count."""
    for architecture, preset in (
        (package_base(16).architecture, "fast"),
        (replace(package_base(32).architecture, channels=3, classes=5, context_planes=1), "accurate"),
        (Architecture(channels=4, classes=3), "fast"),
        (Architecture(width=32), "accurate"),
    ):
        settings, reason = for_device(Settings(), device, architecture)
        assert settings.preset == preset
        suited, why = for_device(Settings(), device)
        # One that it would have chosen anyhow is there for the same reason, also when it has just been made.
        assert reason == (why if suited.preset == preset else "the project has it already")
    for architecture in (PRESETS["skip-sum"].architecture, Architecture(width=8)):
        assert for_device(Settings(), device, architecture) == for_device(Settings(), device)


def test_a_project_of_other_base_weights_goes_on(project: Project) -> None:
    """Begun with the weights of an earlier release and its default settings: every tensor and the steps are its own."""
    package = package_base(16)
    shaken = {name: tensor * 1.01 for name, tensor in package.network_weights.items()}
    project.settings.write(msgspec.structs.replace(OLD, tile=64, batch=1))
    before = Learner(project, CPU, base=BaseWeights(replace(package, network_weights=shaken)))
    before.step()
    before.show_newest()
    before.save()
    after = Learner(project, CPU, base=BaseWeights())
    assert before.trainer is not None
    assert after.trainer is not None
    assert not after.trainer.is_new
    assert after.trainer.step_count == 1
    expected = before.trainer.checkpoint().network_weights
    for name, tensor in after.trainer.checkpoint().network_weights.items():
        assert torch.equal(tensor, expected[name])


def test_a_network_moves_between_devices(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new project on a GPU gets the wide network; on a CPU it goes on with it, and never begins anew."""
    monkeypatch.setattr(Device, "torch_device", torch.device("cpu"))
    project.settings.write(Settings(tile=64, batch=1))
    on_gpu = Learner(project, GPU, base=BaseWeights())
    assert on_gpu.trainer is not None
    assert on_gpu.settings.preset == "accurate"
    assert on_gpu.trainer.architecture.head == "experts"
    on_gpu.show_newest()
    saved = on_gpu.save()
    assert saved is not None
    assert read_architecture(saved) == on_gpu.trainer.architecture
    on_cpu = Learner(project, CPU, base=BaseWeights())
    assert on_cpu.trainer is not None
    assert on_cpu.settings.preset == "accurate"
    assert not on_cpu.trainer.is_new


def test_the_network_says_what_it_was_trained_with(project: Project) -> None:
    """In its note and in whatever is exported, also after the project was opened again and before a step."""
    learner = Learner(project, CPU, base=BaseWeights())
    learner.show_newest()
    saved = learner.save()
    assert saved is not None
    expected = as_fact(learner.settings, CPU, "base weights")
    with_them = {"preset": "fast", "tile": 128, "batch": 4, "device": "cpu", "began_with": "base weights"}
    assert expected == {"trained_with": with_them}
    for name in ("best.json", "last.json"):
        facts = json.loads((project.models / name).read_text(encoding="utf-8"))["facts"]
        assert facts["trained_with"] == expected["trained_with"]
    again = Learner(project, CPU, base=BaseWeights())
    assert again.selection.checkpoint().facts["trained_with"] == expected["trained_with"]
    assert again.trainer is not None
    assert again.trainer.began_with == "base weights"  # whatever it would begin with anew
    assert known_fact({"trained_with": "a foreign word"}) == {}
    assert beginning_of({"trained_with": {"began_with": 3}}) == beginning_of({}) == ""
    assert trained_preset(expected) == "fast"
    assert trained_preset({"trained_with": {"preset": 3}}) == trained_preset({}) == ""


def test_a_preset_that_is_not_trained_yet_is_not_told(project: Project) -> None:
    """With a single class left, the network stays that of before whatever is chosen."""
    learner = Learner(project, CPU, base=BaseWeights())
    learner.show_newest()
    project.classes.remove(2)
    project.settings.write(Settings(preset="accurate"))
    learner.refresh()
    assert learner.settings.preset == "accurate"
    assert learner.save() is not None
    for name in ("best.json", "last.json"):
        facts = json.loads((project.models / name).read_text(encoding="utf-8"))["facts"]
        assert facts["trained_with"]["preset"] == "fast"


def test_a_network_says_of_which_other_it_began(project: Project) -> None:
    """In its note, in the list of networks and in the paragraph for the methods section."""
    first = Learner(project, CPU)
    first.show_newest()
    saved = first.save()
    assert saved is not None
    assert beginning_of(load_checkpoint(saved).facts) == "random weights"
    named = saved.rename(project.folder.parent / "first.safetensors")
    saved.with_suffix(".json").rename(named.with_suffix(".json"))
    for rest in project.models.iterdir():
        rest.unlink()
    second = Learner(project, CPU, base=base_weights(str(named)))
    second.show_newest()
    assert second.save() is not None
    (listed,) = list_models([project.folder])
    assert listed["began_with"] == "network first.safetensors"
    assert "started from network first.safetensors)" in methods_paragraph(project, None)


@pytest.mark.parametrize("content", [b"", b"no network", b"\xff" * 64])
def test_a_damaged_network_has_no_architecture(tmp_path: Path, content: bytes) -> None:
    """Whoever loads it is told; choosing the settings goes on without."""
    (tmp_path / "last.safetensors").write_bytes(content)
    assert read_architecture(tmp_path / "last.safetensors") is None
    assert read_architecture(tmp_path / "missing.safetensors") is None
