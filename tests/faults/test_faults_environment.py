"""F20, F22, F23, F28 to F30, F60: a folder that goes, slow disks, few handles, a poor system, a careless script."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from injectors import WHOLE, strace_works, under_strace
from napari.layers import Image as Layer
from painter import PAINT, acknowledged, states, stored

from benchmarks.reliability import SIDE, stroke
from napari_unet.errors import UserError
from napari_unet.gui.layers.source import default_project
from napari_unet.images.image import Image
from napari_unet.project.project import Project

if os.name != "posix":
    pytest.skip("limits, mounts and homes of POSIX", allow_module_level=True)


def test_a_folder_that_goes_takes_no_stroke_along(folder: Path) -> None:
    """F20: written into a deleted file, a stroke would be gone; so it is refused until the folder is back."""
    labels = stroke(np.zeros((SIDE, SIDE), np.uint8), 0, 0)
    later = stroke(labels, 1, 0)
    with Project(folder) as project:
        project.commit(1, 0, labels)
        away = folder.rename(folder.with_name("away"))
        with pytest.raises(UserError, match=r"^NU-P24: "):
            project.commit(1, 0, later)
        assert not folder.exists()
        away.rename(folder)
        assert project.commit(1, 0, later)
    np.testing.assert_array_equal(stored(folder), later)


def test_strokes_outlive_a_folder_that_was_deleted(folder: Path) -> None:
    """F20: kept elsewhere, they are in the copy from which the project is restored."""
    labels = stroke(np.zeros((SIDE, SIDE), np.uint8), 0, 0)
    shutil.copytree(folder, folder.with_name("copy"))
    with Project(folder) as project:
        image = project.images.get(1)
        project.strokes.plane(1, 0)
        shutil.rmtree(folder)
        with pytest.raises(UserError, match=r"^NU-P24: "):
            project.commit(1, 0, labels)
        project.rescued.keep(image, {0: labels})
    folder.with_name("copy").rename(folder)
    with Project(folder) as project:
        np.testing.assert_array_equal(project.strokes.plane(1, 0), labels)


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_backup_put_in_the_place_of_an_open_project_swallows_no_stroke(folder: Path, how: str) -> None:
    """F20: what would go into the file that was there before is refused, kept elsewhere, and taken by the copy."""
    labels = stroke(np.zeros((SIDE, SIDE), np.uint8), 0, 0)
    later = stroke(labels, 1, 0)
    with Project(folder) as project:
        project.commit(1, 0, labels)
    shutil.copytree(folder, folder.with_name("backup"))
    with Project(folder) as project:
        image = project.images.get(1)
        if how == "deleted":
            shutil.rmtree(folder)
        else:
            folder.rename(folder.with_name("away"))
        shutil.copytree(folder.with_name("backup"), folder)
        with pytest.raises(UserError, match=r"^NU-P24: another copy"):
            project.commit(1, 0, later)
        with pytest.raises(UserError, match=r"^NU-P24: another copy"):
            project.database.refuse_when_gone()  # as before a network is saved
        project.rescued.keep(image, {0: later})
    with Project(folder) as project:
        assert project.notices[0].startswith("NU-P21: ")
        np.testing.assert_array_equal(project.strokes.plane(1, 0), later)
    if how == "moved":
        np.testing.assert_array_equal(stored(folder.with_name("away")), labels)


def test_a_project_that_comes_back_takes_strokes_again(folder: Path) -> None:
    """F20: the copy is moved away and the folder that was open is put back: it is the same one again."""
    labels = stroke(np.zeros((SIDE, SIDE), np.uint8), 0, 0)
    with Project(folder) as project:
        away = folder.rename(folder.with_name("away"))
        shutil.copytree(away, folder)
        with pytest.raises(UserError, match=r"^NU-P24: "):
            project.commit(1, 0, labels)
        shutil.rmtree(folder)
        away.rename(folder)
        assert project.commit(1, 0, labels)
    np.testing.assert_array_equal(stored(folder), labels)


def test_no_stroke_waits_for_a_slow_flush(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F22: while a flush hangs in its thread, strokes are committed and can be read by another process."""
    begun, go_on, fsync = threading.Event(), threading.Event(), os.fsync

    def slow(handle: int) -> None:
        begun.set()
        assert go_on.wait(120)
        fsync(handle)

    labels = np.zeros((SIDE, SIDE), np.uint8)
    with Project(folder) as project:
        monkeypatch.setattr(os, "fsync", slow)
        project.commit(1, 0, stroke(labels, 0, 0))
        assert begun.wait(60)
        for number in range(1, 20):
            labels = stroke(labels, number, 0)
            project.commit(1, 0, labels)
        with Project(folder, read_only=True) as reader:
            np.testing.assert_array_equal(reader.strokes.plane(1, 0), labels)
        go_on.set()


@pytest.mark.skipif(not strace_works(), reason="needs strace and the right to trace")
def test_a_write_of_two_seconds_loses_nothing(folder: Path) -> None:
    """F23: the stroke waits for it, the next ones come after it, and all of them are there."""
    done = under_strace(PAINT, [str(folder), "0", "4", "1"], "pwrite64:delay_enter=2000000:when=4")
    assert done.returncode == 0, done.stderr
    assert acknowledged(done.stdout) == 3
    np.testing.assert_array_equal(stored(folder), states(4, 1)[-1])


