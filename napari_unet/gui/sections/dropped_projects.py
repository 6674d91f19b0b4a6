"""Project folders that are dropped anywhere on the window: each opens in the panel."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_unet.gui.sections.attempt import Attempt
from napari_unet.project.database import DATABASE

_DRAGS = {QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop}


class DroppedProjects(QObject):  # type: ignore[misc]
    """Sees what is dropped on the panel and on everything of its window that takes drops, before they do.

    napari would ask which reader to take for a folder.

    Parameters
    ----------
    panel : whose window is watched, from the first time that it is shown
    open_project : opens a project folder
    attempt : tells what cannot be opened
    """

    def __init__(self, panel: QWidget, open_project: Callable[[Path], object], attempt: Attempt) -> None:
        super().__init__(panel)
        self._panel = panel
        self._open = open_project
        self._attempt = attempt
        self._watched: list[QWidget] = [panel]
        panel.installEventFilter(self)

    def stop(self) -> None:
        """See no more events."""
        while self._watched:
            with contextlib.suppress(RuntimeError):  # a dock that was closed meanwhile is gone
                self._watched.pop().removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: Any) -> bool:
        """Take a project folder that is dropped."""
        if watched is self._panel and event.type() == QEvent.Type.Show:
            self._watch_window()
        if event.type() not in _DRAGS or not (folder := _project_in(event)):
            return False
        event.acceptProposedAction()
        if event.type() == QEvent.Type.Drop:
            self._attempt(lambda: self._open(folder))
        return True

    def _watch_window(self) -> None:
        window = self._panel.window()
        for widget in [window, *window.findChildren(QWidget)]:
            if widget.acceptDrops() and widget not in self._watched:
                widget.installEventFilter(self)
                self._watched.append(widget)


def _project_in(event: Any) -> Path | None:
    """Return the one project folder that is dragged, or None for anything else."""
    urls = event.mimeData().urls()
    folder = Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
    return folder if folder is not None and (folder / DATABASE).is_file() else None
