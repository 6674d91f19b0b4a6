"""A line that is there only while there is something to say."""

from qtpy.QtWidgets import QLabel, QWidget


class Remark(QLabel):  # type: ignore[misc]
    """Label that wraps its text, and takes no room without one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.hide()

    def setText(self, text: str) -> None:
        """Show a text; "" to vanish."""
        super().setText(text)
        self.setVisible(bool(text))
