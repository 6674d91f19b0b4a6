"""News of the files of the open project: damage that was found, a full disk, an image that has changed."""

from collections.abc import Callable

import msgspec

from napari_unet.controller.content_watch import ContentWatch
from napari_unet.controller.disk_space import DiskSpace
from napari_unet.controller.news import ErrorLine, Notice
from napari_unet.project.project import Project


class ProjectFiles:
    """Tells the user in one line each.

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
        self.content = ContentWatch(publish)

    def tick(self, project: Project) -> None:
        """Tell what is new."""
        for line in project.notices:
            self._publish(ErrorLine(line))
        project.notices.clear()
        low = self._disk_space.news(project.folder)
        if low is not None:
            self._publish(Notice(str(low)))
        self.content.tick()
