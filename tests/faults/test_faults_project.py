"""F07 to F09, F12, F14, F16, F21, F46: no acknowledged stroke is lost, whatever happens to process, disk or power."""

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from injectors import WHOLE, FaultyDisk, FullDisk, content, on, small_disk, strace_works, under_strace
from painter import PAINT, acknowledged, states, stored

from benchmarks.reliability import SIDE, after_power_loss, stroke
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.project.database import DATABASE
from napari_unet.project.project import Project
from napari_unet.project.salvage import salvage

WAL = f"{DATABASE}-wal"


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX notion")
def test_a_kill_loses_no_acknowledged_stroke(folder: Path) -> None:
    """F07, at random times; the stroke in hand may be there too. The next process goes on where the last one ended."""
    chance = np.random.default_rng(0)
    done = 0
    for seed in range(20 if WHOLE else 3):
        painter = subprocess.Popen(
            [sys.executable, "-c", PAINT, str(folder), str(done), "100000", "0"], stdout=subprocess.PIPE, text=True
        )
        assert painter.stdout is not None
        for _ in range(int(chance.integers(1, 60))):
            line = painter.stdout.readline()
            if not line:
                break
            last = int(line.split()[0])
        os.kill(painter.pid, signal.SIGKILL)
        last = max([last, acknowledged(painter.stdout.read())])
        painter.wait()
        painter.stdout.close()
        expected = states(last + 2, 0)[-2:]  # with and without the stroke in hand
        found = stored(folder)
        same = [np.array_equal(found, labels) for labels in expected]
        assert any(same), seed
        done = last + 1 + same.index(True)


@pytest.mark.skipif(not strace_works(), reason="needs strace and the right to trace")
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "ftruncate", "unlink", "openat"])
def test_a_kill_at_any_system_call_of_a_commit(folder: Path, call: str) -> None:
    """F08: death at the k-th call, for every k until none dies; what was acknowledged is there."""
    calls = {"openat": [1, 400, 800]} if call == "openat" else {}
    every = range(1, 200) if WHOLE else (1, 2, 5)
    reached = 0
    for at in calls.get(call, every):
        copy = folder.with_name(f"{call}-{at}.unet")
        shutil.copytree(folder, copy)
        done = under_strace(PAINT, [str(copy), "0", "3", "1"], f"{call}:signal=KILL:when={at}")
        labels, last = stored(copy), acknowledged(done.stdout)
        assert any(np.array_equal(labels, state) for state in states(3, 1)[last + 1 : last + 3])
        shutil.rmtree(copy)
        if done.returncode == 0:
            break
        reached += 1
    assert reached or call in {"unlink", "ftruncate", "fdatasync"}


