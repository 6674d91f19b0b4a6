"""Finds and measures the objects of a plane in a thread of its own, so that tiles and training go on meanwhile."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Num, UInt8

from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.images.image import PixelSize
from napari_unet.objects.measurements import measure_plane, measurement_columns
from napari_unet.objects.objects import objects_of_plane
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Noticed, Objects

MOST_OBJECTS = np.iinfo(np.uint16).max
PAUSE_S = 2.0  # between two answers at least
REST = 2.0  # seconds without looking for objects after every second of it
_FIX = "export the objects as CSV or in a file format, which has no such limit"


@dataclass(frozen=True, slots=True)
class PredictedPlane:
    """A plane whose every pixel is predicted, with the facts that finding and measuring its objects need."""

    generation: int
    image_id: int
    plane: int
    mask: UInt8[np.ndarray, "y x"]  # class - 1
    pixels: Num[np.ndarray, "y x c"]
    pixel_size: PixelSize
    class_names: tuple[str, ...]  # indexed by mask value
    settings: Settings


class ObjectFinder:
    """Answers the newest wish, with pauses; the thread begins with the first wish and ends with the process.

    Parameters
    ----------
    send : takes messages, from the thread
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._wish: PredictedPlane | None = None
        self._wished = threading.Condition()
        self._thread: threading.Thread | None = None
        self._told = ""

    def ask(self, plane: PredictedPlane) -> None:
        """Answer this wish next; forget one that was not begun."""
        with self._wished:
            self._wish = plane
            self._wished.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def answer(self, plane: PredictedPlane) -> None:
        """Send the objects of a plane, or one line, once, when there are too many."""
        try:
            self._send(measured_objects(plane))
        except UserError as error:
            self._tell_once(error)
        except MemoryError:
            self._tell_once(too_much(f"a plane that needs more memory ({plane.mask.nbytes >> 20} Mpx)"))

    def _run(self) -> None:
        while True:
            with self._wished:
                self._wished.wait_for(lambda: self._wish is not None)
                plane, self._wish = self._wish, None
            began = time.monotonic()
            try:
                if plane is not None:
                    self.answer(plane)
            except OSError:
                return  # the window is gone
            time.sleep(max(PAUSE_S, REST * (time.monotonic() - began)))

    def _tell_once(self, error: UserError) -> None:
        if str(error) != self._told:
            self._told = str(error)
            self._send(Noticed(self._told))


def measured_objects(plane: PredictedPlane) -> Objects:
    """Number and measure the objects of a plane, as an export of this plane alone does.

    Raises
    ------
    UserError
        NU-O01 when there are more than 65535 of them.
    """
    numbers, values = objects_of_plane(plane.mask, plane.settings)
    if len(values) - 1 > MOST_OBJECTS:
        raise too_much(f"{len(values) - 1} objects")
    table = measure_plane(numbers, values, plane.pixels, plane.pixel_size, plane.class_names, plane.plane)
    columns = tuple(measurement_columns(plane.pixel_size, plane.pixels.shape[2]))
    rows = tuple(tuple(row[name] for name in columns) for row in table)
    return Objects.of(plane.generation, (plane.image_id, plane.plane), numbers, columns, rows)


def too_much(what: str) -> UserError:
    """Return the error that tells what cannot be shown while it changes."""
    return UserError("NU-O01", f"{what} cannot be shown live", "objects", _FIX)
