"""The numbered boxes of the panel and their measures: every distance and the one accent are set here."""

import sys

from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_unet.gui.plain_text import PlainLabel

GAP = 4  # px between the rows of a section
SPACE = 7  # px between sections
MARGIN = 8  # px around the panel
HEADER = 22  # px of the heading of a table
ACCENT = "#0B7EBD"  # white text on it has a contrast of 4.5 and more, in both themes
_BADGE = 18  # px
# napari gives what is disabled a border, and would make it grow by that; to some widgets it gives no font size.
_STYLE = """QPushButton:disabled, QComboBox:disabled {{ border: 0px }}
QAbstractItemView, QLineEdit, QPlainTextEdit, QToolButton {{ font-size: {points}pt }}"""
_USUAL_POINTS = 12 if sys.platform == "darwin" else 9  # of napari's font


class Section(QWidget):  # type: ignore[misc]
    """Box with a number, a title and rows of contents.

    Parameters
    ----------
    number : place of the section in the order of the work, from 1
    title : one word
    contents : the rows, from top to bottom
    """

    def __init__(self, number: int, title: str, *contents: QWidget) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)  # a high window moves no section
        badge, name = PlainLabel(str(number)), PlainLabel(title)
        side = scaled(_BADGE)
        badge.setFixedSize(side, side)
        badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
        badge.setStyleSheet(
            f"background-color: {ACCENT}; color: white; font-weight: bold; border-radius: {side // 2}px; padding: 0px"
        )
        name.setStyleSheet("font-weight: bold")
        self._head = QHBoxLayout()
        self._head.addWidget(badge)
        self._head.addWidget(name)
        self._head.addStretch()
        self._head.setSpacing(6)
        layout = column(self)
        layout.addLayout(self._head)
        for content in contents:
            layout.addWidget(content)

    def add_tool(self, tool: QWidget, *, wide: bool = False) -> None:
        """Put a widget at the right end of the title; a wide one takes all the room behind it."""
        self._head.addWidget(tool, int(wide))


def style() -> str:
    """Return the style of the panel in napari's font size of now."""
    return _STYLE.format(points=get_settings().appearance.font_size)


def scaled(pixels: int) -> int:
    """Return a length around text as napari's font size of now needs it; it is given for the usual size."""
    return round(pixels * max(1.0, get_settings().appearance.font_size / _USUAL_POINTS))


def column(widget: QWidget) -> QVBoxLayout:
    """Return a layout for rows one below the other, without a margin and with the panel's gap."""
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(GAP)
    return layout


def row(widget: QWidget | None = None) -> QHBoxLayout:
    """Return a layout for widgets side by side, without a margin and with the panel's gap."""
    layout = QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(GAP)
    return layout


def scrolled(content: QWidget) -> QScrollArea:
    """Return an area that scrolls its content up and down, never sideways, and has no frame."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area


def keep_room(widget: QWidget) -> None:
    """Let a widget that is hidden keep its room, so that nothing moves when it comes."""
    policy = widget.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    widget.setSizePolicy(policy)
