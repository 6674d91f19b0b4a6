"""Image files that join the project, one after the other, once another process could open them."""

from collections import deque
from concurrent.futures import Future
from pathlib import Path

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ErrorLine, Notice
from napari_unet.decoder.client import DecoderClient
from napari_unet.errors import UserError
from napari_unet.gui.layers import source
from napari_unet.gui.sections.project_entry import enter_project
from napari_unet.images.folder import list_images, no_image_in
from napari_unet.images.image import Image
from napari_unet.project.joining import as_joining
from napari_unet.project.known_images import recognised

_LOOK_MS = 10  # between two looks whether a file is open
_NAMED = 3  # of the files whose images are in the project already


class AddedFiles(QObject):  # type: ignore[misc]
    """Adds files and folders to the project; without one, the first file gets a project of its own.

    Signals
    -------
    counted : so many files are still to come
    finished : all files were added, or refused and told
    """

    counted = Signal(int)
    finished = Signal()

    def __init__(self, controller: Controller, parent: QWidget) -> None:
        super().__init__(parent)
        self._controller = controller
        self._window = parent
        self._waiting: deque[Path] = deque()
        self._refused: list[str] = []
        self._noticed: list[str] = []  # what should be known of the files that were added
        self._known: list[Path] = []  # files whose images are in the project already
        self._decoder = DecoderClient()  # not the one of the images that are shown: it may wait for a slow file
        self._opening: tuple[Path, Future[Image]] | None = None
        self._add_soon = QTimer(self, singleShot=True, interval=_LOOK_MS)
        self._add_soon.timeout.connect(self._add_next)

    def add(self, paths: list[Path]) -> None:
        """Add image files, and those in folders, in the next turns of the event loop."""
        listings = []
        for path in paths:
            try:
                listings.append(list_images(path))
            except UserError as error:
                self._refused.append(str(error))  # told when the others are added
        found = [image for listing in listings for image in listing.images]
        if not found and not self._refused:
            self._controller.publish(ErrorLine(str(no_image_in(paths[0]))))
            return
        self._noticed.extend(listing.notice for listing in listings if listing.notice)
        self._waiting.extend(found)
        self._add_soon.start()

    def forget(self) -> None:
        """Add none of those that are still to come: another project is open."""
        self._waiting.clear()
        self._opening = None

    def stop(self) -> None:
        """End the process that opens files."""
        self._add_soon.stop()
        self._decoder.stop()

    def _add_next(self) -> None:
        if self._opening is None and self._waiting:
            path = self._waiting.popleft()
            self._opening = path, self._decoder.open(path, is_tried=True)
        if self._opening is not None:
            self._add_opened(*self._opening)
            self.counted.emit(len(self._waiting))
            self._add_soon.start()
            return
        self._decoder.rest()
        refused, self._refused = self._refused, []
        noticed, self._noticed = self._noticed + _known_told(self._known), []
        self._known = []
        for line in noticed:
            self._controller.publish(Notice(line))
        if refused:
            self._controller.publish(ErrorLine("\n".join(refused)))
        self.finished.emit()

    def _add_opened(self, path: Path, opened: Future[Image]) -> None:
        if opened.done():
            self._opening = None
            try:
                self._add_one(opened.result(), path)
            except UserError as error:
                self._refused.append(str(error))

    def _add_one(self, image: Image, path: Path) -> None:
        if self._controller.project is None:
            enter_project(self._controller, source.default_project(None, image, path), self._window)
        project = self._controller.present_project()
        known, channels = project.images.channels(), as_joining(project.database, image).channels
        if known not in {None, channels} and not self._is_known(image, path):
            what = f"the image has {channels} channels and those of the project have {known}"
            raise UserError("NU-I09", what, str(path), "keep images of one kind in a project")
        before = project.images.count()
        project.images.add(image, path, self._decoder.open_recorded)
        if project.images.count() == before:
            self._known.append(path)
        self._noticed.extend(image.notices)

    def _is_known(self, image: Image, path: Path) -> bool:
        """Tell whether the project has an image; the user may have corrected the axes that its file names."""
        database = self._controller.present_project().database
        return recognised(database, image, path, self._decoder.open_recorded).record is not None


def _known_told(paths: list[Path]) -> list[str]:
    """Return a line on files that were not added because the project has their images, [] where there are none."""
    if not paths:
        return []
    names = ", ".join(path.name for path in paths[:_NAMED]) + (" ..." if len(paths) > _NAMED else "")
    what = f"{len(paths)} of the files hold images that are in the project already ({names})"
    return [str(UserError("NU-I21", what, str(paths[0].parent), "nothing is to be done"))]
