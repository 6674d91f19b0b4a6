"""Laws of a project on a drive that cannot be written: it is read with everything in it, and never called damaged."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import numpy as np
import pytest

from napari_unet.api import export, load_model, predict, train, verify
from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.project.project import Project
from napari_unet.project.schema import uri_of

SIDE = 96
Burn = Callable[[Path], Path]


@pytest.fixture
def burn(tmp_path: Path) -> Iterator[Burn]:
    """Copies a folder onto a file system that is mounted read-only afterwards."""
    drive = tmp_path / "drive"
    drive.mkdir()
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root of a Linux system mounts a drive")
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", drive], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a drive")

    def burnt(folder: Path) -> Path:
        shutil.copytree(folder, drive / folder.name)
        subprocess.run(["mount", "-o", "remount,ro", drive], check=True)
        return drive / folder.name

    yield burnt
    subprocess.run(["umount", "--lazy", drive], check=True)


@contextmanager
def mounted_read_only(folder: Path, share: Path) -> Iterator[None]:
    """Show a folder at another place too, where it cannot be written."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root of a Linux system mounts a drive")
    if subprocess.run(["mount", "--bind", folder, share], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a drive")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", share], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", share], check=True)


def painted(folder: Path) -> Project:
    """A project with strokes of two classes on an image that lies in it."""
    project = Project(folder)
    project.settings.write(Settings(tile=64, width=4, batch=1, prediction_tile=64))
    for _ in range(2):
        project.add_class()
    pixels = np.random.default_rng(0).integers(0, 40, (SIDE, SIDE)).astype(np.uint8)
    pixels[:, SIDE // 2 :] += 150
    record = project.add_image(Image("halves", pixels, "yx"))
    project.commit(record.id, 0, strokes())
    return project


def strokes() -> np.ndarray:
    """A stroke on each half."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[20:70, 10:20], labels[20:70, 70:80] = 1, 2
    return labels


def refused_for_writing(folder: Path) -> None:
    """The line says that the place is read-only, and nothing of damage."""
    with pytest.raises(UserError, match="read-only") as caught:
        Project(folder)
    assert caught.value.code == "NU-P10"


def test_a_project_on_a_read_only_drive_predicts_exports_and_is_sound(tmp_path: Path, burn: Burn) -> None:
    """Reading needs no file beside the database; writing is refused as what it is."""
    with painted(tmp_path / "p.unet") as project:
        train(project, steps=2)
    folder = burn(tmp_path / "p.unet")
    with Project(folder, read_only=True) as project:
        np.testing.assert_array_equal(project.strokes.plane(1, 0), strokes())
        assert project.integrity() == []
        assert [path for path in export(project, tmp_path / "out", ["png"]) if path.is_file()]
    assert verify(folder) == []
    model = load_model(folder)
    mask = predict(model, Image("other", np.zeros((SIDE, SIDE), np.uint8), "yx"))
    assert mask.shape == (1, SIDE, SIDE)
    refused_for_writing(folder)


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        (PurePosixPath("/data/a b.unet/project.sqlite"), "file:///data/a%20b.unet/project.sqlite"),
        (PureWindowsPath(r"C:\data\p.unet\project.sqlite"), "file:///C:/data/p.unet/project.sqlite"),
        (PureWindowsPath(r"\\server\share\p.unet\project.sqlite"), "file:////server/share/p.unet/project.sqlite"),
    ],
)
def test_an_address_of_sqlite_names_no_computer(file: PurePath, uri: str) -> None:
    """A share of another computer is part of the path: SQLite refuses an address with an authority."""
    assert uri_of(file) == uri


@pytest.mark.parametrize("shared_memory", [False, True])
def test_strokes_that_are_only_in_the_log_are_read(tmp_path: Path, burn: Burn, shared_memory: bool) -> None:
    """A copy of a project that was open has its newest strokes in the log beside the database."""
    with painted(tmp_path / "p.unet"):
        shutil.copytree(tmp_path / "p.unet", tmp_path / "copy.unet")
    assert (tmp_path / "copy.unet" / "project.sqlite-wal").stat().st_size
    if not shared_memory:
        (tmp_path / "copy.unet" / "project.sqlite-shm").unlink()
    folder = burn(tmp_path / "copy.unet")
    with Project(folder, read_only=True) as project:
        np.testing.assert_array_equal(project.strokes.plane(1, 0), strokes())
    assert verify(folder) == []
    refused_for_writing(folder)


def test_a_project_that_is_written_elsewhere_is_no_damaged_one(tmp_path: Path) -> None:
    """Who reads a share that is read-only for him sees the project as it was when he opened it, then as it is."""
    rng = np.random.default_rng(0)
    with painted(tmp_path / "shared" / "p.unet") as project:
        for number in range(1, 5):
            record = project.add_image(Image(f"{number}", rng.random((700, 700)), "yx"))
            project.commit(record.id, 0, rng.integers(0, 3, (700, 700)).astype(np.uint8))
    share = tmp_path / "share"
    share.mkdir()
    with mounted_read_only(tmp_path / "shared", share):
        folder = share / "p.unet"
        with Project(folder, read_only=True) as reader:
            with Project(tmp_path / "shared" / "p.unet") as owner:
                for image_id in (2, 3, 4):
                    owner.images.remove(image_id)
                owner.commit(5, 0, np.ones((700, 700), np.uint8))
            np.testing.assert_array_equal(reader.strokes.plane(1, 0), strokes())
            assert reader.integrity() == []
            assert len(reader.images.all()) == 5
        with Project(folder, read_only=True) as reader:
            assert len(reader.images.all()) == 2
