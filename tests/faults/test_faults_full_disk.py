"""F16 to F19 on disks that are really full: every writer says so in one line, and what was there stays."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from injectors import content, small_disk

from napari_unet.cli.command import main
from napari_unet.config import DEFAULT_SETTINGS, Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.errors import UserError
from napari_unet.export.formats import FORMATS, export
from napari_unet.export.mask_npy import write_array
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.images.image import Image
from napari_unet.network.checkpoint import Checkpoint, copy_checkpoint, load_checkpoint, save_checkpoint
from napari_unet.network.unet import Architecture, build
from napari_unet.packaging.model_package import write_model_package
from napari_unet.project.project import Project

STYLES = [ClassStyle("background", (0, 0, 0)), ClassStyle("cell", (255, 0, 0))]
ROOM = [0, *(4096 * 2**step for step in range(8))]  # bytes that are left to the writer
SIDE = 240


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    with small_disk(tmp_path / "disk", 4) as place:
        yield place


@pytest.fixture
def roomy_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for the networks of two times."""
    with small_disk(tmp_path / "disk", 16) as place:
        yield place


def leave(disk: Path, room: int) -> None:
    """Fill the disk but for so many bytes."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    ballast.write_bytes(bytes(max(0, shutil.disk_usage(disk).free - room)))


def told(folder: Path, disk: Path) -> str:
    """The line for the user."""
    return f"NU-E01: the disk is full and takes no file, {folder}, free some space on the disk {disk}"


def image() -> Image:
    """Noise."""
    return Image("cell", np.random.default_rng(0).integers(0, 255, (SIDE, SIDE)).astype(np.uint8), "yx")


def network() -> Checkpoint:
    """A network of some 150 kB."""
    architecture = Architecture(channels=1, classes=2, width=8, depth=2)
    weights = {name: tensor.float() for name, tensor in build(architecture).state_dict().items()}
    return Checkpoint(architecture, (1, 2), ("a", "b"), 3, weights)


def results(name: str, folder: Path) -> None:
    """An export in one format."""
    mask = np.kron(np.random.default_rng(1).integers(0, 2, (1, 48, 48)), np.ones((1, 5, 5))).astype(np.uint8)
    export(Segmentation(mask, image(), STYLES, DEFAULT_SETTINGS), folder, [name])


def copy(folder: Path) -> None:
    """The copy of the best network, which lies outside of the small disk at first."""
    with tempfile.TemporaryDirectory(dir=os.environ["HOME"]) as elsewhere:
        save_checkpoint(network(), Path(elsewhere) / "best.safetensors")
        copy_checkpoint(Path(elsewhere) / "best.safetensors", folder / "previous.safetensors")


WRITERS: dict[str, Callable[[Path], Any]] = {
    **{name: partial(results, name) for name in FORMATS},
    "checkpoint": lambda folder: save_checkpoint(network(), folder / "best.safetensors"),
    "copy": copy,
    "array": lambda folder: write_array(folder / "p.npy", np.random.default_rng(0).random((200, 200))),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_tells_a_full_disk(disk: Path, name: str) -> None:
    """However much room is left: one line that names disk and folder, no other exception, and what was there stays."""
    folder = disk / "out"
    folder.mkdir()
    (folder / "there.txt").write_text("before")
    refused = set()
    for room in ROOM:
        before = content(folder)
        leave(disk, room)
        try:
            WRITERS[name](folder)
        except UserError as error:
            refused.add(str(error))
        assert set(before) <= set(content(folder))
        assert content(folder)["there.txt"] == b"before"
    assert refused == {told(folder, disk)}
    leave(disk, 2**21)
    WRITERS[name](folder)


def test_a_model_package_tells_a_full_disk_of_temporary_files(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parts lie among the temporary files first, where writing a state dict used to end the whole process."""
    pytest.importorskip("bioimageio.spec")
    pytest.importorskip("onnxscript")
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    (disk / "out").mkdir()
    for room in (0, 16384, 65536, 131072):
        leave(disk, room)
        with pytest.raises(UserError, match=r"^NU-E01: the disk is full") as caught:
            write_model_package(disk / "out", "cells", network(), image(), STYLES)
        assert caught.value.fix.endswith(str(disk))
    assert not list(disk.glob("tmp*"))
    assert not content(disk / "out")


def painted(folder: Path) -> Project:
    """A project with strokes of two classes on halves, and a small network."""
    project = Project(folder)
    project.settings.write(Settings(tile=64, width=4, batch=1, prediction_tile=64))
    for _ in range(2):
        project.add_class()
    pixels = np.random.default_rng(0).integers(0, 40, (96, 96)).astype(np.uint8)
    pixels[:, 48:] += 150
    labels = np.zeros((96, 96), np.uint8)
    labels[20:70, 10:20], labels[20:70, 70:80] = 1, 2
    project.commit(project.add_image(Image("halves", pixels, "yx")).id, 0, labels)
    return project


