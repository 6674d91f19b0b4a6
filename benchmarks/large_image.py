"""A plane larger than memory in a real window: painted in places far apart, learned and predicted where it is seen.

Peak memory is that of the window's process and of its worker, everything included that Python, Qt and torch take.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import zarr

from benchmarks.report import machine, table
from benchmarks.window import PaintingWindow

MIB = 2**20
CHUNK = 1024  # px, and the period of the drawing
LEVELS = 7
_CELLS = 8  # of the drawing, in a row and in a column
_ROWS_ON_SCREEN = 700
_ANSWER_WITHIN_S = 300.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=50_000, help="of the square image [px]")
    parser.add_argument("--seconds", type=float, default=60.0, help="of training after the last stroke")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="napari-unet-large-") as folder:
        print(report(Path(folder), options.side, options.seconds))
    return 0


def report(folder: Path, side: int, seconds: float) -> str:
    image = folder / "nuclei.ome.zarr"
    draw(image, side)
    began = time.perf_counter()
    window = PaintingWindow(image)
    rows = [["open, the panel's start included", f"{time.perf_counter() - began:.1f} s"]]
    for number, share in enumerate(((0.5, 0.5), (0.8, 0.2), (0.1, 0.97)), start=1):
        corner = [int(part * side) // CHUNK * CHUNK for part in share]
        go(window, *corner)
        if number > 1:
            taken = predicted(window)
            rows.append([f"from a jump to place {number} to a prediction all over the screen", f"{taken:.1f} s"])
        paint(window, *corner)
        if number == 1:
            taken = predicted(window)
            what = "from the first strokes to a prediction all over the screen, the worker's start included"
            rows.append([what, f"{taken:.1f} s"])
    window.wait(seconds)
    controller, progress = window.panel.controller, window.panel.training.progress
    client, project = controller.worker.client, controller.project
    if client is None or progress is None or project is None:
        raise RuntimeError(f"no worker at the end: {window.panel.status_line.text()}")
    tiles = project.database.execute("SELECT COUNT(*) FROM tiles").fetchone()[0]
    rows += [
        ["training steps", str(progress.step)],
        ["peak memory of the window (goal 1536)", f"{peak('self') / MIB:.0f} MiB"],
        ["peak memory of the worker (goal 2048)", f"{peak(str(client.pid)) / MIB:.0f} MiB"],
        ["strokes on disk", f"{tiles} tiles, {weight(project.folder, 'project.sqlite*') / MIB:.2f} MiB"],
        ["project, networks and log included", f"{weight(project.folder, '**/*') / MIB:.1f} MiB"],
        ["image on disk", f"{weight(image, '**/*') / MIB:.0f} MiB, {side**2 / 2**30:.2f} GiB of pixels"],
    ]
    window.close()
    note = f"{side} x {side} px, uint8, OME-Zarr with {LEVELS} resolutions. {machine('napari', 'torch')}"
    return "\n\n".join(["## Large image", table(["", ""], rows), note])


def draw(path: Path, side: int) -> None:
    """Draw nuclei on a grid, the same in every chunk but for the brightness, at every resolution."""
    y, x = np.mgrid[:CHUNK, :CHUNK] % (CHUNK // _CELLS) - CHUNK // _CELLS // 2
    piece = 60 + 120 / (1 + np.exp((np.hypot(y, 1.3 * x) - 30) / 2))
    datasets = []
    for level in range(LEVELS):
        small, size = piece[:: 2**level, :: 2**level], -(-side // 2**level)
        array = zarr.create_array(path / str(level), shape=(size, size), dtype=np.uint8, chunks=(CHUNK, CHUNK))
        width = np.arange(size) % small.shape[1]
        for top in range(0, size, CHUNK):
            rows = np.arange(top, min(top + CHUNK, size))
            band = small[np.ix_(rows % small.shape[0], width)]
            array[top : top + CHUNK] = (band + 15 * np.sin(np.arange(size) * 2**level / 3000)).astype(np.uint8)
        scale = [float(2**level)] * 2
        datasets.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    axes = [{"name": name, "type": "space"} for name in "yx"]
    group = zarr.open_group(path, mode="a")
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}


def go(window: PaintingWindow, y: int, x: int) -> None:
    """Look at a place, and wait until the layers lie there."""
    camera, step = window.viewer.scene.camera, CHUNK // _CELLS
    camera.center = (0, y + 2 * step, x + 2 * step)
    camera.zoom = window.viewer.canvas.size[0] / _ROWS_ON_SCREEN
    canvas = window.panel.canvas
    if not window.wait(_ANSWER_WITHIN_S, lambda: (y, x) in canvas.cover and not canvas.annotation_layer.is_too_far_out):
        raise RuntimeError("the layers did not follow")


def paint(window: PaintingWindow, y: int, x: int) -> None:
    """Paint two strokes between the nuclei, and one in each of two nuclei."""
    step = CHUNK // _CELLS
    for class_id, row, first in ((1, 0, 0.2), (1, 2, 2.2), (2, 0.5, 0.4), (2, 2.5, 1.4)):
        window.paint_with(class_id)
        length = 0.2 if class_id == 2 else 1.6
        columns = np.linspace(x + first * step, x + (first + length) * step, 40)
        window.drag(np.column_stack([np.full(40, y + row * step + 4), columns]))


def predicted(window: PaintingWindow) -> float:
    """Return the seconds from now until every pixel on screen has a prediction."""
    began, canvas = time.perf_counter(), window.panel.canvas

    def is_done() -> bool:
        visible, cover = canvas.visible(), canvas.cover
        if visible is None:
            return False
        return bool(canvas.prediction.data[visible.within(cover).moved(-cover.y0, -cover.x0).slices].all())

    if not window.wait(_ANSWER_WITHIN_S, is_done):
        raise RuntimeError(f"no answer: {window.panel.status_line.text()}")
    return time.perf_counter() - began


def peak(process: str) -> int:
    """Return the highest memory of a process so far in bytes (Linux)."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def weight(folder: Path, pattern: str) -> int:
    """Return the bytes of the files."""
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file())


if __name__ == "__main__":
    raise SystemExit(main())
