"""A hand that paints on a black image in a napari window, with a worker that only listens."""

from typing import Any

import numpy as np
import pytest
from fake_worker import FakeClient
from qtpy.QtCore import QPoint
from window import User, settle

from napari_unet.images.tiles import Region
from napari_unet.protocol import messages as m

SIDE = 128
STROKE = ((60, 40), (60, 90))


class Hand(User):
    """Find any pixel of any plane, however the layer lies and however it is looked at."""

    @property
    def worker(self) -> FakeClient:
        """Return the client that stands for the worker process."""
        return self.panel.controller.worker.client

    @property
    def looks(self) -> list[m.Look]:
        """Return the looks that the worker was asked for."""
        return [message for message in self.worker.sent if isinstance(message, m.Look)]

    def answer(self, region: Region, class_id: int, **changed: Any) -> None:
        """Send a tile of one class, as the worker would send it for what is on screen now."""
        controller, size = self.panel.controller, region.shape[0] * region.shape[1]
        fields = {"generation": controller.generation, "image_id": controller.image.id, "plane": controller.view.plane}
        self.worker.inbox = [m.Tile(**fields | changed, region=region, labels=bytes([class_id]) * size, step=7)]
        settle(lambda: not self.worker.inbox, 5)
        settle(seconds=0.3)  # it is drawn a tenth of a second later at the latest

    def colour(self, y: float, x: float) -> np.ndarray:
        """Return the colour that the screen shows at a pixel of the plane."""
        point = self.pixel(y, x)
        return np.asarray(self.viewer.screenshot(canvas_only=True, flash=False))[point.y(), point.x(), :3]

    def pixel(self, y: float, x: float) -> QPoint:
        """Return where on the canvas a pixel of the shown plane lies."""
        layer = self.panel.canvas.annotation
        planes = layer.data.shape[:-2]
        index = np.unravel_index(self.panel.canvas.watcher.plane, planes) if planes else ()
        world = layer.data_to_world((*index, y, x))
        down, right = (world[axis] for axis in self.viewer.dims.displayed[-2:])
        px, py = self.viewer.window._qt_viewer.canvas.view.scene.transform.map([right, down, 0, 1])[:2]
        return QPoint(round(px), round(py))


def open_black_image(viewer: Any, monkeypatch: pytest.MonkeyPatch, pixels: np.ndarray, **place: Any) -> Hand:
    """Open the panel on a black image, with a worker that only listens."""
    monkeypatch.setattr("napari_unet.gui.panel.WorkerProcess", FakeClient)
    viewer.add_image(pixels, name="dark", contrast_limits=(0, 1), **place)
    hand = Hand(viewer)
    hand.panel.view_row.opacity.setValue(100)
    return hand
