"""Laws of training on several devices: the same learning as on one, whatever the shares weigh."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.network.device import Device
from napari_unet.network.reading import open_network
from napari_unet.training.device_group import DeviceGroup
from napari_unet.training.device_settings import for_device

STEPS = 8
KINDS = {  # what is shared differs: a teacher's opinion and unequal shares, sums inside of a fraction
    "teacher": {"batch": 3},
    "dice": {"preset": "light", "width": 8, "batch": 4, "loss": "cross-entropy + dice", "pixel_share": 0.5},
}
SCRIPT = """
import json, sys
import msgspec
from napari_unet.project.project import Project
from napari_unet.network.base import BaseWeights
from napari_unet.network.device import Device
from napari_unet.dataset.annotated import Annotations
from napari_unet.training.device_group import ALONE, DeviceGroup
from napari_unet.training.device_settings import for_device
from napari_unet.training.starting import Start
from napari_unet.training.trainer import Trainer

folder, devices, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
cpu = Device("cpu", "", False)
with Project(folder, read_only=True) as project:
    group = DeviceGroup(devices, cpu, for_device(project.settings.read(), cpu)[0]) if devices > 1 else ALONE
    found = {}
    for name, changes in json.loads(sys.argv[4]).items():
        settings, _ = for_device(msgspec.structs.replace(project.settings.read(), **changes), cpu)
        annotations = Annotations(project)
        annotations.refresh(settings)
        trainer = Trainer(annotations, settings, cpu, Start(base=BaseWeights()), group)
        trainer.fit_head()
        losses = [trainer.step() for _ in range(steps)]
        weights = trainer.candidate().state_dict().values()
        found[name] = {"losses": losses, "weights": [float(each.double().abs().sum()) for each in weights]}
    if group.rank == 0:
        print(json.dumps(found))
"""
ASKED = """
import os, signal, sys
from napari_unet.cli.command import main
from napari_unet.cli.progress import Bar

Bar.to = lambda bar, count, note: os.killpg(0, signal.SIGTERM) if count == 3 else None
sys.exit(main())
"""


@pytest.fixture
def drawing() -> Drawing:
    """Draw squares on noise; one class has far fewer pixels, so that tiles weigh very differently."""
    pixels = np.random.default_rng(0).normal(0, 0.4, (128, 128)).astype(np.float32)
    labels = np.zeros(pixels.shape, np.uint8)
    pixels[40:80, 40:80] += 1
    labels[20:22], labels[100:102], labels[60, 55:60] = 1, 1, 2
    return Drawing(Image("squares", pixels, "yx"), labels, ("background", "square"), Settings(tile=64, batch=4))


def run(*arguments: object) -> str:
    """Standard output of a Python process, which the further processes repeat."""
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_two_processes_learn_what_one_learns(folder: Path, tmp_path: Path) -> None:
    """Loss of every step, and the weights in the end, up to the order in which numbers are added."""
    script = tmp_path / "learn.py"
    script.write_text(SCRIPT)
    one, two = (json.loads(run(script, folder, devices, STEPS, json.dumps(KINDS))) for devices in (1, 2))
    for name in KINDS:
        np.testing.assert_allclose(two[name]["losses"], one[name]["losses"], rtol=2e-3, err_msg=name)
        np.testing.assert_allclose(two[name]["weights"], one[name]["weights"], rtol=2e-3, atol=1e-4, err_msg=name)
        assert len(set(one[name]["losses"])) == STEPS


def test_the_command_line_trains_on_two(folder: Path) -> None:
    """One object on standard output, one network in the project, and nobody else writes."""
    options = ("--project", folder, "--steps", 3, "--device", "cpu", "--devices", 2, "--json")
    told: dict[str, Any] = json.loads(run("-m", "napari_unet.cli", "train", *options))
    assert (told["steps"], told["device"]) == (3, "cpu")
    assert open_network(folder).step == 3


@pytest.mark.skipif(os.name != "posix", reason="other systems have no groups of processes")
def test_two_that_are_asked_to_end_save_what_they_learned(folder: Path, tmp_path: Path) -> None:
    """As one does: a scheduler sends its signal to every process, and the first one says when all of them end."""
    script = tmp_path / "train.py"
    script.write_text(ASKED)
    options = ("train", "--project", folder, "--seconds", 250, "--device", "cpu", "--devices", 2, "--json")
    command = [sys.executable, *map(str, (script, *options))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, start_new_session=True, check=False)
    assert (done.returncode, done.stderr.count("stopping: ")) == (143, 1), done.stderr[-3000:]
    assert json.loads(done.stdout)["steps"] == 3
    assert open_network(folder).step == 3


@pytest.mark.parametrize(
    ("changes", "devices", "kind", "line"),
    [
        ({"batch": 2}, 3, "cpu", "NU-T11: 2 tiles per step cannot be shared by 3 devices"),
        ({"preset": "unet-2015-batchnorm"}, 2, "cpu", "NU-T11: the network 'unet-2015-batchnorm' has a batch norm"),
        ({}, 2, "mps", "NU-T12: there are not 2 devices of the kind mps, but 1"),
        ({"batch": 64}, torch.cuda.device_count() + 1, "cuda", "NU-T12: there are not"),
    ],
)
def test_what_cannot_be_shared_is_refused(changes: dict[str, Any], devices: int, kind: str, line: str) -> None:
    """Before any process is started."""
    device = Device(kind, "", False)
    with pytest.raises(UserError, match=f"^{line}"):
        DeviceGroup(devices, device, for_device(Settings(**changes), device)[0])


def test_without_lightning_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra, and training on one device never asks for it."""
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(UserError, match=r"^NU-T10: .*\[multi\]"):
        DeviceGroup(2, Device("cpu", "", False), Settings(preset="fast", tile=64, batch=4))
