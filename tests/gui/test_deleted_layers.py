"""A layer of ours that is deleted comes back, and napari goes on drawing whatever takes our layers away.

In a window of another process, because a crash of the drawing ends the process that it happens in.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

if not sys.platform.startswith("linux") or not os.environ.get("DISPLAY"):
    pytest.skip("needs a Linux display: run under xvfb-run", allow_module_level=True)

pytestmark = pytest.mark.torch  # their windows wait for an overlay of the worker

WINDOW = """
import sys, time
from pathlib import Path
import napari, numpy as np
from qtpy.QtWidgets import QApplication
from napari_unet.images.tiles import Region
from napari_unet.protocol.messages import Suggested

shape, acts = tuple(int(size) for size in sys.argv[1].split(",")), sys.argv[2:]
middle = tuple(size // 2 for size in shape[:-2])
viewer = napari.Viewer(show=True)
viewer.add_image(np.random.default_rng(0).integers(0, 255, shape, np.uint8), name="noise")
_, panel = viewer.window.add_plugin_dock_widget("napari-unet-live")

def settle(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)

def look():
    for _ in range(8):  # a crash came after a few drawings of a view that stayed still
        settle(0.05)
        viewer.screenshot(flash=False)
    planes = int(viewer.dims.nsteps[0]) if viewer.dims.ndim > 2 else 0
    for plane in range(planes):
        viewer.dims.set_point(0, plane)
        settle(0.05)
        viewer.screenshot(flash=False)
    settle(0.3)
    if planes:
        viewer.dims.set_point(0, planes // 2)
    settle(0.1)

def show(name):
    if name == "checked rectangles":
        panel.areas.draw()
        corners = ((50, 50), (50, 90), (90, 90), (90, 50))
        panel.areas.layer.add_rectangles(np.array([[*middle, y, x] for y, x in corners], float))
    elif name == "marks":
        image_id, plane = panel.controller.image.id, middle[0] if middle else 0
        there = Region(10, 10, 60, 60)
        panel.where_next.show_suggestion(Suggested(0, "here", image_id=image_id, plane=plane, region=there))
    else:
        panel.view_row.kind.setCurrentText(name)
        assert panel.view_row.kind.currentText() == name

while panel.canvas.annotation is None:
    settle(0.05)
settle(0.5)
for class_id, x in ((1, 150), (2, 30)):
    layer = panel.canvas.annotation
    with layer.block_history():
        for y in range(20, 180):
            layer.paint((*middle, y, x), class_id)
    settle(0.2)
painted = panel.canvas.annotation.data.copy()
for act in acts:
    way, name = act.split(":")
    if name in {"uncertainty", "objects"}:
        panel.view_row.kind.setCurrentText(name)
    if name == "checked rectangles":
        panel.areas.draw()
        viewer.layers["annotation"].mode = "paint"
    if name == "marks" and way != "show":
        show(name)
    settle(0.5)
    if way == "show":
        show(name)
    elif way == "close":
        viewer.window.remove_dock_widget(panel)
    elif way == "open":
        panel.open_project(Path.home() / name)
    elif way == "choose":
        other = (200, 200) if middle else (5, 200, 200)
        panel.choose_image(viewer.add_image(np.zeros(other, np.uint8), name=name))
    elif way == "select":
        viewer.layers.selection = {viewer.layers[name]}
        viewer.layers.remove_selected()
    else:
        viewer.layers.remove(name)
    look()
    if way in {"code", "select"} and name != "noise":
        assert (panel.canvas.annotation.data == painted).all()
        panel.canvas.annotation.undo()
        assert (panel.canvas.annotation.data != painted).any()
        panel.canvas.annotation.redo()
    print("after", act, sorted(layer.name for layer in viewer.layers), flush=True)
viewer.close()
settle(0.2)
print("closed", flush=True)
"""


def run_window(home: Path, shape: str, *acts: str) -> list[str]:
    """Delete layers in a window; its lines, the last of which says that it was closed and not ended by a signal."""
    environment = {**os.environ, "HOME": str(home), "NAPARI_CONFIG": str(home / "settings.yaml")}
    arguments = [sys.executable, "-c", WINDOW, shape, *acts]
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done.stdout.splitlines()


SHAPES = pytest.mark.parametrize("shape", ["200,200", "5,200,200"])


@pytest.mark.parametrize(("shape", "way"), [("200,200", "code"), ("5,200,200", "select")])
def test_layers_over_the_image_come_back(tmp_path: Path, shape: str, way: str) -> None:
    """Deleted by code or in the layer list, each is back, the strokes and their undo history with it."""
    names = ("annotation", "prediction", "marks", "checked rectangles")
    acts = [f"{way}:{name}" for name in names]
    lines = run_window(tmp_path, shape, *acts)
    kept = ["annotation", "noise", "prediction"]
    for act, line in zip(acts, [line for line in lines if line.startswith("after")], strict=True):
        made = names[: names.index(act.split(":")[1]) + 1]
        assert line == f"after {act} {sorted({*kept, *made})}"
    assert [line.split('"')[1] for line in lines if "is back" in line] == [*names]
    assert lines[-1] == "closed"


@SHAPES
def test_a_map_that_is_deleted_is_not_wanted(tmp_path: Path, shape: str) -> None:
    """A map and the objects stay away until they are chosen again; the image may go while they were shown."""
    acts = ["select:uncertainty", "code:uncertainty", "select:objects", "code:objects", "code:noise"]
    lines = run_window(tmp_path, shape, *acts)
    after = [line for line in lines if line.startswith("after")]
    assert len(after) == len(acts)
    for act, line in zip(acts[:4], after, strict=False):
        assert f"'{act.split(':')[1]}'" not in line
        assert "'annotation'" in line
    assert after[-1] == "after code:noise []"
    assert lines[-1] == "closed"


SHOWN = ("probability", "objects", "checked rectangles", "marks")


@pytest.mark.parametrize(
    ("shape", "last", "rest"),
    [
        ("200,200", "close:panel", ["noise"]),
        ("5,200,200", "open:other.unet", ["noise"]),
        ("200,200", "choose:other", ["annotation", "noise", "objects", "other", "prediction"]),
        ("5,200,200", "select:noise", []),
    ],
)
def test_all_that_was_shown_goes(tmp_path: Path, shape: str, last: str, rest: list[str]) -> None:
    """The panel is closed, another project opened, an image of other axes chosen, or the image deleted.

    Map, objects, a rectangle and a suggestion were shown then, and the annotation had come back once.
    """
    lines = run_window(tmp_path, shape, "code:annotation", *(f"show:{name}" for name in SHOWN), last)
    assert [line for line in lines if line.startswith("after show")][-1].count("'") == 2 * 7
    assert lines[-2:] == [f"after {last} {rest}", "closed"]


@SHAPES
def test_the_window_is_drawn_after_a_test_area_goes_with_the_panel(tmp_path: Path, shape: str) -> None:
    """The least that crashed: texts of a layer of shapes, deleted with nothing drawn in between."""
    lines = run_window(tmp_path, shape, "show:checked rectangles", "close:panel")
    assert "'checked rectangles'" in next(line for line in lines if line.startswith("after show"))
    assert lines[-2:] == ["after close:panel ['noise']", "closed"]
