"""Thumbnails of a project's images, made by another process one after the other, the one asked for last first."""

from concurrent.futures import Future

import numpy as np
from jaxtyping import UInt8
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtGui import QImage, QPixmap

from napari_unet.decoder.client import DecoderClient
from napari_unet.errors import UserError
from napari_unet.project.image_record import ImageRecord

SIDE = 32  # px; at least, for the longer side
_SHARPNESS = 2  # pixels of a thumbnail on one of the panel, for screens that show so many
_COLLECT_MS = 30


class Thumbnails(QObject):  # type: ignore[misc]
    """Makes thumbnails, and emits ``made`` with the id of an image once its thumbnail or its problem is known.

    Parameters
    ----------
    decoder : opens the images; it is ended when there is nothing to do
    """

    made = Signal(int)

    def __init__(self, parent: QObject, decoder: DecoderClient | None = None) -> None:
        super().__init__(parent)
        self._decoder = decoder or DecoderClient()
        self._pictures: dict[int, QPixmap] = {}
        self._problems: dict[int, str] = {}
        self._wanted: dict[int, ImageRecord] = {}
        self._making: tuple[int, Future[UInt8[np.ndarray, "h w 3"]]] | None = None
        self._is_stopped = False
        self._timer = QTimer(self, interval=_COLLECT_MS)
        self._timer.timeout.connect(self._collect)

    def of(self, record: ImageRecord) -> QPixmap | None:
        """Return the thumbnail of an image, or None while it is being made or when the image cannot be opened."""
        making = self._making is not None and self._making[0] == record.id
        if record.id not in self._pictures and record.id not in self._problems and not making:
            self._wanted.pop(record.id, None)
            self._wanted[record.id] = record
            # Rows are drawn until their window is gone.
            if not (self._timer.isActive() or self._is_stopped):  # starting it again would put off its next turn
                self._timer.start()
        return self._pictures.get(record.id)

    def problem_of(self, image_id: int) -> str:
        """Return why an image cannot be opened, in one line, or "" as far as is known."""
        return self._problems.get(image_id, "")

    def tell_problem(self, image_id: int, line: str) -> None:
        """Remember why an image could not be opened."""
        self._problems[image_id] = line
        self.made.emit(image_id)

    def forget(self, image_id: int) -> None:
        """Forget thumbnail and problem of an image whose file has changed."""
        self._problems.pop(image_id, None)
        self._pictures.pop(image_id, None)

    def clear(self) -> None:
        """Forget a project's images; what is being made is dropped."""
        self._making = None
        for known in (self._pictures, self._problems, self._wanted):
            known.clear()

    def stop(self) -> None:
        """Make no more thumbnails."""
        self._is_stopped = True
        self._timer.stop()
        self._decoder.stop()

    def _collect(self) -> None:
        if self._making is not None:
            image_id, future = self._making
            if not future.done():
                return
            self._making = None
            try:
                self._pictures[image_id] = _pixmap(future.result())
            except UserError as error:
                self._problems[image_id] = str(error)
            self.made.emit(image_id)
        elif self._wanted:
            image_id, record = self._wanted.popitem()
            self._making = image_id, self._decoder.thumbnail(record, _SHARPNESS * SIDE)
        else:
            self._timer.stop()
            self._decoder.rest()


def _pixmap(picture: UInt8[np.ndarray, "h w 3"]) -> QPixmap:
    height, width, _ = picture.shape
    made = QPixmap.fromImage(QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888))
    made.setDevicePixelRatio(_SHARPNESS)
    return made
