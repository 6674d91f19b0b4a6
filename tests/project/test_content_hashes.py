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

from napari_unet.api import add_annotated_image, verify
from napari_unet.controller.content_watch import ContentWatch
from napari_unet.controller.news import Notice
from napari_unet.errors import UserError
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


def labelled(folder: Path) -> tuple[Path, Path]:
    """Return an image file and a label file with two classes."""
    image, labels = folder / "a.tif", folder / "labels.tif"
    written(image, PIXELS)
    tifffile.imwrite(labels, np.repeat(np.array([[1], [2]], np.uint8), 100, axis=0).repeat(100, axis=1))
    return image, labels


def test_content_is_noted_with_the_labels(tmp_path: Path) -> None:
    """A project made without the window has it too; a later addition of the changed file tells of it and goes on."""
    image, labels = labelled(tmp_path)
    folder = tmp_path / "p.unet"
    with Project(folder) as project:
        add_annotated_image(project, image, labels)
        assert project.notices == []
    notices: list[str] = []
    assert (verify(folder, notices), notices) == ([], [])
    written(image, with_other_pixel(), 10)
    assert [line[:6] for line in verify(folder)] == ["NU-P27"]
    with Project(folder) as project:
        add_annotated_image(project, image, labels)
        assert [line[:6] for line in project.notices] == ["NU-P27"]
        assert project.images.count() == 1
    assert [line[:6] for line in verify(folder)] == ["NU-P27"]


def test_a_disk_that_takes_no_note_costs_no_strokes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The annotation is added, and a notice tells of the disk."""

    def full(path: Path, data: bytes) -> None:
        raise UserError("NU-E01", "the disk is full", str(path), "free some space")

    monkeypatch.setattr("napari_unet.storage.replace_bytes", full)
    with Project(tmp_path / "p.unet") as project:
        record = add_annotated_image(project, *labelled(tmp_path))
        assert [line[:6] for line in project.notices] == ["NU-E01"]
        assert project.strokes.painted_planes(record.id)


def test_verify_tells_of_files_of_which_nothing_was_noted(tmp_path: Path) -> None:
    """It is no finding: nobody knows of a change."""
    paths = [tmp_path / f"{number}.tif" for number in range(3)]
    with Project(tmp_path / "p.unet") as project:
        for number, path in enumerate(paths):
            written(path, PIXELS + number)
            record = project.add_image(open_image(path), path)
        assert ContentHashes(project.folder, read_only=False).check(record) is None
    notices: list[str] = []
    assert verify(tmp_path / "p.unet", notices) == []
    (notice,) = notices
    assert notice.startswith("NU-P29: the content of 2 image files was not noted yet")


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
