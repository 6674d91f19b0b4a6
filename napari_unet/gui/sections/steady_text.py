"""Text that keeps its height whatever it says: what does not fit is cut short, and stands in the tool tip."""

from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QSizePolicy
from superqt import QElidingLabel

from napari_unet.gui.plain_text import show_tags, untagged

PADDING = 10  # px that the style takes from the width of a label; superqt does not know of it


class SteadyText(QElidingLabel):  # type: ignore[misc]
    """Label of a fixed number of lines.

    Parameters
    ----------
    lines : number of lines that it is high
    """

    def __init__(self, lines: int = 1) -> None:
        super().__init__()
        self._lines = lines
        show_tags(self)
        self.setEllipsesWidth(PADDING)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._fit()

    def keep_lines(self, lines: int) -> None:
        """Be so many lines high from now on."""
        if lines != self._lines:
            self._lines = lines
            self._fit()

    def setText(self, text: str) -> None:
        """Show a text, all of it in the tool tip."""
        super().setText(text)
        self.setToolTip(untagged(text))

    def hasHeightForWidth(self) -> bool:
        """Tell that the height is fixed, though lines are broken: else a scroll area would give no widget less room."""
        return False

    def changeEvent(self, event: Any) -> None:
        """Keep the height of the lines when the theme brings another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        self.setWordWrap(self._lines > 1)
        vertical = Qt.AlignmentFlag.AlignTop if self._lines > 1 else Qt.AlignmentFlag.AlignVCenter
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | vertical)
        # Lines lie up to a pixel further apart than the font says, and the style has a padding.
        self.setFixedHeight(self._lines * self.fontMetrics().lineSpacing() + (7 if self._lines > 1 else 4))
