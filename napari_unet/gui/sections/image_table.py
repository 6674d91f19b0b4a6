"""The images of a project as rows: thumbnail and name, painted pixels, estimated Dice."""

from collections.abc import Collection, Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QPixmap

from napari_unet.gui.plain_text import untagged
from napari_unet.gui.sections.thumbnails import Thumbnails
from napari_unet.gui.sections.untinted import untinted
from napari_unet.project.image_record import ImageRecord

COLUMNS = ("Image", "Painted", "Quality")
NAME, _PAINTED, _DICE = range(3)
_PROBLEM = "⚠ "
_QUALITY = "quality of the plane that was shown last, mean over the classes"
_OLDER = f"{_QUALITY}; in brackets, because the network has learned since: show the image to renew it"
_ROLE = Qt.ItemDataRole
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ImageTable(QAbstractTableModel):  # type: ignore[misc]
    """Model of the image list; thumbnails are asked for by the rows that are on screen only."""

    def __init__(self, thumbnails: Thumbnails, parent: QObject) -> None:
        super().__init__(parent)
        self.records: list[ImageRecord] = []
        self._rows: dict[int, int] = {}
        self._painted: dict[int, int] = {}
        self._dice: dict[int, float] = {}
        self._older: Collection[int] = ()
        self._thumbnails = thumbnails
        thumbnails.made.connect(self._changed)

    def show_images(self, records: Sequence[ImageRecord]) -> None:
        """Show these images as rows."""
        self.beginResetModel()
        self.records = list(records)
        self._rows = {record.id: row for row, record in enumerate(self.records)}
        self.endResetModel()

    def show_painted(self, painted: dict[int, int]) -> None:
        """Show the number of painted pixels, by image id."""
        self._show(_PAINTED, self._painted, painted)
        self._painted = painted

    def show_dice(self, dice: dict[int, float], older: Collection[int]) -> None:
        """Show the mean estimated Dice, by image id; in brackets those of these images, which are of older networks."""
        before, self._dice, self._older = self._told_dice(), dice, older
        self._show(_DICE, before, self._told_dice())

    def _told_dice(self) -> dict[int, str]:
        texts = {image_id: f"{value:.2f}" for image_id, value in self._dice.items()}
        return {image_id: f"({text})" if image_id in self._older else text for image_id, text in texts.items()}

    def row_of(self, image_id: int) -> int | None:
        """Return the row of an image, or None."""
        return self._rows.get(image_id)

    def picture_of(self, record: ImageRecord) -> QPixmap | None:
        """Return the thumbnail of an image, or None while there is none."""
        return self._thumbnails.of(record)

    def problem_of(self, record: ImageRecord) -> str:
        """Return why an image cannot be opened, or ""."""
        return self._thumbnails.problem_of(record.id)

    def is_painted(self, record: ImageRecord) -> bool:
        """Tell whether there is a stroke on an image."""
        return bool(self._painted.get(record.id))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """Return the number of rows: one for each image."""
        return 0 if parent.isValid() else len(self.records)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """Return the number of columns: name, painted pixels, Dice."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _ROLE.DisplayRole) -> Any:
        """Return the name of a column."""
        if role == _ROLE.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        if role == _ROLE.TextAlignmentRole:
            return _LEFT if section == NAME else _RIGHT
        return None

    def data(self, index: QModelIndex, role: int = _ROLE.DisplayRole) -> Any:
        """Return the text, tool tip, alignment or thumbnail that Qt asks for."""
        record, column = self.records[index.row()], index.column()
        problem = self._thumbnails.problem_of(record.id)
        if role == _ROLE.DisplayRole:
            return self._text(record, column, problem)
        if role == _ROLE.ToolTipRole:
            tips = (
                self._facts(record),
                "labelled pixels",
                _OLDER if record.id in self._older else _QUALITY,
            )
            return untagged(problem or tips[column])
        if role == _ROLE.TextAlignmentRole and column != NAME:
            return _RIGHT
        if role == _ROLE.DecorationRole and column == NAME:
            picture = self.picture_of(record)
            return None if picture is None else untinted(picture)
        return None

    def _facts(self, record: ImageRecord) -> str:
        size = " x ".join(str(n) for n in record.annotation_shape)
        lines = [record.name, str(record.path), f"{size} px"]
        if record.id in self._painted:
            lines.append(f"{self._painted[record.id]:,} px painted")
        if record.id in self._dice:
            lines.append(f"quality {self._told_dice()[record.id]}")
        return "\n".join(lines)

    def _text(self, record: ImageRecord, column: int, problem: str) -> str:
        if column == NAME:
            return (_PROBLEM if problem else "") + record.name
        if column == _PAINTED:
            return f"{self._painted[record.id]:,}" if record.id in self._painted else ""
        return self._told_dice().get(record.id, "")

    def _show(self, column: int, before: dict[int, Any], after: dict[int, Any]) -> None:
        for image_id in before.keys() | after.keys():
            if before.get(image_id) != after.get(image_id):
                self._changed(image_id, column)

    def _changed(self, image_id: int, column: int = NAME) -> None:
        row = self._rows.get(image_id)
        if row is not None:
            self.dataChanged.emit(self.index(row, column), self.index(row, column))
