"""Laws of verify and repair: what stands in the way is told and set aside, and strokes outlive their classes."""

import contextlib
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from napari_unet.api import train, verify
from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.packaging.project_check import repair
from napari_unet.project.project import Project

SIDE = 96


def strokes() -> np.ndarray:
    """A stroke on each half."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[20:70, 10:20], labels[20:70, 70:80] = 1, 2
    return labels


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """A project with strokes of two classes on halves."""
    with Project(tmp_path / "p.unet") as project:
        project.settings.write(Settings(tile=64, width=4, batch=1, prediction_tile=64))
        project.add_class("nothing")
        project.add_class("cell")
        pixels = np.random.default_rng(0).integers(0, 40, (SIDE, SIDE)).astype(np.uint8)
        pixels[:, SIDE // 2 :] += 150
        project.commit(project.add_image(Image("halves", pixels, "yx")).id, 0, strokes())
    return tmp_path / "p.unet"


NAMES = ["best.safetensors", "best.json", "last.safetensors", "last.json", "previous.safetensors", "previous.json"]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_in_the_place_of_a_network_is_told_and_set_aside(halves: Path, name: str) -> None:
    """By repair, which finds nothing more to do afterwards; what was in it is kept, and training works."""
    (halves / "models" / name).mkdir(parents=True)
    (halves / "models" / name / "mine.txt").write_text("mine")
    (finding,) = verify(halves)
    assert finding.startswith("NU-M02: a folder lies where a file of the network belongs")
    assert name in finding
    (done,) = repair(halves)
    assert name in done
    assert repair(halves) == []
    assert verify(halves) == []
    (kept,) = halves.glob(f"models/damaged-*/{name}/mine.txt")
    assert kept.read_text() == "mine"


@pytest.mark.parametrize("name", ["best.json", "best.safetensors"])
def test_training_moves_a_folder_out_of_its_way(halves: Path, name: str) -> None:
    """Without a repair: the network is saved, and a line tells where the folder is."""
    (halves / "models" / name).mkdir(parents=True)
    with Project(halves) as project:
        result = train(project, steps=2, device="cpu")
    assert [line for line in result.warnings if line.startswith("NU-M02: a folder lies where")]
    assert verify(halves) == []
    assert list(halves.glob(f"models/damaged-*/{name}"))


def test_strokes_outlive_their_classes(halves: Path) -> None:
    """The page of the classes is zero: repair keeps the strokes under recovered classes, of the same numbers."""
    file = halves / "project.sqlite"
    with sqlite3.connect(file) as connection:
        root, size = (
            connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'classes'").fetchone()[0],
            connection.execute("PRAGMA page_size").fetchone()[0],
        )
    connection.close()
    data = bytearray(file.read_bytes())
    data[(root - 1) * size : root * size] = bytes(size)
    file.write_bytes(data)
    assert verify(halves)
    done = repair(halves)
    assert f"1 images and {np.count_nonzero(strokes())} painted pixels" in done[0]
    assert verify(halves) == []
    with Project(halves) as project:
        np.testing.assert_array_equal(project.strokes.plane(1, 0), strokes())
        assert [(label.id, label.name) for label in project.classes.all()] == [
            (1, "recovered background"),
            (2, "recovered class 2"),
        ]
        assert project.add_class().id == 3
        assert len({label.colour for label in project.classes.all()}) == 3


def truncated(folder: Path, left: int) -> bytes:
    """Leave so many bytes of the database, as a broken copy does, and return them."""
    data = (folder / "project.sqlite").read_bytes()[:left]
    (folder / "project.sqlite").write_bytes(data)
    return data


@pytest.mark.parametrize("lost", [4096, 5000])
def test_a_truncated_database_is_salvaged(halves: Path, lost: int) -> None:
    """SQLite does not open it: the pages that are there are read all the same, and the damaged one is kept."""
    size = (halves / "project.sqlite").stat().st_size
    data = truncated(halves, size - lost)
    with pytest.raises(UserError, match=r"^NU-P01: .*malformed.* run napari-unet verify --repair"):
        verify(halves)
    done = repair(halves)
    assert done[0].startswith(f"NU-P01: 1 images and {np.count_nonzero(strokes())} painted pixels could be read")
    assert verify(halves) == []
    with Project(halves) as project:
        np.testing.assert_array_equal(project.strokes.plane(1, 0), strokes())
        assert list(project.classes.names().values()) == ["nothing", "cell"]
    (kept,) = halves.glob("damaged-*/project.sqlite")
    assert kept.read_bytes() == data


@pytest.mark.parametrize("left", [50, 4096])
def test_a_database_of_which_nothing_can_be_read_is_refused(halves: Path, left: int) -> None:
    """Repair puts no empty project in its place."""
    data = truncated(halves, left)
    with pytest.raises(UserError, match=r"^NU-P01: ") as refused:
        repair(halves)
    assert "--repair" not in str(refused.value)
    assert (halves / "project.sqlite").read_bytes() == data
    assert list(halves.glob("damaged-*")) == []


def test_a_truncated_database_with_a_view_is_refused(halves: Path) -> None:
    """Nothing is read through what no version of this program makes."""
    with contextlib.closing(sqlite3.connect(halves / "project.sqlite")) as database:
        database.execute("DROP TABLE settings")
        database.execute("CREATE VIEW settings AS SELECT 'tile' AS name, '64' AS value")
        database.commit()
    data = truncated(halves, (halves / "project.sqlite").stat().st_size - 4096)
    with pytest.raises(UserError, match=r"^NU-P12: "):
        repair(halves)
    assert (halves / "project.sqlite").read_bytes() == data


def test_a_network_that_cannot_be_opened_is_a_finding(halves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify goes on after it, and repair leaves it where it is: nobody knows that it is damaged."""
    network = halves / "models" / "best.safetensors"
    network.parent.mkdir(exist_ok=True)
    network.write_bytes(b"secret")

    def closed(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("napari_unet.packaging.project_check.load_checkpoint", closed)
    for lines in (verify(halves), repair(halves)):
        assert lines == [
            f"NU-I10: it cannot be opened (Permission denied), {network}, check the path and its permissions"
        ]
    assert network.read_bytes() == b"secret"
