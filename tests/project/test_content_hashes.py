"""Laws of the hash of all bytes: a pixel between the rows that opening looks at is noticed, and said once."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import zarr

from napari_unet.api import verify
from napari_unet.controller.content_watch import ContentWatch
from napari_unet.controller.news import Notice
from napari_unet.images.reading import open_image
from napari_unet.project import content_hashes
from napari_unet.project.content_hashes import FILE, ContentHashes
from napari_unet.project.project import Project

PIXELS = np.random.default_rng(0).integers(0, 999, (200, 100)).astype(np.uint16)


def written(path: Path, pixels: np.ndarray, later_s: int = 0) -> None:
    """Write the file, as if some time later."""
    if path.suffix == ".zarr":
        shutil.rmtree(path, ignore_errors=True)
        zarr.save_array(str(path), pixels)
    else:
        tifffile.imwrite(path, pixels)
    for each in [path, *path.rglob("*")]:
        os.utime(each, ns=(0, (1_000_000_000 + later_s) * 10**9))


def with_other_pixel() -> np.ndarray:
    """Change one pixel between the rows of the fingerprint."""
    other = PIXELS.copy()
    other[5, 50] += 1
    return other


@pytest.mark.parametrize("ending", ["tif", "zarr"])
def test_one_pixel_that_opening_does_not_look_at_is_noticed(ending: str, tmp_path: Path) -> None:
    """The fingerprint is the same; the bytes are not. Said once for each state of the file, and by every check."""
    path = tmp_path / f"a.{ending}"
    written(path, PIXELS)
    with Project(tmp_path / "p.unet") as project:
        record = project.add_image(open_image(path), path)
        hashes = ContentHashes(project.folder, read_only=False)
        assert hashes.check(record) is None
        assert hashes.check(record) is None
        written(path, with_other_pixel(), 10)
        assert project.images.open(record.id).fingerprint() == record.fingerprint
        changed = hashes.check(record)
        assert changed is not None
        assert str(changed).startswith("NU-P27: ")
        assert hashes.check(record) is None
    assert [line[:6] for line in verify(tmp_path / "p.unet")] == ["NU-P27"]
    written(path, PIXELS, 20)  # put back
    assert verify(tmp_path / "p.unet") == []
    assert hashes.check(record) is None
    assert hashes.check(record) is None


def test_a_file_is_read_only_where_it_must_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One with a known size and time is not read again, a huge one never; a reader remembers nothing."""
    path = tmp_path / "a.tif"
    written(path, PIXELS)
    read: list[Path] = []

    def counted() -> object:
        read.append(path)
        return hashlib.sha256()

    counting = SimpleNamespace(sha256=counted)
    monkeypatch.setattr(content_hashes, "hashlib", counting)
    with Project(tmp_path / "p.unet") as project:
        record = project.add_image(open_image(path), path)
        monkeypatch.setattr(content_hashes, "MOST_BYTES", 10)
        hashes = ContentHashes(project.folder, read_only=False)
        assert hashes.check(record) is None
        monkeypatch.undo()
        monkeypatch.setattr(content_hashes, "hashlib", counting)
        assert ContentHashes(project.folder, read_only=True).check(record) is None
        assert (read, (project.folder / FILE).exists()) == ([], False)
        for _ in range(3):
            assert hashes.check(record) is None
        assert read == [path]
        (project.folder / FILE).write_text("[" * 10**5)  # damaged: made anew
        assert hashes.check(record) is None
        assert read == [path] * 2
        path.unlink()
        assert hashes.check(record) is None


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_window_looks_in_the_background(tmp_path: Path) -> None:
    """The image on screen is read by a thread; another image or the end of the project gives it up."""
    path = tmp_path / "a.tif"
    written(path, PIXELS)
    told: list[Notice] = []
    with Project(tmp_path / "p.unet") as project:
        record = project.add_image(open_image(path), path)
        ContentWatch(told.append, 0.0).look_at(project, record)
        until(lambda: (project.folder / FILE).exists())
        written(path, with_other_pixel(), 10)
        watch = ContentWatch(told.append, 600.0)
        watch.look_at(project, record)
        watch.forget()  # without waiting for the ten minutes
        watch = ContentWatch(told.append, 0.0)
        watch.look_at(project, record)
        until(lambda: watch.tick() or told)
        watch.look_at(project, record)
        watch.tick()
    (notice,) = told
    assert notice.line.startswith("NU-P27: ")
