"""A question over the top of the panel: it hides what is below it, and moves nothing."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QFrame, QGraphicsDropShadowEffect, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_unet.gui.plain_text import PlainLabel
from napari_unet.gui.sections.section import ACCENT, GAP, MARGIN

_PICTURE = 40  # px
_SHADOW = 16  # px


class Answer(NamedTuple):
    """Name an answer, what it does, and a picture beside it."""

    text: str
    act: Callable[[], object]
    picture: QIcon | None = None


class Banner(QFrame):  # type: ignore[misc]
    """Question with buttons, over the top of a widget; the user may go on with everything else.

    Parameters
    ----------
    below : the widget that it lies over

    Attributes
    ----------
    text : the question, "" for none
    buttons : one for each answer
    """

    def __init__(self, below: QWidget) -> None:
        super().__init__(below)
        self._below = below
        self.buttons: list[QPushButton] = []
        self.text = PlainLabel("")
        self.text.setWordWrap(True)
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        self._rows.setSpacing(GAP)
        self._rows.addWidget(self.text)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("banner")
        self.setStyleSheet(f"#banner {{ border: 1px solid {ACCENT}; border-radius: 3px }}")
        shadow = QGraphicsDropShadowEffect(self)  # what it cuts off goes on below it
        shadow.setBlurRadius(_SHADOW)
        shadow.setOffset(0, 2)
        self.setGraphicsEffect(shadow)
        below.installEventFilter(self)
        self.hide()

    def ask(self, text: str, answers: Sequence[Answer], *, one_below_the_other: bool = False) -> None:
        """Show a question in place of any other; an answer ends it before it acts."""
        self.clear()
        self.text.setText(text)
        row: QHBoxLayout | QVBoxLayout = QVBoxLayout() if one_below_the_other else QHBoxLayout()
        row.setSpacing(GAP)
        for answer in answers:
            row.addWidget(self._button(answer))
        self._rows.addLayout(row)
        self._fit()
        self.show()
        self.raise_()

    def clear(self) -> None:
        """Take the question away."""
        self.text.setText("")
        for button in self.buttons:
            button.setParent(None)
            button.deleteLater()
        self.buttons = []
        while self._rows.count() > 1:
            self._rows.takeAt(1)
        self.hide()

    def stop(self) -> None:
        """See no more events: Qt sends some while Python clears this object already."""
        self._below.removeEventFilter(self)
        self.clear()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Be as wide as the widget below."""
        if watched is self._below and event.type() == QEvent.Type.Resize and self.text.text():
            self._fit()
        return False

    def _button(self, answer: Answer) -> QPushButton:
        button = QPushButton(answer.text.replace("&", "&&"))  # a single one would underline a letter
        if answer.picture is not None:
            button.setIcon(answer.picture)
            button.setIconSize(QSize(_PICTURE, _PICTURE))
            button.setMinimumHeight(_PICTURE + 2 * GAP)  # of one that has no picture yet, too
            button.setStyleSheet("text-align: left")

        def act(*_: Any) -> None:
            self.clear()
            answer.act()

        button.clicked.connect(act)
        self.buttons.append(button)
        return button

    def _fit(self) -> None:
        width = self._below.width()
        # A layout does not know how high wrapped text is in buttons' company.
        self.text.setFixedHeight(self.text.heightForWidth(width - 2 * MARGIN - 2) + GAP)
        self._rows.activate()
        self.setGeometry(0, 0, width, self._rows.minimumSize().height() + 2)