CHECKPOINT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
"""


@pytest.mark.skipif(not strace_works(), reason="needs strace and the right to trace")
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "ftruncate"])
def test_a_kill_at_any_system_call_of_a_checkpoint(folder: Path, tmp_path: Path, call: str) -> None:
    """F08: while the log is carried over into the database, death at the k-th call, for every k until none dies."""
    strokes = 12
    with Project(folder) as project:
        for labels in states(strokes, 4)[1:]:
            project.commit(1, 0, labels)
        before = shutil.copytree(folder, tmp_path / "before.unet")  # everything is in the log alone
    assert (before / WAL).stat().st_size > 10 * 4096
    for at in range(1, 300):
        copy = shutil.copytree(before, tmp_path / f"{call}-{at}.unet")
        done = under_strace(CHECKPOINT, [str(copy / DATABASE)], f"{call}:signal=KILL:when={at}")
        np.testing.assert_array_equal(stored(copy), states(strokes, 4)[-1])
        shutil.rmtree(copy)
        if done.returncode == 0:
            break
    else:
        raise AssertionError("it never ends")
    assert at > {"pwrite64": 10, "fdatasync": 1, "ftruncate": 1}[call]


@pytest.mark.skipif(not strace_works(), reason="needs strace and the right to trace")
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_write_that_fails_is_told_and_loses_nothing(folder: Path, error: str) -> None:
    """F21: the k-th write of the database fails; the strokes before it are there, and the failure is one NU line."""
    for at in range(1, 60 if WHOLE else 4):
        copy = folder.with_name(f"{error}-{at}.unet")
        shutil.copytree(folder, copy)
        done = under_strace(PAINT, [str(copy), "0", "3", "1"], f"pwrite64:error={error}:when={at}")
        labels, last = stored(copy), acknowledged(done.stdout)
        assert any(np.array_equal(labels, state) for state in states(3, 1)[last + 1 : last + 3])
        assert done.returncode == 0 or "NU-P" in done.stderr.splitlines()[-1]
        shutil.rmtree(copy)
        if done.returncode == 0 and last == 2:
            break


def test_a_full_disk_loses_no_stroke(folder: Path) -> None:
    """F16: a commit that does not fit is told with NU-P07; the same commit goes through when there is room again."""
    labels = np.random.default_rng(0).integers(0, 3, (SIDE, SIDE)).astype(np.uint8)
    with Project(folder) as project:
        before = stroke(np.zeros((SIDE, SIDE), np.uint8), 0, 0)
        project.commit(1, 0, before)
        database = project.database
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        most = database.execute("PRAGMA max_page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(3):
            with pytest.raises(UserError, match=r"^NU-P07: .*full"):
                project.commit(1, 0, labels)
            np.testing.assert_array_equal(project.strokes.plane(1, 0), before)
        database.execute(f"PRAGMA max_page_count = {most}")
        assert project.commit(1, 0, labels)
    np.testing.assert_array_equal(stored(folder), labels)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with small_disk(tmp_path / "disk", 1) as place:
        yield place


def test_a_disk_that_is_really_full(tiny_disk: Path) -> None:
    """F16, on a small disk: told in one line, sound afterwards, and caught up when there is room."""
    with Project(tiny_disk / "p.unet") as project:
        for _ in range(2):
            project.add_class()
        project.add_image(Image("drawn", np.zeros((SIDE, SIDE), np.uint8), "yx"))
        ballast = tiny_disk / "ballast"
        free = shutil.disk_usage(tiny_disk).free
        ballast.write_bytes(bytes(max(0, free - 8192)))
        labels = np.random.default_rng(0).integers(0, 3, (SIDE, SIDE)).astype(np.uint8)
        with pytest.raises(UserError, match=r"^NU-P07: "):
            project.commit(1, 0, labels)
        ballast.unlink()
        assert project.commit(1, 0, labels)
    np.testing.assert_array_equal(stored(tiny_disk / "p.unet"), labels)


def test_a_power_cut_leaves_a_whole_project(folder: Path, tmp_path: Path) -> None:
    """F09: what was not flushed is there, zero, garbage or cut off; the project opens and holds one of the states.

    The log counts as flushed up to the last flush; none of the strokes before that is lost.
    """
    seed, strokes = 3, 12
    all_states = states(strokes, seed)
    with Project(folder) as project:
        synced, sizes = 0, []
        for number in range(strokes):
            project.commit(1, 0, all_states[number + 1])
            if number == strokes // 2:
                project.flush()
                synced = (folder / WAL).stat().st_size
            sizes.append((folder / WAL).stat().st_size)
        log, data = (folder / WAL).read_bytes(), (folder / DATABASE).read_bytes()
        copies = {path: path.read_bytes() for path in (folder / "images").iterdir()}
    safe = strokes // 2 + 1
    crcs = [zlib.crc32(state.tobytes()) for state in all_states]
    chance = np.random.default_rng(1)
    lost = set()
    for cut in range(500 if WHOLE else 60):
        left = tmp_path / f"after-{cut}.unet"
        left.mkdir()
        (left / DATABASE).write_bytes(data)
        (left / WAL).write_bytes(after_power_loss(log, synced, chance))
        labels = stored(left)
        found = crcs.index(zlib.crc32(labels.tobytes()))
        assert found >= safe
        lost.add(strokes - found)
        shutil.rmtree(left)
    assert len(lost) > 1  # the cuts did cut
    assert copies


def test_a_flush_follows_a_stroke(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R2: at most two seconds of strokes are not flushed yet; the flush happens in another thread, once for many."""
    import threading

    flushed = threading.Event()
    threads: list[int] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        fsync(handle)
        threads.append(threading.get_ident())
        flushed.set()

    with Project(folder) as project:
        labels = np.zeros((SIDE, SIDE), np.uint8)
        monkeypatch.setattr(os, "fsync", noted)
        for number in range(5):
            labels[number] = 1
            project.commit(1, 0, labels)
        assert flushed.wait(60)
        assert threading.get_ident() not in threads
    assert len(threads) <= 3


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX notion")
def test_a_kill_while_reopening_changes_nothing(folder: Path) -> None:
    """F14: opening after a death is itself ended anywhere; the next one finds the same strokes."""
    with Project(folder) as project:
        wanted = states(4, 0)[-1]
        project.commit(1, 0, wanted)
        shutil.copytree(folder, folder.with_name("dead.unet"))  # with the log of an open project
    script = "import sys; from napari_unet import Project; print('x', flush=True); Project(sys.argv[1])"
    chance = np.random.default_rng(0)
    for _ in range(20 if WHOLE else 3):
        opener = subprocess.Popen(
            [sys.executable, "-c", script, str(folder.with_name("dead.unet"))], stdout=subprocess.PIPE
        )
        assert opener.stdout is not None
        opener.stdout.readline()
        try:
            opener.wait(float(chance.uniform(0, 0.02)))
        except subprocess.TimeoutExpired:
            opener.kill()
        opener.wait()
        opener.stdout.close()
    np.testing.assert_array_equal(stored(folder.with_name("dead.unet")), wanted)


