"""All that was told of errors and notices, in full, until the panel is closed."""

import time
from collections.abc import Callable

from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import Signal
from qtpy.QtGui import QTextCursor
from qtpy.QtWidgets import QPlainTextEdit

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ErrorLine, Notice
from napari_unet.gui.sections.whole_notifications import WholeNotifications

_KEPT = 200  # lines
_HEIGHT = 96  # px


class MessagesList(QPlainTextEdit):  # type: ignore[misc]
    """Text of all messages, the newest last, that can be selected and copied; napari shows each for a moment too.

    Signals
    -------
    counted : so many messages are there
    """

    counted = Signal(int)

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._count = 0
        self._notifications = WholeNotifications(self)
        self.setAccessibleName("messages")
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setMaximumBlockCount(_KEPT)
        self.setFixedHeight(_HEIGHT)
        self.setPlaceholderText("Messages stay here")
        controller.subscribe(ErrorLine, lambda error: self._tell(error.line, show_error))
        controller.subscribe(Notice, lambda notice: self._tell(notice.line, show_warning))

    def _tell(self, line: str, show: Callable[[str], object]) -> None:
        self._count += 1
        self.appendPlainText(f"{time.strftime('%H:%M')}  {line}")
        self.moveCursor(QTextCursor.MoveOperation.End)
        self.counted.emit(self._count)
        self._notifications.show(line, show)
