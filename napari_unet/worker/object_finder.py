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
from napari_unet.objects.class_counts import class_counts
from napari_unet.objects.measurements import measure_plane, measurement_columns
from napari_unet.objects.objects import Objects as FoundObjects
from napari_unet.objects.objects import find_objects
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Counted, Noticed, Objects

MOST_OBJECTS = np.iinfo(np.uint16).max
PAUSE_S = 2.0  # between two answers at least
REST = 2.0  # seconds without looking for objects after every second of it
REST_OF_COUNTING = 9.0  # the same where objects are counted alone, which goes on all the time
_FIX = "export the objects as CSV or in a file format, which has no such limit"


@dataclass(frozen=True, slots=True)
class PredictedPlane:
    """A plane whose every pixel is predicted, with the facts that finding and measuring its objects need.

    Attributes
    ----------
    mask : class - 1
    pixels : the intensities under the objects; None where objects are counted but not measured
    class_names : indexed by mask value
    channels : numbers of the channels of the pixels, from 1
    is_urgent : the user changed how objects are counted, and looks at what comes of it
    """

    generation: int
    image_id: int
    plane: int
    mask: UInt8[np.ndarray, "y x"]
    pixels: Num[np.ndarray, "y x c"] | None
    pixel_size: PixelSize
    class_names: tuple[str, ...]
    settings: Settings
    channels: tuple[int, ...]
    is_urgent: bool = False


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
        """Send the counts of a plane and, where wanted, its objects, or one line, once, when these are too many."""
        try:
            found = find_objects(plane.mask[np.newaxis], plane.settings)
            counts = class_counts(plane.mask[np.newaxis], found, len(plane.class_names))
            self._send(Counted(plane.generation, plane.image_id, plane.plane, counts))
            if plane.pixels is not None:
                self._send(measured_objects(plane, plane.pixels, found))
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
            rest = REST if plane is not None and plane.pixels is not None else REST_OF_COUNTING
            self._rest(max(PAUSE_S, rest * (time.monotonic() - began)))

    def _rest(self, seconds: float) -> None:
        """Wait so long, or until something urgent is asked."""
        with self._wished:
            self._wished.wait_for(lambda: self._wish is not None and self._wish.is_urgent, timeout=seconds)

    def _tell_once(self, error: UserError) -> None:
        if str(error) != self._told:
            self._told = str(error)
            self._send(Noticed(self._told))


def measured_objects(plane: PredictedPlane, pixels: Num[np.ndarray, "y x c"], found: FoundObjects) -> Objects:
    """Number and measure the objects that were found in a plane, as an export of this plane alone does.

    Raises
    ------
    UserError
        NU-O01 when there are more than 65535 of them.
    """
    if found.count > MOST_OBJECTS:
        raise too_much(f"{found.count} objects")
    numbers = found.numbers[0]
    size, channels = plane.pixel_size, plane.channels
    table = measure_plane(numbers, found.values, pixels, size, plane.class_names, plane.plane, channels)
    columns = tuple(measurement_columns(size, channels))
    rows = tuple(tuple(row[name] for name in columns) for row in table)
    return Objects.of(plane.generation, (plane.image_id, plane.plane), numbers, columns, rows)


def too_much(what: str) -> UserError:
    """Return the error that tells what cannot be shown while it changes."""
    return UserError("NU-O01", f"{what} cannot be shown live", "objects", _FIX)
