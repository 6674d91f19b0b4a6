"""Laws of the revision outside of the log: strokes that a damaged log took along are counted, and nothing else is."""

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from painter import states

from benchmarks.reliability import new_project
from napari_unet.api import verify
from napari_unet.errors import UserError
from napari_unet.packaging.project_check import repair
from napari_unet.project.database import DATABASE
from napari_unet.project.project import Project
from napari_unet.project.revision_file import FILE, RevisionFile

STROKES = 9
WAL = "project.sqlite-wal"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as a kill leaves it: its strokes are in the log alone."""
    place = tmp_path_factory.mktemp("killed")
    folder = new_project(place / "p.unet")
    with Project(folder) as project:
        for labels in states(STROKES, 0)[1:]:
            project.commit(1, 0, labels)
        shutil.copytree(folder, place / "left.unet")
    return place / "left.unet"


def cut(share: float) -> Callable[[bytes], bytes]:
    """Keep a part of the log."""
    return lambda log: log[: int(share * len(log))]


def flipped(share: float) -> Callable[[bytes], bytes]:
    """Change a byte at this part of the log."""
    return lambda log: log[: int(share * len(log))] + b"\x55\xaa" + log[int(share * len(log)) + 2 :]


DAMAGE: dict[str, Callable[[bytes], bytes] | None] = {
    "deleted": None,
    "empty": cut(0),
    "half": cut(0.5),
    "a tenth": cut(0.1),
    "without its end": lambda log: log[:-1],
    "header": flipped(0),
    "salt": lambda log: log[:16] + bytes(8) + log[24:],
    "first frame": flipped(0.01),
    "middle": flipped(0.5),
    "zeros": lambda log: bytes(len(log)),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_strokes_that_a_damaged_log_took_along_are_counted(tmp_path: Path, killed: Path, how: str) -> None:
    """Opening and ``verify`` say how many; the log is kept before it is written over; it is told until then."""
    folder = shutil.copytree(killed, tmp_path / "p.unet")
    damage, log = DAMAGE[how], (folder / WAL).read_bytes()
    if damage is None:
        (folder / WAL).unlink()
    else:
        (folder / WAL).write_bytes(damage(log))
    left = None if damage is None else damage(log)
    (folder / "project.sqlite-shm").unlink()
    reader = shutil.copytree(folder, tmp_path / "reader.unet")
    with Project(reader, read_only=True) as project:
        lost = STROKES - project.strokes.revision
        assert lost > 0
        np.testing.assert_array_equal(project.strokes.plane(1, 0), states(STROKES, 0)[STROKES - lost])
        (line,) = project.notices
    assert line.startswith(f"NU-P25: the newest {lost} saved changes")
    for _ in range(2):
        assert [found for found in verify(folder) if found.startswith(f"NU-P25: the newest {lost} saved changes")]
    with Project(folder) as project:
        (line,) = project.notices
        assert line.startswith(f"NU-P25: the newest {lost} saved changes")
        assert [path.read_bytes() for path in folder.glob(f"damaged-*/{WAL}")] == ([left] if left else [])
        project.commit(1, 0, states(STROKES, 0)[-1])
    assert verify(folder) == []


def test_what_is_whole_is_not_blamed(tmp_path: Path, killed: Path) -> None:
    """A kill alone loses nothing; nor does a project of an older version, or one whose number is damaged."""
    folder = shutil.copytree(killed, tmp_path / "p.unet")
    assert verify(folder) == []
    with Project(folder) as project:
        assert project.notices == []
        np.testing.assert_array_equal(project.strokes.plane(1, 0), states(STROKES, 0)[-1])
    for content in (None, b"", b"garbage", b"\xff" * 100, b"-5"):
        (folder / FILE).unlink()
        if content is not None:
            (folder / FILE).write_bytes(content)
        assert verify(folder) == []
        with Project(folder) as project:
            assert project.notices == []
        assert RevisionFile(folder).read() == STROKES


def test_a_damaged_database_opens_as_before(tmp_path: Path) -> None:
    """Its strokes have no newest revision: whoever reads them is told of the damage, and opening is not stopped."""
    folder = new_project(tmp_path / "p.unet")
    with Project(folder) as project:
        project.commit(1, 0, states(1, 0)[-1])
    file = folder / "project.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name IN ('tiles', 'tiles_by_revision')"
        pages = [row[0] for row in connection.execute(query)]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    data = bytearray(file.read_bytes())
    for page in pages:
        data[(page - 1) * size : page * size] = bytes(size)
    file.write_bytes(data)
    for read_only in (False, True):
        with Project(folder, read_only=read_only) as project:
            assert project.notices == []
            with pytest.raises(UserError, match=r"^NU-P12: "):
                project.strokes.plane(1, 0)
            if not read_only:
                project.add_class()  # what is elsewhere can still be written


@pytest.mark.parametrize("read_only", [False, True])
def test_a_database_of_no_bytes_is_no_new_project(tmp_path: Path, killed: Path, read_only: bool) -> None:
    """It is told, and neither log nor number are lost over it; a copy that is put back opens as it was."""
    folder = shutil.copytree(killed, tmp_path / "p.unet")
    (folder / DATABASE).write_bytes(b"")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for _ in range(2):
        with pytest.raises(UserError, match=r"^NU-P01: the project's project.sqlite is empty"):
            Project(folder, read_only=read_only)
    with pytest.raises(UserError, match=r"^NU-P01: the project's project.sqlite is empty"):
        repair(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    shutil.copyfile(killed / DATABASE, folder / DATABASE)
    with Project(folder) as project:
        assert project.notices == []
        assert project.images.count() == 1


def test_a_set_aside_tile_is_not_a_missing_one(tmp_path: Path, killed: Path) -> None:
    """The newest tile is damaged and taken out: that was told as damage, and is not told again as missing."""
    folder = shutil.copytree(killed, tmp_path / "p.unet")
    with Project(folder) as project:
        project.database.connection.execute("UPDATE tiles SET crc = crc + 1")
    assert "NU-P03" in "".join(repair(folder))
    assert verify(folder) == []
    with Project(folder) as project:
        assert project.notices == []