FEW_HANDLES = """
import json, os, resource, sys
from pathlib import Path
import numpy as np
from napari_unet.project.project import Project
from napari_unet.errors import UserError
from napari_unet.images.reading import open_image
from napari_unet.storage import replace_file
from napari_unet.controller.worker_process import WorkerProcess

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
folder, paths = Path(sys.argv[1]), [Path(path) for path in sys.argv[2:]]
images = [open_image(path) for path in paths]
for image in images * 2:
    image.read(0)

def outcome(do):
    try:
        do()
    except UserError as error:
        return error.code
    return "done"

def refused():
    return [
        outcome(lambda: open_image(paths[0])),
        outcome(lambda: replace_file(folder / "a.json", lambda path: path.write_text("{}"))),
        outcome(lambda: WorkerProcess(folder / "worker.log")),
    ]

with Project(folder) as project:
    records = [project.add_image(image, path) for image, path in zip(images, paths)]
    taken = []
    while True:
        try:
            taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            break
    without = refused()
    labels = np.ones(records[0].annotation_shape, np.uint8)
    committed = outcome(lambda: project.commit(records[0].id, 0, labels))
    for handle in taken:
        os.close(handle)
    again = outcome(lambda: project.commit(records[0].id, 0, labels))
    print(json.dumps([without, committed, again, int(project.strokes.plane(records[0].id, 0).sum())]))
"""


def test_few_file_handles(folder: Path, tmp_path: Path) -> None:
    """F28: a hundred images need no handle each; with none left at all it is one line each, and no stroke is lost."""
    paths = []
    for number in range(100):
        paths.append(tmp_path / f"{number}.tif")
        tifffile.imwrite(paths[-1], np.full((40, 30), number, np.uint8), compression="zlib")
    done = subprocess.run(
        [sys.executable, "-c", FEW_HANDLES, folder, *paths], capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stderr
    without, committed, again, painted = json.loads(done.stdout)
    assert without == ["NU-I10", "NU-E01", "NU-W08"]
    assert committed in {"done", "NU-P07"}
    assert again == "done"
    assert painted == 40 * 30


def _job(tmp_path: Path) -> list[str]:
    """A training and its arguments, on an image with a name that is not ASCII."""
    pixels = np.random.default_rng(0).integers(0, 999, (80, 80)).astype(np.uint16)
    labels = np.zeros((80, 80), np.uint8)
    labels[5:9], labels[40:44] = 1, 2
    image, strokes = tmp_path / "Präparat µ.tif", tmp_path / "labels.tif"
    tifffile.imwrite(image, pixels)
    tifffile.imwrite(strokes, labels)
    given = {"project": tmp_path / "p.unet", "images": image, "labels": strokes, "steps": 2, "tile": 64, "width": 4}
    return ["-m", "napari_unet.cli", "train", *(str(x) for name, value in given.items() for x in (f"--{name}", value))]


@pytest.mark.skipif(not WHOLE, reason="takes half a minute; make faults runs it")
def test_without_shared_memory(tmp_path: Path) -> None:
    """F29: nothing of ours lies in /dev/shm."""
    hidden = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o ro none /dev/shm && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*hidden, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    job = [*hidden, sys.executable, *_job(tmp_path), "--device", "cpu"]
    done = subprocess.run(job, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr


def test_without_a_home_and_in_the_c_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F30: training works; a project that would go into the home is one line."""
    (tmp_path / "home").write_bytes(b"no folder")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "PYTHON"))}
    environment |= {"HOME": str(tmp_path / "home"), "LANG": "C", "LC_ALL": "C"}
    job = [sys.executable, *_job(tmp_path), "--device", "cpu"]
    done = subprocess.run(job, capture_output=True, env=environment, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    with Project(tmp_path / "p.unet", read_only=True) as project:
        assert [record.name for record in project.images.all()] == ["Präparat µ"]
    monkeypatch.setenv("HOME", environment["HOME"])
    layer = Layer(np.eye(9), name="made up")
    with pytest.raises(UserError, match=r"^NU-E01: "):
        Project(default_project(layer, Image("made up", np.eye(9), "yx"), None))


CARELESS = """
import sys, time
from pathlib import Path
from napari_unet.controller.worker_process import WorkerProcess
from napari_unet.decoder.client import DecoderClient
from napari_unet.protocol.messages import Ready

with open(sys.argv[1], "a") as runs:
    runs.write("x")
decoder = DecoderClient()
decoder.open(Path(sys.argv[2])).result()
decoder.stop()
client = WorkerProcess()
while not any(isinstance(message, Ready) for message in client.poll()):
    assert client.exit_code is None
    time.sleep(0.05)
client.close()
"""


def test_a_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    """F60: our processes are programs of their own and never start the user's script again."""
    tifffile.imwrite(tmp_path / "a.tif", np.eye(30, dtype=np.uint8))
    (tmp_path / "careless.py").write_text(CARELESS)
    command = [sys.executable, tmp_path / "careless.py", tmp_path / "runs", tmp_path / "a.tif"]
    environment = os.environ | {"NAPARI_UNET_DEVICE": "cpu"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs").read_text() == "x"
