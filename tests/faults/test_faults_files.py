"""F08, F17, F18, F20, F21, F52: whatever operation of the disk fails or is the last one, files are old or new."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from injectors import FAULTS, FaultyDisk, FullDisk, Killed, QuickDisk, content, on

from napari_unet import storage
from napari_unet.config import DEFAULT_SETTINGS
from napari_unet.errors import UserError
from napari_unet.export.formats import export
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.images.image import Image
from napari_unet.network.checkpoint import Checkpoint, copy_checkpoint, load_checkpoint, save_checkpoint
from napari_unet.network.unet import Architecture, build

ARCHITECTURE = Architecture(channels=1, classes=2, width=2, depth=1)
STYLES = [ClassStyle("background", (0, 0, 0)), ClassStyle("cell", (255, 0, 0))]


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with on(QuickDisk()):
        yield


@cache
def network(step: int) -> Checkpoint:
    """A small network that can be told from others."""
    torch.manual_seed(step)
    weights = {name: tensor.float() for name, tensor in build(ARCHITECTURE).state_dict().items()}
    return Checkpoint(ARCHITECTURE, (1, 2), ("a", "b"), step, weights)


def save(folder: Path, step: int) -> None:
    """As the worker does: what was best is kept, then both files are written."""
    best = folder / "best.safetensors"
    if best.is_file():
        copy_checkpoint(best, folder / "previous.safetensors")
    save_checkpoint(network(step), best)
    save_checkpoint(network(step + 100), folder / "last.safetensors")


def masks(folder: Path, step: int) -> None:
    """A mask and its table of objects in all formats."""
    mask = np.zeros((1, 40, 50), np.uint8)
    mask[0, step : step + 9, 5:20] = 1
    image = Image("cell", np.zeros((40, 50), np.uint8), "yx")
    export(Segmentation(mask, image, STYLES, DEFAULT_SETTINGS), folder, ["tiff", "png", "csv"])


def loop(
    before: Path, do: Callable[[Path], object], fault: int | str, lasting: bool, check: Callable[[Path, bool], None]
) -> int:
    """Fail operation 1, then 2, ... of the work, in a fresh copy of a folder each time; how many there were."""
    for at in range(1, 500):
        disk = FaultyDisk(at, fault, lasting=lasting)
        told = False
        folder = before.with_name("now")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(before, folder)
        with on(disk):
            try:
                do(folder)
            except UserError as error:
                told = error.code == "NU-E01"
            except Killed:
                told = True
        if not disk.has_failed:
            return at - 1
        check(folder, told)
    raise AssertionError("it never ends")


@pytest.mark.parametrize(("fault", "lasting"), FAULTS)
def test_a_checkpoint_is_old_or_new(tmp_path: Path, fault: int | str, lasting: bool) -> None:
    """After every fault at every operation each network loads, and is the one before or the one after."""
    save(tmp_path / "models", 1)
    save(tmp_path / "models", 2)

    def check(folder: Path, told: bool) -> None:
        steps = {name: load_checkpoint(folder / f"{name}.safetensors").step for name in ("best", "last", "previous")}
        assert steps["best"] in {2, 3}
        assert steps["last"] in {102, 103}
        assert steps["previous"] in {1, 2}
        assert told or steps == {"best": 3, "last": 103, "previous": 2}

    assert loop(tmp_path / "models", lambda folder: save(folder, 3), fault, lasting, check) > 20
    save(tmp_path / "now", 3)  # what was left behind is no hindrance
    assert {path.suffix for path in (tmp_path / "now").iterdir()} == {".safetensors", ".json"}


def test_a_full_disk_after_a_kill_costs_no_network(tmp_path: Path) -> None:
    """F08, F17: no checksum of an older network, which the killed save had set aside, comes back beside a newer one."""
    save(tmp_path / "models", 1)
    save(tmp_path / "models", 2)

    def check(folder: Path, told: bool) -> None:
        for each in (save_checkpoint, lambda checkpoint, path: copy_checkpoint(folder / "last.safetensors", path)):
            for name in ("best", "previous"):
                path = folder / f"{name}.safetensors"
                step = load_checkpoint(path).step
                with on(FullDisk()), pytest.raises(UserError, match=r"^NU-E01: "):
                    each(network(4), path)
                assert load_checkpoint(path).step == step

    assert loop(tmp_path / "models", lambda folder: save(folder, 3), "kill", True, check) > 20


@pytest.mark.parametrize(("fault", "lasting"), FAULTS)
def test_an_export_is_old_or_new(tmp_path: Path, fault: int | str, lasting: bool) -> None:
    """Every file of an export is, byte for byte, that of the export before or of the new one; then it goes through."""
    masks(tmp_path / "new", 7)
    masks(tmp_path / "old", 3)
    old, new = content(tmp_path / "old"), content(tmp_path / "new")

    def check(folder: Path, told: bool) -> None:
        found = content(folder)
        assert told or found == new
        assert all(data in {old[name], new[name]} for name, data in found.items())
        masks(folder, 7)
        assert content(folder) == new

    assert loop(tmp_path / "old", lambda folder: masks(folder, 7), fault, lasting, check) >= 15


@pytest.mark.parametrize("fault", [errno.ENOSPC, "kill"])
def test_a_batch_goes_on_where_it_ended(tmp_path: Path, fault: int | str) -> None:
    """F52: ended anywhere among many files, a second run leaves all of them whole."""

    def batch() -> None:
        for number in range(12):
            data = bytes([number]) * 1000
            storage.replace_file(tmp_path / f"{number}.bin", lambda path, data=data: path.write_bytes(data))

    for at in (1, 17, 30, 55):
        with on(FaultyDisk(at, fault, lasting=True)), pytest.raises((UserError, Killed)):
            batch()
        assert all(len(data) == 1000 for data in content(tmp_path).values())
        batch()
        assert {name: data[0] for name, data in content(tmp_path).items()} == {f"{n}.bin": n for n in range(12)}


def test_what_dead_writers_left_is_taken_away(tmp_path: Path) -> None:
    """Old temporary files go at the next start; one that may still be written stays."""
    with on(FaultyDisk(2, "kill")), pytest.raises(Killed):
        storage.replace_file(tmp_path / "a.bin", lambda path: path.write_bytes(b"half"))
    (left,) = tmp_path.iterdir()
    storage.remove_abandoned(tmp_path)
    assert left.exists()
    os.utime(left, (0, 0))
    storage.remove_abandoned(tmp_path)
    assert not left.exists()
