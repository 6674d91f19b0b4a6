"""Laws of replacing files."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from napari_unet import storage
from napari_unet.errors import UserError
from napari_unet.storage import replace_file, replace_folder, sha256

OLD, NEW = b"old", b"new and longer"


def write_new(path: Path) -> None:
    path.write_bytes(NEW)


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "mask \u00fc \U0001f52c.tif"
    path.write_bytes(OLD)
    return path


def test_what_was_written_is_what_is_there(target: Path) -> None:
    """After a replacement the file holds the new bytes and nothing else lies in the folder."""
    replace_file(target, write_new)
    assert target.read_bytes() == NEW
    assert list(target.parent.iterdir()) == [target]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    """A file can be written into folders that do not exist yet."""
    replace_file(tmp_path / "a" / "b" / "mask.tif", write_new)
    assert (tmp_path / "a" / "b" / "mask.tif").read_bytes() == NEW


def test_the_writer_sees_the_suffix_of_the_file(target: Path) -> None:
    """A writer that chooses a format by suffix chooses the one of the final name."""
    seen: list[Path] = []
    replace_file(target, lambda path: (seen.append(path), write_new(path)))
    assert [path.suffix for path in seen] == [".tif"]
    assert seen[0].parent == target.parent


@pytest.mark.skipif(os.name != "posix", reason="permission bits are a POSIX notion")
def test_permissions_are_those_of_a_file_the_user_makes(target: Path) -> None:
    """A replaced file has the same permission bits as one written directly."""
    direct = target.with_name("direct")
    direct.write_bytes(NEW)
    replace_file(target, write_new)
    assert target.stat().st_mode == direct.stat().st_mode


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_failure_of_any_step_leaves_the_old_file(target: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    """Whichever step fails, the old bytes stay, no temporary file does, and the user reads NU-E01."""
    monkeypatch.setattr(storage.os, failing, no_space)
    with pytest.raises(UserError, match=r"^NU-E01: the disk is full") as caught:
        replace_file(target, write_new)
    assert caught.value.where == str(target.parent)
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), OSError("no number"), ValueError("other")])
def test_failure_of_the_writer_leaves_the_old_file(target: Path, error: Exception) -> None:
    """A writer that fails halfway changes nothing; OSError becomes NU-E01, anything else passes through."""

    def write_half(path: Path) -> None:
        path.write_bytes(NEW[:3])
        raise error

    with pytest.raises(UserError if isinstance(error, OSError) else ValueError):
        replace_file(target, write_half)
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]


def test_a_file_in_the_place_of_the_folder_is_told(target: Path) -> None:
    """A path below a file is refused with NU-E01, and that file stays as it is."""
    with pytest.raises(UserError, match="NU-E01"):
        replace_file(target / "mask.tif", write_new)
    assert target.read_bytes() == OLD


def test_death_while_writing_leaves_the_old_file(target: Path) -> None:
    """A process that dies in the middle of writing leaves the old bytes under the name."""
    script = (
        "import os, pathlib, sys; from napari_unet.storage import replace_file\n"
        "replace_file(pathlib.Path(sys.argv[1]), lambda path: (path.write_bytes(b'half'), os._exit(7)))"
    )
    assert subprocess.run([sys.executable, "-c", script, str(target)], check=False).returncode == 7
    assert target.read_bytes() == OLD


def held_open(times: int) -> tuple[list[float], object]:
    """Make an os.replace that fails as on Windows for the first ``times`` calls."""
    calls: list[float] = []
    replace = os.replace

    def sometimes(source: Path, target: Path) -> None:
        calls.append(1)
        if len(calls) <= times:
            error = PermissionError(errno.EACCES, "held open")
            error.winerror = 32  # type: ignore[attr-defined,unused-ignore]
            raise error
        replace(source, target)

    return calls, sometimes


@pytest.mark.parametrize("times", [1, 6])
def test_a_file_held_open_for_a_moment_is_waited_for(target: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """A target that a scanner holds open on Windows is replaced as soon as it is let go, within 2.5 s."""
    waited: list[float] = []
    monkeypatch.setattr(storage.time, "sleep", waited.append)
    calls, sometimes = held_open(times)
    monkeypatch.setattr(storage.os, "replace", sometimes)
    replace_file(target, write_new)
    assert target.read_bytes() == NEW
    assert len(calls) == times + 1
    assert sum(waited) <= 2.5


def test_a_file_held_open_for_long_is_told(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that stays open elsewhere is refused with NU-E01 and keeps its bytes."""
    monkeypatch.setattr(storage.time, "sleep", lambda _: None)
    monkeypatch.setattr(storage.os, "replace", held_open(1000)[1])
    with pytest.raises(UserError, match=r"NU-E01.*held open"):
        replace_file(target, write_new)
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]


def test_sha256_is_that_of_the_standard(tmp_path: Path) -> None:
    """The digest of "abc" is the one printed in FIPS 180-2, and one changed bit changes it."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(b"abb")
    assert sha256(path) != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def fill_folder(path: Path) -> None:
    (path / "deep").mkdir()
    (path / "deep" / "new").write_bytes(NEW)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("is_there", [False, True])
def test_a_folder_is_replaced_as_a_whole(tmp_path: Path, *, is_there: bool) -> None:
    """The new folder has the new files alone, and nothing else lies beside it."""
    target = tmp_path / "out" / "mask.ome.zarr"
    if is_there:
        target.mkdir(parents=True)
        (target / "old").write_bytes(OLD)
    replace_folder(target, fill_folder)
    assert files_below(target) == {os.path.join("deep", "new"): NEW}
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("failing", [0, 1])
def test_a_folder_that_cannot_be_moved_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Whichever of the two moves fails, the old folder is at its place again, and nothing is left beside it."""
    target = tmp_path / "mask.ome.zarr"
    target.mkdir()
    (target / "old").write_bytes(OLD)
    replace, calls = os.replace, []

    def sometimes(source: Path, destination: Path) -> None:
        calls.append(source)
        if len(calls) == failing + 1:
            no_space()
        replace(source, destination)

    monkeypatch.setattr(os, "replace", sometimes)
    with pytest.raises(UserError, match="NU-E01"):
        replace_folder(target, fill_folder)
    assert files_below(tmp_path) == {os.path.join("mask.ome.zarr", "old"): OLD}


def test_a_folder_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """When the disk fills up the old folder is as it was, and nothing is left beside it."""
    target = tmp_path / "mask.ome.zarr"
    target.mkdir()
    (target / "old").write_bytes(OLD)
    with pytest.raises(UserError, match="NU-E01"):
        replace_folder(target, lambda path: (fill_folder(path), no_space()))
    assert files_below(tmp_path) == {os.path.join("mask.ome.zarr", "old"): OLD}


def test_temporary_files_without_a_folder_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was cleaned away since the process has begun; or each candidate is full, and there never was one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(UserError, match=r"^NU-E01: cannot write .*gone"), storage.temporary_folder():
        pass
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "gone")])
    with pytest.raises(UserError, match=r"^NU-E01: cannot write .*temporary files"), storage.temporary_folder():
        pass
