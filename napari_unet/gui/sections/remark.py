"""A line that is there only while there is something to say."""

from napari_unet.gui.plain_text import PlainLabel, breakable


class Remark(PlainLabel):
    """Label that wraps its text, and takes no room without one."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self.setWordWrap(True)
        self.hide()

    def setText(self, text: str) -> None:
        """Show a text; "" to vanish."""
        self._text = text
        super().setText(breakable(text))
        self.setVisible(bool(text))

    def text(self) -> str:
        """Return the text as it was set."""
        return self._text
