"""A box that is closed at first, and opens when its title is pressed."""

from qtpy.QtWidgets import QPushButton, QWidget

from napari_unet.gui.sections.section import column

_OPEN, _CLOSED = "▾", "▸"


class Drawer(QWidget):  # type: ignore[misc]
    """Title that shows and hides its content; what is hidden is skipped by the Tab key.

    Parameters
    ----------
    title : what stands on the title
    content : what it holds
    """

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self.content = content
        self.button = QPushButton()
        self.button.setCheckable(True)
        self.button.setAccessibleName(title)
        self.button.setStyleSheet(
            "QPushButton, QPushButton:checked { text-align: left; background: transparent; font-weight: bold }"
        )
        self.button.toggled.connect(lambda _: self._show())
        self._title = title
        layout = column(self)
        layout.addWidget(self.button)
        layout.addWidget(content)
        self._show()

    def set_title(self, title: str) -> None:
        """Write another title."""
        self._title = title
        self._show()

    def open(self, on: bool = True) -> None:
        """Open the drawer, or close it."""
        self.button.setChecked(on)

    @property
    def is_open(self) -> bool:
        """Tell whether the content is shown."""
        return bool(self.button.isChecked())

    def _show(self) -> None:
        self.button.setText(f"{_OPEN if self.is_open else _CLOSED}  {self._title}")
        self.content.setVisible(self.is_open)
