"""A button that adds a copy of the image at the pixel size that the network learned."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ImageRemoved, ImageShown, ProjectOpened, StrokesSaved
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.image_facts import length
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.rescaled_copy import refuse_large_copy, rescaled_copy
from napari_unet.project.image_record import ImageRecord, MissingImage
from napari_unet.project.project import Project
from napari_unet.protocol.messages import OtherPixelSize

_LOOK_MS = 50  # whether the copy is made
_Factors = tuple[float, float]


class RescaleOffer(QPushButton):  # type: ignore[misc]
    """Button that is shown while the pixels on screen have another size than those that were trained on.

    Parameters
    ----------
    controller : knows the project, and tells when there is something to offer
    open_recorded : opens an image of it
    add : puts the copy into it
    """

    def __init__(
        self,
        controller: Controller,
        open_recorded: Callable[[ImageRecord], Image],
        add: Callable[[Image], object],
    ) -> None:
        super().__init__()
        self._controller = controller
        self._open_recorded = open_recorded
        self._add = add
        self._attempt = attempt = Attempt(controller)
        self._record: ImageRecord | None = None
        self._offers: dict[tuple[int, PixelSize], _Factors] = {}  # a corrected pixel size makes another image of it
        self._threads = ThreadPoolExecutor(1, "rescaling")
        self._making: tuple[Project, Future[Image]] | None = None
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._look)
        self.clicked.connect(lambda: attempt(self._make))
        self.hide()
        controller.subscribe(OtherPixelSize, lambda other: self.offer(other.image_id, other.factors))
        controller.subscribe(ImageShown, lambda shown: self.show_image(shown.record))
        controller.subscribe(ImageRemoved, lambda _: self.show_image(None))
        controller.subscribe(StrokesSaved, lambda _: self.withdraw())
        controller.subscribe(ProjectOpened, lambda _: self.clear())

    def offer(self, image_id: int, factors: tuple[float, float]) -> None:
        """Offer a copy with so many times the rows and columns, which has the pixel size that was trained on."""
        project = self._controller.project
        with suppress(MissingImage):  # it was removed while the worker looked at it
            if project is not None:
                self._offers[image_id, project.images.get(image_id).pixel_size] = factors
                self._show()

    def show_image(self, record: ImageRecord | None) -> None:
        """Show the offer for the image on screen, if there is one."""
        self._record = record
        self._show()

    def withdraw(self) -> None:
        """Take the offer back: the image on screen was painted on, so its own pixel size is learned."""
        if self._record is not None:
            self._offers.pop((self._record.id, self._record.pixel_size), None)
            self._show()

    def clear(self) -> None:
        """Forget all offers: another project is open."""
        self._offers.clear()
        self.show_image(None)

    def stop(self) -> None:
        """Let go of the thread."""
        self._timer.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def _factors(self) -> _Factors | None:
        return None if self._record is None else self._offers.get((self._record.id, self._record.pixel_size))

    def _show(self) -> None:
        self.setVisible(self._factors is not None)
        if self._record is not None and self._factors is not None:
            size = length(_wanted(self._record.pixel_size, self._factors))
            self.setText(f"Add a copy at {size}/px")
            self.setToolTip(
                f"The network learned on pixels of {size}, these are {length(self._record.pixel_size)}.\n"
                "The copy is an image of its own in the project; this one stays as it is"
            )

    def _make(self) -> None:
        project, record, factors = self._controller.project, self._record, self._factors
        if project is None or record is None or factors is None or self._making is not None:
            return
        project.database.refuse_when_read_only()
        image = self._open_recorded(record)
        refuse_large_copy(image, factors)
        name = f"{record.name} ({length(_wanted(record.pixel_size, factors))})"
        self._making = project, self._threads.submit(rescaled_copy, image, factors, name)
        self.setEnabled(False)
        self._timer.start()

    def _look(self) -> None:
        if self._making is None or not self._making[1].done():
            return
        (project, made), self._making = self._making, None
        self._timer.stop()
        self.setEnabled(True)
        if project is self._controller.project:
            self._attempt(partial(self._take, made))

    def _take(self, made: "Future[Image]") -> None:
        self._add(made.result())


def _wanted(size: PixelSize, factors: _Factors) -> PixelSize:
    return PixelSize(size.y / factors[0], size.x / factors[1], size.unit)
