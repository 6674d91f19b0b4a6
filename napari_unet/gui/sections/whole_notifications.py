"""Notifications of napari that show the whole line and hide none: napari cuts lines off and lays them over another."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QPoint, QTimer
from qtpy.QtWidgets import QDialog, QLabel, QWidget

from napari_unet.gui.plain_text import untagged
from napari_unet.gui.sections.section import GAP

_SLIDE_MS = 300  # napari moves a notification into its place meanwhile, and would move an expanded one wrongly
_MARGIN = 8  # px around notifications, napari's own
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
        """Expand what is new, and pile everything up, the newest at the bottom: napari lays one over the other."""
        lines, self._lines = self._lines, set()
        lowest: int | None = None
        for dialog in reversed(self._dialogs()):
            place, canvas = dialog.geometry(), dialog.parentWidget()
            if dialog.message.text() in lines:
                self._show_whole(dialog)
                # napari's own height is that of the message's hint.
                place.setHeight(max(dialog.geom_anim.endValue().height(), dialog.layout().totalSizeHint().height()))
            place.moveBottomRight(QPoint(canvas.width() - _MARGIN, canvas.height() - _MARGIN))
            if lowest is not None:
                place.moveBottom(lowest)
            dialog.geom_anim.stop()  # one that is still sliding in would end elsewhere
            dialog.setGeometry(place)
            lowest = place.top() - GAP

    def _dialogs(self) -> list[Any]:
        """Return napari's notifications that are shown, the oldest first."""
        dialogs: list[Any] = self._widget.window().findChildren(QDialog)
        return [one for one in dialogs if hasattr(one, "message") and hasattr(one, "expand") and one.isVisible()]

    @staticmethod
    def _show_whole(dialog: Any) -> None:
        message = dialog.message
        QLabel.setText(message, message.text())  # whole, for its height: the label's own hint forgets its padding
        message.setMinimumHeight(max(message.sizeHint().height(), QLabel.heightForWidth(message, message.width())))
        for outer in (message.parentWidget(), dialog):  # or the layouts would tell the height of before
            outer.layout().activate()
        dialog.expand()
        if dialog.timer.isActive():
            dialog.timer.start(max(dialog.timer.interval(), _READING_MS * len(dialog.message.text())))
