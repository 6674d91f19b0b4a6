"""A line that is there only while there is something to say."""

from qtpy.QtWidgets import QWidget

from napari_unet.gui.plain_text import PlainLabel


class Remark(PlainLabel):
    """Label that wraps its text, and takes no room without one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setWordWrap(True)
        self.hide()

    def setText(self, text: str) -> None:
        """Show a text; "" to vanish."""
        super().setText(text)
        self.setVisible(bool(text))
