"""F10, F16, F38, F42, F57: what happens to the window and its layers costs no stroke and leaves nothing behind."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import psutil
import pytest
from fake_worker import SilentClient
from injectors import WHOLE, small_disk
from napari.layers import Image
from napari.utils.notifications import notification_manager
from window import User, drawn_image, messages, settle

from napari_unet.errors import UserError
from napari_unet.images import image as pictures
from napari_unet.project.project import Project


@pytest.mark.parametrize("order", ["panel", "viewer", "image", "annotation", "all layers"])
def test_strokes_that_a_full_disk_refused_outlive_their_layer(
    user: User, caplog: pytest.LogCaptureFixture, order: str
) -> None:
    """F10, F16: whatever goes first; the next opening finds them, and the place was told."""
    project, viewer = user.panel.controller.project, user.viewer
    folder = project.folder
    user.draw(1, (15, 75), (90, 75))
    before = user.stored()
    noise = np.random.default_rng(0).integers(0, 3, before.shape).astype(np.uint8)
    database = project.database
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    user.panel.canvas.annotation.data[...] = noise
    assert settle(lambda: user.panel.canvas.watcher.unsaved == {0}, 10)
    np.testing.assert_array_equal(user.stored(), before)
    settle(seconds=0.5)  # napari draws what it has to say
    {
        "panel": lambda: viewer.window.remove_dock_widget(user.panel),
        "viewer": viewer.close,
        "image": lambda: viewer.layers.remove("cells"),
        "annotation": lambda: viewer.layers.remove("annotation"),
        "all layers": viewer.layers.clear,
    }[order]()
    if order != "panel":  # drawing on after that has crashed Mesa, see below
        settle(seconds=0.5)
    if order != "viewer":
        viewer.close()
    settle(seconds=0.1)
    assert [line[:6] for line in messages()] == ["NU-P07"]
    assert [record.message[:6] for record in caplog.records if record.name.startswith("napari_unet")] == ["NU-P20"]
    with Project(folder) as again:
        np.testing.assert_array_equal(again.strokes.plane(1, 0), noise)
        assert [line[:6] for line in again.notices] == ["NU-P21"]


def test_a_disk_that_fills_while_one_paints(viewer: Any, tmp_path: Path) -> None:
    """F16: a real disk without a byte left is told once; painting goes on, and all is saved once there is room."""
    with small_disk(tmp_path / "disk", 8) as disk:
        with Project(disk / "p.unet") as project:
            project.add_class()
            project.add_image(pictures.Image("cells", drawn_image(), "yx"))
        user = User.of_project(viewer, disk / "p.unet", SilentClient)
        user.draw(1, (15, 15), (15, 60))
        before = user.stored()
        with open(disk / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))
        rng = np.random.default_rng(0)
        for number in range(12):  # what the log has room for is kept, then nothing more fits
            user.panel.canvas.annotation.data[...] = rng.integers(0, 2, before.shape)
            user.draw(1, (30 + 10 * number, 15), (30 + 10 * number, 60))
        assert settle(lambda: user.panel.canvas.watcher.unsaved == {0}, 10)
        told = [line[:6] for line in messages()]
        assert told.count("NU-P07") == 1
        (disk / "filler").unlink()
        assert settle(lambda: not user.panel.canvas.watcher.unsaved, 10)
        np.testing.assert_array_equal(user.stored(), user.painted)
        viewer.window.remove_dock_widget(user.panel)
        settle(seconds=0.1)


@pytest.mark.parametrize(
    "where",
    ["controller.strokes.commit", "canvas.annotation_layer.plane_labels", "shown.saving.settled", "controller.publish"],
)
def test_an_error_in_a_listener_costs_no_stroke(
    user: User, qtbot: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """F42: what is painted stays on the layer and is saved as soon as the error has gone, on whatever plane."""
    owner: Any = user.panel
    *path, name = where.split(".")
    for part in path:
        owner = getattr(owner, part)
    faults: list[int] = []

    def fail(*_: Any) -> Any:
        faults.append(1)
        raise RuntimeError("injected")

    user.draw(1, (15, 75), (40, 75))
    with monkeypatch.context() as patch, qtbot.capture_exceptions():
        if name == "publish":
            patch.setattr(
                user.panel.controller.strokes, "commit", _raising(UserError("NU-P07", "full", "there", "wait"))
            )
        patch.setattr(owner, name, fail)
        user.draw(2, (32, 32), (48, 48))
        settle(seconds=0.1)
        assert faults
        assert (user.painted == 2).any()
        assert user.panel.canvas.watcher.unsaved == {0}
    assert settle(lambda: np.array_equal(user.stored(), user.painted), 10)
    assert settle(lambda: user.panel.canvas.watcher.unsaved == set(), 10)


def _raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def test_layers_may_change_at_any_time_while_training(user: User) -> None:
    """F38: renamed, moved, hidden, copied, taken away and put back at random times; no error, no stroke lost."""
    chance = np.random.default_rng(0)
    layers, panel = user.viewer.layers, user.panel
    user.draw_two_classes()
    assert settle(lambda: panel.controller.training.is_on)

    def rename() -> None:
        layers[int(chance.integers(len(layers)))].name = f"renamed {chance.integers(99)}"

    def hide() -> None:
        layer = layers[int(chance.integers(len(layers)))]
        layer.visible = not layer.visible

    def move() -> None:
        layers.move(int(chance.integers(len(layers))), int(chance.integers(len(layers))))

    def copy() -> None:
        layers.append(Image(panel.canvas.image.data, name="copy"))

    def take(what: str) -> None:
        layers.remove(getattr(panel.canvas, what))
        settle(seconds=0.3)
        panel.choose_image(next(layer for layer in layers if isinstance(layer, Image)))

    def replace() -> None:
        image = panel.canvas.image
        layers.remove(image)
        settle(seconds=0.3)
        panel.choose_image(user.viewer.add_image(image.data, name="again"))

    acts = [rename, hide, move, copy, replace, *(lambda what=what: take(what) for what in ("annotation", "prediction"))]
    for turn in range(20 if WHOLE else 3):
        settle(seconds=float(chance.uniform(0, 0.7)))
        acts[int(chance.integers(len(acts))) if turn >= len(acts) else turn * 2 % len(acts)]()
        settle(seconds=0.05)
        assert panel.canvas.annotation is not None
        panel.canvas.annotation.paint((20 + turn, 100), 1 + turn % 2)
        assert settle(lambda: np.array_equal(user.stored(), user.painted), 5)
    assert (user.stored()[20 : 20 + turn + 1, 100] > 0).all()
    assert [n for n in notification_manager.records if n.severity >= "error"] == []


def test_a_panel_opened_and_closed_leaves_nothing(qtbot: Any) -> None:
    """F57: in one viewer after the other; file handles, threads and processes do not grow, and no layer of ours stays.

    Not in one viewer: drawing it again after a panel was closed crashes Mesa 22.3.6 (napari 0.9.2).
    """
    notification_manager.records.clear()
    me = psutil.Process()
    counts = []
    for _ in range(50 if WHOLE else 3):
        viewer = napari.Viewer(show=True)
        viewer.add_image(drawn_image(), name="cells")
        user = User(viewer)
        user.draw(1, (15, 75), (40, 75))
        settle(seconds=0.5)
        viewer.window.remove_dock_widget(user.panel)
        assert [layer.name for layer in viewer.layers] == ["cells"]
        viewer.close()
        settle(seconds=0.1)
        counts.append((me.num_fds(), threading.active_count(), len(me.children())))
    # From the second window on: what the process opens once is no leak.
    assert all(now <= then for now, then in zip(counts[-1], counts[1], strict=True)), counts
    assert messages() == []


def test_window_and_command_line_share_a_project(user: User) -> None:
    """F12: a training is refused by name, ``verify`` finds nothing wrong, and the window paints on."""
    folder = user.panel.controller.project.folder

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "napari_unet.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)

    user.draw(1, (15, 75), (90, 75))
    before = user.stored()
    assert before.any()
    refused = run("train", "--project", str(folder), "--steps", "1")
    assert refused.returncode == 2
    (line,) = [line for line in refused.stderr.splitlines() if "NU-" in line]
    assert line.startswith("error: NU-P09: the project is open in another program (process ")
    checked = run("verify", str(folder))
    assert (checked.returncode, checked.stdout) == (0, "")
    np.testing.assert_array_equal(user.stored(), before)
    user.draw(2, (15, 20), (90, 20))
    after = user.stored()
    assert np.count_nonzero(after) > np.count_nonzero(before)
    with Project(folder, read_only=True) as project:
        np.testing.assert_array_equal(project.strokes.plane(1, 0), after)
