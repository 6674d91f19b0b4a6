"""Looks in the background whether the file of the image on screen is, byte for byte, what it was."""

import queue
import threading
from collections.abc import Callable

from napari_unet.controller.news import Notice
from napari_unet.errors import UserError
from napari_unet.project.content_hashes import ContentHashes
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project

_PAUSE_S = 0.002  # after each megabyte: others use the drive too


class ContentWatch:
    """Reads one file after the other in a thread, each once while a project is open.

    Parameters
    ----------
    publish : takes the notice of a file that has changed
    delay_s : before a file is read, so that the image is there and predicted first
    """

    def __init__(self, publish: Callable[[Notice], object], delay_s: float = 5.0) -> None:
        self._publish = publish
        self._delay_s = delay_s
        self._checked: set[int] = set()
        self._stop = threading.Event()
        self._found: queue.SimpleQueue[UserError] = queue.SimpleQueue()

    def look_at(self, project: Project, record: ImageRecord) -> None:
        """Check this image, unless it was checked; the check of another one that goes on is given up."""
        self._stop.set()
        if record.id in self._checked:
            return
        self._stop = threading.Event()
        hashes = ContentHashes(project.folder, read_only=project.read_only)
        arguments = (hashes, record, self._stop, self._found)
        threading.Thread(target=self._check, args=arguments, name="content", daemon=True).start()

    def tick(self) -> None:
        """Tell what was found."""
        while not self._found.empty():
            self._publish(Notice(str(self._found.get())))

    def forget(self) -> None:
        """Give up what goes on, and everything that was checked: the project is closed."""
        self._stop.set()
        self._checked.clear()
        self._found = queue.SimpleQueue()

    def _check(
        self,
        hashes: ContentHashes,
        record: ImageRecord,
        stop: threading.Event,
        found: "queue.SimpleQueue[UserError]",
    ) -> None:
        if stop.wait(self._delay_s):
            return
        try:
            changed = hashes.check(record, lambda: not stop.wait(_PAUSE_S))
        except UserError:
            return  # the disk is full, which strokes tell of
        if not stop.is_set():
            self._checked.add(record.id)
            if changed is not None:
                found.put(changed)
