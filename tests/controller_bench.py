"""A controller on a bench: its window only remembers, its workers are fake, and the test sets its clock."""

from pathlib import Path
from typing import Any

import numpy as np
from fake_worker import FakeClient

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ErrorLine, Notice
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.protocol import messages as m

SIDE = 96
VIEW = Region(0, 0, 50, 60)
KINDS = (
    *(m.Tile, m.Objects, m.Weights, m.Ready, m.Progress, m.Scored, m.Agreed, m.Doubted, m.OtherPixelSize),
    *(m.Exporting, m.Exported, m.Suggested, ErrorLine, Notice),
)


class Bench:
    """A controller with a window that only remembers, fake workers and a clock that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.heard: list[Any] = []
        self.clients: list[FakeClient] = []
        self.now = 0.0
        self.controller = Controller(self.start, lambda: self.now)
        for kind in KINDS:
            self.controller.subscribe(kind, self.heard.append)
        project = self.controller.open_project(folder)
        noise = Image("noise", np.arange(SIDE * SIDE * 2.0).reshape(2, SIDE, SIDE), "zyx")
        self.controller.show_image(project.add_image(noise))
        self.labels = np.zeros((SIDE, SIDE), np.uint8)

    def start(self, log: Path) -> FakeClient:
        """One more worker."""
        self.clients.append(FakeClient(log))
        return self.clients[-1]

    @property
    def client(self) -> FakeClient:
        """The present worker."""
        return self.clients[-1]

    def paint(self, value: int) -> bool:
        """A stroke of a class, on rows of its own."""
        self.labels[value * 5] = value
        return self.controller.strokes.commit(0, self.labels.copy())

    def die(self) -> None:
        """The worker ends by itself and the controller looks."""
        self.client.exit_code = -9
        self.controller.tick()

    def lines(self) -> list[str]:
        """Messages shown."""
        return [error.line for error in self.told(ErrorLine)]

    def told(self, kind: type[Any]) -> list[Any]:
        """News of one kind, in order."""
        return [news for news in self.heard if type(news) is kind]


def tile(generation: int, plane: int = 0) -> m.Tile:
    """A predicted tile of two rows."""
    return m.Tile(generation, 1, plane, Region(4, 6, 6, 9), bytes([1, 2, 1, 2, 1, 2]), 9)
