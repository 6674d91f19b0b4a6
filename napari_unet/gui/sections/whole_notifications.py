"""Notifications of napari that show the whole line, which napari cuts off until somebody expands it."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDialog, QWidget

from napari_unet.gui.plain_text import untagged

_SLIDE_MS = 300  # napari moves a notification into its place meanwhile, and would move an expanded one wrongly
_READING_MS = 70  # per character


class WholeNotifications:
    """Shows lines as notifications, and expands them once they are in place.

    Parameters
    ----------
    widget : lies in the window that shows them
    """

    def __init__(self, widget: QWidget) -> None:
        self._widget = widget
        self._lines: set[str] = set()
        self._soon = QTimer(widget, singleShot=True, interval=_SLIDE_MS)
        self._soon.timeout.connect(lambda: self._expand())

    def show(self, line: str, show: Callable[[str], object]) -> None:
        """Show a line with one of napari's functions for it."""
        text = untagged(line)
        show(text)
        self._lines.add(text)
        self._soon.start()

    def _expand(self) -> None:
        lines, self._lines = self._lines, set()
        for dialog in self._widget.window().findChildren(QDialog):
            message: Any = getattr(dialog, "message", None)
            if message is None or not hasattr(dialog, "expand") or message.text() not in lines:
                continue
            message.setMinimumHeight(message.sizeHint().height())
            dialog.expand()
            if dialog.timer.isActive():
                dialog.timer.start(max(dialog.timer.interval(), _READING_MS * len(message.text())))