READINGS: tuple[Callable[[Project], object], ...] = (
    lambda project: project.images.all(),
    lambda project: project.classes.all(),
    lambda project: project.settings.read(),
    lambda project: project.scores.all(),
    lambda project: project.strokes.plane(1, 0),
    lambda project: project.strokes.sides(1),
    lambda project: project.strokes.labelled_pixels(),
)


def test_rows_of_every_table_may_be_damaged(folder: Path) -> None:
    """F33 for rows: whatever a value is replaced by, reading is right or one NU line, and nothing hangs."""
    with Project(folder) as project:
        project.commit(1, 0, states(3, 0)[-1])
        project.strokes.keep_stroke(1, 0, 1, np.eye(SIDE, dtype=bool))
        project.scores.add(3, {"mean_dice": 0.5})
        project.settings.write(project.settings.read())
    with sqlite3.connect(folder / DATABASE) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [
            (table, row[1], row[2])
            for table in tables
            if not table.startswith("sqlite_")
            for row in database.execute(f"PRAGMA table_info({table})")
        ]
    database.close()
    strange = {
        "TEXT": ["", "[", "null", "[-1]", "\0", "x" * 9000, '{"a": 1}', "[1e400, 3]", "../../etc"],
        "INTEGER": [-1, 0, 2**40, -(2**63), 255],
        "REAL": [0.0, -1.0, float("inf")],
        "BLOB": [b"", b"\0" * 99, zlib.compress(bytes(10**6))],
    }
    chance = np.random.default_rng(0)
    readings = 0
    for table, column, kind in columns:
        for value in strange[kind] if WHOLE else chance.permutation(np.array(strange[kind], object))[:2]:
            with sqlite3.connect(folder / DATABASE) as database:
                try:
                    database.execute("BEGIN")
                    database.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))  # noqa: S608
                    database.execute("COMMIT")
                except sqlite3.Error:
                    database.rollback()
            database.close()
            copy = folder.with_name("changed.unet")
            shutil.copytree(folder, copy)
            for read in READINGS:
                try:
                    with Project(copy, read_only=True) as project:
                        read(project)
                except UserError as error:
                    readings += error.code.startswith("NU-")
            shutil.rmtree(copy)
    assert readings > 20


def test_a_salvaged_database_needs_no_second_copy(folder: Path) -> None:
    """F16: it was written once beside the damaged one, and then only names change."""
    with on(FullDisk()):
        aside = salvage(folder / DATABASE)
    assert (aside / DATABASE).is_file()
    with Project(folder, read_only=True) as project:
        assert project.images.count() == 1


def refusal_of(file: Path) -> str:
    """Salvage a database; the code of the refusal, "" where there is none."""
    try:
        salvage(file)
    except UserError as error:
        return error.code
    return ""


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO])
def test_a_salvage_that_fails_leaves_the_damaged_database(folder: Path, fault: int) -> None:
    """F16, F21: at whichever operation, the database is where it was, or the new one is."""
    before, told = content(folder), 0
    for at in range(1, 20):
        copy = folder.with_name(f"{at}.unet")
        shutil.copytree(folder, copy)
        disk = FaultyDisk(at, fault)
        with on(disk):
            code = refusal_of(copy / DATABASE)
        if code:
            assert code in {"NU-E01", "NU-P10"}
            assert content(copy) == before
            told += 1
        assert (copy / DATABASE).is_file()
        if not disk.has_failed:
            break
    assert told >= 4  # of removing, flushing, making the folder and moving
