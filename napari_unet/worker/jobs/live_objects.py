"""Finds and measures the objects of the plane on screen, in a thread, so that tiles and training go on meanwhile."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Num, UInt8

from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.images.image import PixelSize
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.tiles import Region
from napari_unet.objects.measurements import measure_plane, measurement_columns
from napari_unet.objects.objects import object_settings, objects_of_plane
from napari_unet.packaging.prediction_files import styles
from napari_unet.prediction.view import View
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Noticed, Objects
from napari_unet.training.learner import Learner

WISH = "objects"  # in place of a map
MOST_PIXELS = 4096 * 4096
_MOST_OBJECTS = np.iinfo(np.uint16).max
_PAUSE_S = 2.0  # between two answers at least
_REST = 2.0  # seconds without looking for objects after every second of it
_FIX = "export the objects as CSV or in a file format, which has no such limit"


@dataclass(frozen=True, slots=True)
class PredictedPlane:
    """A plane whose every pixel is predicted, and what tells its objects apart and is measured of them."""

    generation: int
    image_id: int
    plane: int
    mask: UInt8[np.ndarray, "y x"]  # class - 1
    pixels: Num[np.ndarray, "y x c"]
    pixel_size: PixelSize
    class_names: tuple[str, ...]  # indexed by mask value
    settings: Settings


class LiveObjects:
    """Collects the tiles of the plane on screen until all were predicted, and has the objects of what is there found.

    Parameters
    ----------
    send : takes messages, from another thread
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._thread = _Thread(send)
        self._generation = -1
        self._labels = np.zeros((0, 0), np.uint8)  # class ids, 0 where nothing was predicted yet
        self._pixels: Num[np.ndarray, "y x c"] | None = None
        self._asked: tuple[Any, ...] = ()

    def put(self, view: View, region: Region, labels: UInt8[np.ndarray, "h w"], planes: NormalisedPlanes) -> None:
        """Note a predicted tile of what is on screen."""
        if view.map != WISH:
            return
        shape = (planes.image.height, planes.image.width)
        if view.generation != self._generation:
            self._begin(view.generation, shape)
        if self._labels.size and not np.array_equal(self._labels[region.slices], labels):
            self._labels[region.slices] = labels
            self._asked = ()

    def ask(self, view: View | None, learner: Learner) -> None:
        """Have the objects found, unless pixels are missing or nothing is different from the last time."""
        if view is None or view.map != WISH or view.generation != self._generation:
            return
        if not self._labels.size or not self._labels.all():
            return
        classes = styles(learner.project.classes.all(), int(self._labels.max()) - 1)
        names, settings = tuple(style.name for style in classes), learner.project.settings.read()
        wish = (names, object_settings(settings))
        if wish == self._asked:
            return
        self._asked = wish
        image = learner.annotations.pixels(view.image_id).image
        if self._pixels is None:
            self._pixels = image.read(view.plane)
        place = (view.generation, view.image_id, view.plane)
        self._thread.ask(
            PredictedPlane(*place, self._labels - np.uint8(1), self._pixels, image.pixel_size, names, settings)
        )

    def _begin(self, generation: int, shape: tuple[int, int]) -> None:
        self._generation, self._pixels, self._asked = generation, None, ()
        fits = shape[0] * shape[1] <= MOST_PIXELS
        self._labels = np.zeros(shape if fits else (0, 0), np.uint8)
        if not fits:
            self._send(Noticed(str(_too_much(f"a plane of {shape[0]} x {shape[1]} pixels"))))


def measured_objects(plane: PredictedPlane) -> Objects:
    """Numbers and measurements of the objects of a plane, the same as an export of this plane alone has.

    Raises
    ------
    UserError
        NU-O01 when there are more than 65535 of them.
    """
    numbers, values = objects_of_plane(plane.mask, plane.settings)
    if len(values) - 1 > _MOST_OBJECTS:
        raise _too_much(f"{len(values) - 1} objects")
    table = measure_plane(numbers, values, plane.pixels, plane.pixel_size, plane.class_names, plane.plane)
    columns = tuple(measurement_columns(plane.pixel_size, plane.pixels.shape[2]))
    rows = tuple(tuple(row[name] for name in columns) for row in table)
    return Objects.of(plane.generation, (plane.image_id, plane.plane), numbers, columns, rows)


class _Thread:
    """Answers the newest wish, with pauses; begins when the first one comes, and ends with the process."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._wish: PredictedPlane | None = None
        self._wished = threading.Condition()
        self._thread: threading.Thread | None = None
        self._told = ""

    def ask(self, plane: PredictedPlane) -> None:
        """Answer this wish next; one that was not begun is forgotten."""
        with self._wished:
            self._wish = plane
            self._wished.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._wished:
                self._wished.wait_for(lambda: self._wish is not None)
                plane, self._wish = self._wish, None
            began = time.monotonic()
            try:
                if plane is not None:
                    self._answer(plane)
            except OSError:
                return  # the window is gone
            time.sleep(max(_PAUSE_S, _REST * (time.monotonic() - began)))

    def _answer(self, plane: PredictedPlane) -> None:
        try:
            self._send(measured_objects(plane))
        except UserError as error:
            self._tell_once(error)
        except MemoryError:
            self._tell_once(_too_much(f"a plane that needs more memory ({plane.mask.nbytes >> 20} Mpx)"))

    def _tell_once(self, error: UserError) -> None:
        if str(error) != self._told:
            self._told = str(error)
            self._send(Noticed(self._told))


def _too_much(what: str) -> UserError:
    return UserError("NU-O01", f"{what} cannot be shown live", "objects", _FIX)
