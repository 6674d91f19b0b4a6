"""The list of classes: pick one to paint, rename it, recolour it, add one in the last row, see how good each is."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QEvent, QModelIndex, QObject, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QStyledItemDelegate,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_unet.evaluation.estimated_dice import EstimatedDice, interval_text
from napari_unet.gui.plain_text import untagged
from napari_unet.gui.sections.section import HEADER, column, scaled
from napari_unet.gui.sections.untinted import untinted
from napari_unet.project.classes import ClassLabel

COLOUR, NAME, QUALITY, KEY = range(4)
ADD = "+ class"
_COLUMNS = ("", "Class", "Quality", "Key")
_LEAST_ROWS, _MOST_ROWS = 4, 7  # shown at once: a third class moves nothing
_ROW, _SWATCH = 23, 14  # px
_NO_ESTIMATE = "Comes with the prediction"
_QUALITY = "How well this class is found on the plane on screen, from 0 to 1 (all right): {}"


class ClassTable(QWidget):  # type: ignore[misc]
    """Table that emits what the user wants, and shows what it is told.

    Attributes
    ----------
    classes : the classes of the rows
    painted : labelled pixels by class id

    Signals
    -------
    chosen, removed : a class id
    clicked : the id of a class, also of the one that is chosen already
    renamed, recoloured : a class id, and the name or colour
    added : a class with any name is wanted
    named : a class of this name is wanted
    """

    chosen = Signal(int)
    clicked = Signal(int)
    renamed = Signal(int, str)
    recoloured = Signal(int, str)
    added = Signal()
    named = Signal(str)
    removed = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.classes: list[ClassLabel] = []
        self.painted: dict[int, int] = {}
        self._estimates: dict[int, EstimatedDice] = {}  # by class id
        self._filling = False
        self.table = QTableWidget(0, len(_COLUMNS), self)
        self.table.setAccessibleName("classes")
        self._prepare_table()
        column(self).addWidget(self.table)
        self._fit_height()

    def show_classes(self, classes: Sequence[ClassLabel], painted: dict[int, int]) -> None:
        """Fill the table; the selected class stays selected, and where it is gone the one in its row takes over."""
        if self.table.state() == QAbstractItemView.State.EditingState and list(classes) == self.classes:
            self.painted = painted  # a name is being typed
            return
        before, row_before = self.selected, self.table.currentRow()
        self._filling = True
        self.classes, self.painted = list(classes), painted
        self.table.setRowCount(len(classes) + 1)
        for row, label in enumerate(classes):
            self._fill(row, label)
        for place in range(len(_COLUMNS)):
            item = _item(ADD if place == NAME else "", editable=place == NAME, tip="Type the name of another class")
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsSelectable)
            self.table.setItem(len(classes), place, item)
        if not any(label.id == before for label in classes):
            self.table.clearSelection()  # or Qt would keep the row, which is another class by now, and tell nobody
        self._filling = False
        self._select_again(before, row_before)
        self._fit_height()

    def show_estimates(self, estimates: Sequence[EstimatedDice]) -> None:
        """Show how well each class is found; the tool tip has the interval or the reason why it is not known."""
        self._estimates = {estimate.class_id: estimate for estimate in estimates}
        for row, label in enumerate(self.classes):
            self._fill_quality(row, label)

    @property
    def selected(self) -> int | None:
        """Return the id of the class to paint, or None."""
        rows = self.table.selectionModel().selectedRows()
        return self.classes[rows[0].row()].id if rows and rows[0].row() < len(self.classes) else None

    def select(self, class_id: int | None) -> None:
        """Select the class to paint."""
        ids = [label.id for label in self.classes]
        if class_id in ids:
            self.table.selectRow(ids.index(class_id))

    def has(self, class_id: int) -> bool:
        """Tell whether an id is that of one of the classes."""
        return any(label.id == class_id for label in self.classes)

    def id_of_key(self, number: int) -> int | None:
        """Return the id of the class that key 1 to 9 stands for, or None."""
        return self.classes[number - 1].id if number <= len(self.classes) else None

    def begin_name(self, class_id: int | None = None) -> None:
        """Let the user type the name of a class, or of a new one."""
        ids = [label.id for label in self.classes]
        self.table.editItem(self.table.item(ids.index(class_id) if class_id in ids else len(ids), NAME))

    def eventFilter(self, watched: QObject, event: Any) -> bool:
        """Take the keys of the table: Enter on a colour asks for another one, Delete removes the class.

        Follow napari's font size, which comes with another style.
        """
        if event.type() == QEvent.Type.StyleChange:
            self._fit_height()
        if event.type() != QEvent.Type.KeyPress or self.table.state() == QAbstractItemView.State.EditingState:
            return False
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.enter()
        elif event.key() == Qt.Key.Key_Delete:
            self._remove()
        else:
            return False
        return True

    def enter(self) -> None:
        """Do what a double click on the current cell does: ask for another colour, or begin a new class."""
        item = self.table.currentItem()
        if item is not None and item.row() == len(self.classes):
            self.begin_name()
        elif item is not None:
            self.pick_colour(item)

    def pick_colour(self, item: QTableWidgetItem) -> None:
        """Ask for another colour of a class, if the cell is that of its colour."""
        if item.column() == COLOUR and item.row() < len(self.classes):
            label = self.classes[item.row()]
            colour = QColorDialog.getColor(QColor(label.colour), self, f"Colour of {label.name}")
            if colour.isValid():
                self.recoloured.emit(label.id, colour.name().upper())

    def _fill(self, row: int, label: ClassLabel) -> None:
        count = self.painted.get(label.id, 0)
        pixels = f"{count:,} pixels are painted" if count != 1 else "1 pixel is painted"
        swatch = _item("", icon=_swatch(label.colour), tip="Double-click to change the colour")
        self.table.setItem(row, COLOUR, swatch)
        name = _item(label.name, editable=True, tip=untagged(f"{label.name}: {pixels}\nDouble-click to rename"))
        self.table.setItem(row, NAME, name)
        self.table.setItem(row, KEY, _item(str(row + 1) if row < 9 else "", right=True, tip="Press it to paint"))
        self._fill_quality(row, label)

    def _fill_quality(self, row: int, label: ClassLabel) -> None:
        estimate = self._estimates.get(label.id)
        text = "n/a" if estimate is None or estimate.value is None else f"{estimate.value:.2f}"
        tip = _NO_ESTIMATE if estimate is None else estimate.reason or _QUALITY.format(interval_text(estimate))
        self.table.setItem(row, QUALITY, _item(text, right=True, tip=untagged(tip)))

    def _select_again(self, before: int | None, row: int) -> None:
        """Select the class of before, or where there is none any more, the one that is in its row or the last one."""
        ids = [label.id for label in self.classes]
        if before in ids:
            self.select(before)
        elif ids:
            self.select(ids[0 if before is None else min(max(row, 0), len(ids) - 1)])

    def _prepare_table(self) -> None:
        table = self.table
        table.setHorizontalHeaderLabels(_COLUMNS)
        table.verticalHeader().hide()
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)  # Tab leaves the table, arrows move in it
        # Not by any key: a class key would begin a new name.
        triggers = QAbstractItemView.EditTrigger
        table.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        table.setItemDelegateForColumn(NAME, _NameDelegate(table))
        table.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        table.setIconSize(QSize(_SWATCH, _SWATCH))
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        table.horizontalHeaderItem(NAME).setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(lambda place: self._menu().popup(table.mapToGlobal(place)))
        table.installEventFilter(self)
        table.itemSelectionChanged.connect(self._selection_changed)
        table.itemChanged.connect(self._item_changed)
        table.itemDoubleClicked.connect(self.pick_colour)
        table.cellClicked.connect(
            lambda row, _: self.clicked.emit(self.classes[row].id) if row < len(self.classes) else self.begin_name()
        )

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Rename", lambda: self.begin_name(self.selected))
        remove = menu.addAction("Remove; adding the same name brings it back", self._remove)
        remove.setEnabled(len(self.classes) > 2)
        return menu

    def _fit_height(self) -> None:
        rows = min(max(self.table.rowCount(), _LEAST_ROWS), _MOST_ROWS)
        rows_header, height, header = self.table.verticalHeader(), scaled(_ROW), scaled(HEADER)
        rows_header.setMinimumSectionSize(height)
        rows_header.setDefaultSectionSize(height)
        self.table.horizontalHeader().setFixedHeight(header)
        self.table.setFixedHeight(header + rows * height + 4)

    def _selection_changed(self) -> None:
        if not self._filling and self.selected is not None:
            self.chosen.emit(self.selected)

    def _item_changed(self, item: QTableWidgetItem) -> None:
        if self._filling or item.column() != NAME:
            return
        is_new = item.row() == len(self.classes)
        before, name = ADD if is_new else self.classes[item.row()].name, item.text().strip()
        # A name that is taken comes back with the classes; one that is refused stays in no row.
        self._filling = True
        item.setText(before)
        self._filling = False
        if name in ("", before):
            return
        if is_new:
            self.named.emit(name)
        else:
            self.renamed.emit(self.classes[item.row()].id, name)

    def _remove(self) -> None:
        if self.selected is not None and len(self.classes) > 2:
            self.removed.emit(self.selected)


class _NameDelegate(QStyledItemDelegate):  # type: ignore[misc]
    """Editor of a name; that of a new class is empty at first."""

    def setEditorData(self, editor: QWidget, index: QModelIndex) -> None:
        """Show the name as it is."""
        super().setEditorData(editor, index)
        if isinstance(editor, QLineEdit):
            if index.row() == index.model().rowCount() - 1:
                editor.clear()
            editor.setPlaceholderText("name of the class")


def _item(
    text: str, *, editable: bool = False, right: bool = False, icon: QIcon | None = None, tip: str = ""
) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    if not editable:
        item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
    if right:
        item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    if icon is not None:
        item.setIcon(icon)
    item.setToolTip(tip)
    return item


def _swatch(colour: str) -> QIcon:
    """Return a square of exactly the colour."""
    pixmap = QPixmap(_SWATCH, _SWATCH)
    pixmap.fill(QColor(colour))
    return untinted(pixmap)
