"""Thumbnails of a project's images, made by a thread one after the other, the one asked for last first."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from jaxtyping import UInt8
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtGui import QImage, QPixmap

from napari_unet.annotations.image_record import ImageRecord
from napari_unet.annotations.recorded_image import open_recorded
from napari_unet.errors import UserError
from napari_unet.images.thumbnail import thumbnail

SIDE = 32  # px; at least, for the longer side
_COLLECT_MS = 30


class Thumbnails(QObject):  # type: ignore[misc]
    """Emits ``made`` with the id of an image whose thumbnail, or whose problem, is known now.

    The thread touches neither Qt nor the project's database.
    """

    made = Signal(int)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._pictures: dict[int, QPixmap] = {}
        self._problems: dict[int, str] = {}
        self._wanted: dict[int, ImageRecord] = {}
        self._making: tuple[int, Future[UInt8[np.ndarray, "h w 3"] | str]] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
        self._timer = QTimer(self, interval=_COLLECT_MS)
        self._timer.timeout.connect(self._collect)

    def of(self, record: ImageRecord) -> QPixmap | None:
        """The thumbnail; None while it is being made, or when the image cannot be opened."""
        making = self._making is not None and self._making[0] == record.id
        if record.id not in self._pictures and record.id not in self._problems and not making:
            self._wanted.pop(record.id, None)
            self._wanted[record.id] = record
            if not self._timer.isActive():  # starting it again would put off its next turn
                self._timer.start()
        return self._pictures.get(record.id)

    def problem_of(self, image_id: int) -> str:
        """Why the image cannot be opened, in one line; "" as far as is known."""
        return self._problems.get(image_id, "")

    def tell_problem(self, image_id: int, line: str) -> None:
        """An image could not be opened."""
        self._problems[image_id] = line
        self.made.emit(image_id)

    def forget(self, image_id: int) -> None:
        """Its file is another now."""
        self._problems.pop(image_id, None)
        self._pictures.pop(image_id, None)

    def clear(self) -> None:
        """Forget a project's images; what the thread is making is dropped."""
        self._making = None
        for known in (self._pictures, self._problems, self._wanted):
            known.clear()

    def stop(self) -> None:
        """End the thread."""
        self._timer.stop()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _collect(self) -> None:
        if self._making is not None:
            image_id, future = self._making
            if not future.done():
                return
            self._making = None
            self._keep(image_id, future.result())
        elif self._wanted:
            image_id, record = self._wanted.popitem()
            self._making = image_id, self._thread.submit(_picture, record)
        else:
            self._timer.stop()

    def _keep(self, image_id: int, found: UInt8[np.ndarray, "h w 3"] | str) -> None:
        if isinstance(found, str):
            self._problems[image_id] = found
        else:
            height, width, _ = found.shape
            self._pictures[image_id] = QPixmap.fromImage(
                QImage(found.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            )
        self.made.emit(image_id)


def _picture(record: ImageRecord) -> UInt8[np.ndarray, "h w 3"] | str:
    try:
        return thumbnail(open_recorded(record), SIDE)
    except (UserError, OSError) as error:
        return str(error)
