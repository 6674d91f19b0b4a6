"""The images of a project as a strip of thumbnails: one row where there is no room for a list."""

from typing import Any

from qtpy.QtCore import QItemSelectionModel, QModelIndex, QRect, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QAbstractItemView, QListView, QSizePolicy, QStyledItemDelegate, QWidget

from napari_unet.gui.sections.image_table import NAME, ImageTable
from napari_unet.gui.sections.section import ACCENT
from napari_unet.gui.sections.thumbnails import SIDE

_FRAME = 2  # px around a thumbnail
_GAP = 2  # px between two
_MARK = 8  # px of the dot on an image that is painted
_FAINT = 165  # of 255, the opacity of text that steps back
HEIGHT = SIDE + 2 * _FRAME + 2  # px, with the border of the strip


class ImageStrip(QListView):  # type: ignore[misc]
    """Shows thumbnails side by side: a frame around the image on screen, a dot on each that is painted.

    The wheel and a click on the last one go on through a strip that is longer than the panel is wide.

    Parameters
    ----------
    table : the images
    """

    def __init__(self, table: ImageTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("images as a strip")
        self.setModel(table)
        self.setModelColumn(NAME)
        self.setItemDelegate(_Thumbnail(self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setSpacing(0)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_row(self, number: int | None) -> None:
        """Frame the image of a row, and bring its neighbours into view; None frames none."""
        index = QModelIndex() if number is None else self.model().index(number, NAME)
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if number is not None:
            self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    def wheelEvent(self, event: Any) -> None:
        """Move along the strip; where it does not move, the panel scrolls."""
        bar, before = self.horizontalScrollBar(), self.horizontalScrollBar().value()
        turn = event.angleDelta()
        bar.setValue(before - (turn.y() or turn.x()) // 2)
        event.setAccepted(bar.value() != before)

    def paintEvent(self, event: Any) -> None:
        """Draw the thumbnails, and say behind them what may be done where there is room for it."""
        super().paintEvent(event)
        count, viewport = self.model().rowCount(), self.viewport().rect()
        text = "Drop more images here" if count else "Drop images here"
        free = viewport.adjusted(count * _Thumbnail.size.width() + 8, 0, -4, 0)
        if self.fontMetrics().horizontalAdvance(text) <= free.width():
            painter = QPainter(self.viewport())
            colour = self.palette().color(self.foregroundRole())
            colour.setAlpha(_FAINT)
            painter.setPen(colour)
            painter.drawText(free, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
            painter.end()


class _Thumbnail(QStyledItemDelegate):  # type: ignore[misc]
    """Draws one thumbnail."""

    size = QSize(SIDE + 2 * _FRAME + _GAP, SIDE + 2 * _FRAME)

    def sizeHint(self, option: Any, index: QModelIndex) -> QSize:
        """Return the room of one thumbnail with its frame."""
        return self.size

    def paint(self, painter: QPainter, option: Any, index: QModelIndex) -> None:
        """Draw the picture, the frame of the one on screen, and the dot or sign of what is painted or missing."""
        table: ImageTable = index.model()
        record = table.records[index.row()]
        box = QRect(option.rect.left(), option.rect.top(), SIDE + 2 * _FRAME, SIDE + 2 * _FRAME)
        inner = box.adjusted(_FRAME, _FRAME, -_FRAME, -_FRAME)
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(inner, QColor("#808080"))
        if (picture := table.picture_of(record)) is not None:
            side = min(picture.width(), picture.height())
            middle = QRect((picture.width() - side) // 2, (picture.height() - side) // 2, side, side)
            painter.drawPixmap(inner, picture, middle)
        if self.parent().selectionModel().isSelected(index):
            painter.setPen(QPen(QColor(ACCENT), _FRAME, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap,
                                Qt.PenJoinStyle.MiterJoin))  # fmt: skip
            painter.drawRect(box.adjusted(1, 1, -1, -1))
        if table.problem_of(record):
            painter.setPen(QColor("white"))
            painter.fillRect(inner, QColor(0, 0, 0, 140))
            painter.drawText(inner, Qt.AlignmentFlag.AlignCenter, "⚠")
        elif table.is_painted(record):
            painter.setPen(QColor("white"))
            painter.setBrush(QColor(ACCENT))
            painter.drawEllipse(QRect(inner.right() - _MARK - 1, inner.top() + 2, _MARK, _MARK))
        painter.restore()
