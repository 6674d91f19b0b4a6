"""A drawing of bright squares on noise, and an engine of the worker that runs in the process of the test."""

from typing import TYPE_CHECKING, Any

import numpy as np
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.images.image import Image
from napari_unet.project.project import Project

if TYPE_CHECKING:
    from napari_unet.worker.engine import Engine

HEIGHT, WIDTH, TILE = 150, 200, 64


def bright_squares() -> Drawing:
    """Draw bright squares on noise, without strokes."""
    pixels = np.random.default_rng(0).normal(0, 0.2, (HEIGHT, WIDTH)).astype(np.float32)
    pixels[20:50, 20:60] += 1
    pixels[90:130, 100:160] += 1
    return Drawing(Image("squares", pixels, "yx"), settings=Settings(tile=64, width=4, prediction_tile=TILE))


class Clock:
    """Let time pass only when it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return a time a twentieth of a second later."""
        self.now += 0.05
        return self.now


def paint(project: Project) -> None:
    """Paint a few strokes of both classes."""
    labels = project.strokes.plane(1, 0)
    labels[30:34, 25:55] = 2
    labels[5:9, 5:150] = 1
    project.commit(1, 0, labels)


def rest(engine: "Engine") -> None:
    """Work until nothing is left to do."""
    for _ in range(1000):
        if not engine.has_work:
            return
        engine.work()
    raise AssertionError("the engine never rests")


def of(kind: type, said: list[Any]) -> list[Any]:
    """Return the messages of one kind."""
    return [message for message in said if isinstance(message, kind)]
