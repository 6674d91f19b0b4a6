"""Upkeep of an open project: telling damage, full disks and changed images, and giving back memory."""

from collections.abc import Callable

import msgspec

from napari_unet.controller.content_watch import ContentWatch
from napari_unet.controller.disk_space import DiskSpace
from napari_unet.controller.news import ErrorLine, Notice
from napari_unet.freed_memory import FreedMemory
from napari_unet.project.project import Project

_FREE_EVERY_S = 10.0


class Upkeep:
    """Looks after what surrounds the open project; what the user should know is told in one line each.

    Parameters
    ----------
    publish : takes the news
    clock : seconds, monotonic

    Attributes
    ----------
    content : looks at the bytes of the image on screen
    """

    def __init__(self, publish: Callable[[msgspec.Struct], object], clock: Callable[[], float]) -> None:
        self._publish = publish
        self._disk_space = DiskSpace(clock)
        self._freed_memory = FreedMemory(_FREE_EVERY_S, clock)
        self.content = ContentWatch(publish)

    def tick(self, project: Project) -> None:
        """Tell what is new, and return freed memory."""
        for line in project.notices:
            self._publish(ErrorLine(line))
        project.notices.clear()
        low = self._disk_space.news(project.folder)
        if low is not None:
            self._publish(Notice(str(low)))
        self.content.tick()
        self._freed_memory.give_back()
