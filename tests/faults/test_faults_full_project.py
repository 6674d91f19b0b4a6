"""F16: a project on a disk without any room is read with everything in it, and never called damaged."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from injectors import small_disk

from napari_unet.api import verify
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.project.project import Project

SIDE = 300


def strokes() -> np.ndarray:
    """Two strokes."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[5:9, 9:200], labels[50:59, 9:200] = 1, 2
    return labels


@pytest.fixture(params=["closed", "killed"])
def full(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A project with strokes, and the file that fills its disk to the last byte."""
    with small_disk(tmp_path / "disk", 4) as disk:
        folder = tmp_path / "p.unet"
        with Project(folder) as project:
            for _ in range(2):
                project.add_class()
            project.commit(project.add_image(Image("flat", np.zeros((SIDE, SIDE), np.uint8), "yx")).id, 0, strokes())
            if request.param == "killed":  # its strokes are in the log alone
                shutil.copytree(folder, disk / "p.unet", ignore=shutil.ignore_patterns("*-shm"))
        if request.param == "closed":
            shutil.copytree(folder, disk / "p.unet")
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(disk).free))
        assert shutil.disk_usage(disk).free == 0
        yield disk / "p.unet", ballast


def test_a_project_on_a_full_disk_is_read(full: tuple[Path, Path]) -> None:
    """Writing is refused with the disk and what it needs; reading and ``verify`` find everything, again and again."""
    folder, ballast = full
    for _ in range(2):
        with pytest.raises(UserError) as caught:
            Project(folder)
        assert str(caught.value) == (
            f"NU-P26: the disk {folder.parent} is full, so that the project can only be read, {folder}, "
            "free 1 MB there, or open it read-only; nothing in it is damaged"
        )
        with Project(folder, read_only=True) as project:
            assert project.notices == []
            np.testing.assert_array_equal(project.strokes.plane(1, 0), strokes())
            with Project(folder, read_only=True) as beside:  # the window and its worker
                np.testing.assert_array_equal(beside.strokes.plane(1, 0), strokes())
        assert verify(folder) == []
    ballast.unlink()
    with Project(folder) as project:
        assert project.commit(1, 0, strokes() * 0)
    assert verify(folder) == []


def test_kept_strokes_come_back_once_there_is_room(full: tuple[Path, Path]) -> None:
    """What the full disk refused was kept elsewhere; it stays there until the project can be written."""
    folder, ballast = full
    later = strokes()
    later[100:120] = 2
    with Project(folder, read_only=True) as project:
        kept = project.rescued.keep(project.images.get(1), {0: later})
    with pytest.raises(UserError, match=r"^NU-P26: "):
        Project(folder)
    assert kept.exists()
    ballast.unlink()
    with Project(folder) as project:
        assert [line[:7] for line in project.notices] == ["NU-P21:"]
        np.testing.assert_array_equal(project.strokes.plane(1, 0), later)
    assert not kept.exists()
