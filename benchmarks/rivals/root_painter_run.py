"""Runs RootPainter's own trainer on strokes that are painted while it learns; started by its own Python.

    python root_painter_run.py FOLDER

It uses the program's data set, network, loss, epoch and segmentation as they are, and only paints, looks at the clock
and segments in between. FOLDER holds ``task.json`` and ``task.npz``; ``mark-N.npz`` is written for every mark reached.
"""

import contextlib
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

# PyPI's torchvision is built for CUDA; beside a torch without it, its operators cannot be loaded. The trainer calls
# none of them, but torchvision describes these two when it is imported, so they must have a name.
try:
    import torchvision  # noqa: F401
except RuntimeError:
    _OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
    for _name in ("nms", "qnms"):
        _OPERATORS.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import root_painter_trainer  # noqa: F401 - puts the trainer's modules on the path
from datasets import TrainDataset
from model_utils import ensemble_segment, epoch
from skimage.io import imsave
from torch.utils.data import DataLoader
from unet import UNetGNRes

MOMENTUM = 0.99
RIM = 72  # px that a tile loses on its way through the network


class Run:
    """One training with its clock, its strokes and its marks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.task: dict[str, Any] = json.loads((folder / "task.json").read_text())
        with np.load(folder / "task.npz") as arrays:
            self.arrays = {name: arrays[name] for name in arrays.files}
        self.steps = 0
        self.training = 0.0
        self.reached = 0
        self.shown_revision = -1
        self.began = self.since = time.monotonic()
        self.images, self.annotations = folder / "images", folder / "annotations"
        for path in (self.images, self.annotations):
            path.mkdir()
        for index in range(self.task["images"]):
            imsave(self.images / f"{index}.png", self.arrays[f"image_{index}"], check_contrast=False)
        random.seed(self.task["seed"])
        np.random.seed(self.task["seed"])  # noqa: NPY002 - the trainer draws from it
        torch.manual_seed(self.task["seed"])
        self.model = torch.nn.DataParallel(UNetGNRes())

    @property
    def now(self) -> float:
        """Time so far, in the unit of the marks."""
        return self.steps if self.task["unit"] == "steps" else self.training

    @property
    def is_over(self) -> bool:
        """Tell whether all marks are reached."""
        return self.reached == len(self.task["marks"])

    def learn(self) -> None:
        """Train until the last mark or the limit."""
        self.paint()
        tile = self.task["tile"]
        data = TrainDataset(str(self.annotations), str(self.images), tile, tile - RIM)
        loader = DataLoader(data, self.task["batch"], shuffle=True, num_workers=0)
        optimiser = torch.optim.SGD(self.model.parameters(), lr=self.task["rate"], momentum=MOMENTUM, nesterov=True)
        self.since = time.monotonic()
        while not self.is_over:
            epoch(self.model, loader, self.task["batch"], optimiser, self.step_done, lambda: self.is_over)

    def step_done(self) -> None:
        """Count a step, paint what is due, and test at a mark, which does not count as training."""
        self.steps += 1
        self.training += time.monotonic() - self.since
        is_late = time.monotonic() - self.began > self.task["limit"]
        while not self.is_over and self.now >= self.task["marks"][self.reached]:
            self.test(on_time=True)
        if is_late and not self.is_over:
            self.test(on_time=False)
            self.reached = len(self.task["marks"])
        self.paint()
        self.since = time.monotonic()

    def paint(self) -> None:
        """Bring the annotations to the newest revision that is due."""
        due = max(0, int(np.searchsorted(self.arrays["moments"], self.now, side="right")) - 1)
        if due == self.shown_revision:
            return
        self.shown_revision = due
        for index in range(self.task["images"]):
            labels = self.arrays[f"labels_{due}_{index}"]
            if labels.any():
                colours = np.zeros((*labels.shape, 4), np.uint8)
                colours[labels == 2] = (255, 0, 0, 180)
                colours[labels == 1] = (0, 255, 0, 180)
                imsave(self.annotations / f"{index}.png", colours, check_contrast=False)

    def test(self, *, on_time: bool) -> None:
        """Segment the test images as the program does, flipped ones averaged in."""
        weights = self.folder / "network.pkl"
        torch.save(self.model.state_dict(), weights)
        tile = self.task["tile"]
        masks = {}
        with torch.no_grad():
            for index in range(self.task["tests"]):
                image = self.arrays[f"test_{index}"]
                found = ensemble_segment([str(weights)], image, 1, tile, tile - RIM)
                masks[f"test_{index}"] = found.astype(np.uint8)
        name = f"mark-{self.reached}.npz"
        np.savez_compressed(self.folder / name, steps=self.steps, seconds=self.training, on_time=on_time, **masks)
        self.reached += 1
        print(f"{name}: step {self.steps}, {self.training:.1f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        Run(Path(sys.argv[1])).learn()