def test_training_ends_with_one_line(disk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The command line, over a disk that holds no network."""
    painted(disk / "p.unet").close()
    leave(disk, 70_000)
    status = main(["train", "--project", str(disk / "p.unet"), "--steps", "2", "--device", "cpu"])
    lines = [line for line in capfd.readouterr().err.splitlines() if "NU-" in line or "Traceback" in line]
    assert status == 2
    assert lines == [f"error: {told(disk / 'p.unet' / 'models', disk)}"]
    (disk / "ballast").unlink()
    assert main(["verify", str(disk / "p.unet")]) == 0
    assert main(["train", "--project", str(disk / "p.unet"), "--steps", "2", "--device", "cpu"]) == 0


def test_training_goes_on_while_the_disk_is_full(roomy_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is saved every minute; a disk that is full at one of these times is told and costs nothing."""
    from napari_unet.training import training_run

    minutes = SimpleNamespace(monotonic=itertools.count(0.0, 61.0).__next__)
    monkeypatch.setattr(training_run, "time", minutes)

    def fill_for_a_while(step: int, _: float) -> None:
        if step == 60:
            leave(roomy_disk, 0)
        if step == 110:
            (roomy_disk / "ballast").unlink()

    with painted(roomy_disk / "p.unet") as project:
        request = training_run.TrainingRequest(steps=120, device="cpu", base="none")
        result = training_run.run_training(project, request, fill_for_a_while)
        assert result.steps == 120
        assert result.warnings == (told(project.models, roomy_disk),)
        assert load_checkpoint(Path(result.checkpoint)).step == 120


@pytest.mark.parametrize("hold_out", [False, True])
def test_training_that_is_killed_has_saved_what_it_learned(
    roomy_disk: Path, monkeypatch: pytest.MonkeyPatch, hold_out: bool
) -> None:
    """What was learned until a minute before is there, or until the last scoring where pixels are held out."""
    from napari_unet.training import training_run

    monkeypatch.setattr(training_run, "time", SimpleNamespace(monotonic=itertools.count(0.0, 61.0).__next__))
    monkeypatch.setattr("napari_unet.training.scoring_pace._PAUSE_S", 0.0)  # a fast machine takes 120 steps in less

    def die(step: int, _: float) -> None:
        if step == 120:
            raise KeyboardInterrupt

    with painted(roomy_disk / "p.unet") as project:
        if hold_out:
            labels = np.ones((96, 96), np.uint8)
            labels[:, 48:] = 2
            project.commit(1, 0, labels, source="import")
        annotations = Annotations(project)
        annotations.refresh(project.settings.read())
        assert bool(annotations.planes[1, 0].held_out_blocks) == hold_out
        request = training_run.TrainingRequest(steps=200, device="cpu", base="none")
        with pytest.raises(KeyboardInterrupt):
            training_run.run_training(project, request, die)
        saved = {load_checkpoint(file).step for file in project.models.glob("*.safetensors")}
        assert max(saved, default=0) >= (50 if hold_out else 100)


def test_the_worker_learns_on_in_memory(disk: Path) -> None:
    """Its disk is full while it saves: it lives, trains on, says which disk it is, and saves when there is room."""
    from napari_unet.network.device import choose_device
    from napari_unet.protocol import messages as m
    from napari_unet.worker.engine import Engine

    now, said = [0.0], list[Any]()
    with painted(disk / "p.unet") as project:
        engine = Engine(said.append, choose_device("cpu"), lambda: now[0])
        engine.receive(m.Open(str(project.folder), base="none"))
        leave(disk, 0)
        engine.receive(m.Train(on=True))
        for _ in range(12):
            now[0] += 5
            engine.work()
        failed = [message for message in said if isinstance(message, m.Failed)]
        assert 1 <= len(failed) <= 3  # not with every step
        assert {message.line for message in failed} == {told(project.models, disk)}
        learner = engine.learner
        assert learner is not None
        assert learner.trainer is not None
        steps = learner.trainer.step_count
        assert steps > 0
        assert not any(isinstance(message, m.Saved) for message in said)
        (disk / "ballast").unlink()
        while not any(isinstance(message, m.Saved) for message in said):
            now[0] += 5
            engine.work()
        assert learner.trainer.step_count > steps
        assert (project.models / "best.safetensors").is_file()
