"""The table of classes: pick one to paint, rename it, recolour it, see how much is painted and how well it does."""

from collections.abc import Callable, Sequence

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QKeySequence, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QShortcut,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.gui.plain_text import untagged
from napari_unet.gui.sections.estimate_lines import estimate_text
from napari_unet.project.classes import ClassLabel

_COLUMNS = ("", "Class", "Key", "Painted", "Dice")
_COLOUR, _NAME, _KEY, _PAINTED, _DICE = range(5)
_ROWS_SHOWN = 6
_NO_ESTIMATE = "estimated Dice in the plane on screen; comes with the prediction"


class ClassTable(QWidget):  # type: ignore[misc]
    """Table that emits what the user wants, and shows what it is told."""

    chosen = Signal(int)
    renamed = Signal(int, str)
    recoloured = Signal(int, str)
    added = Signal()
    removed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.classes: list[ClassLabel] = []
        self.painted: dict[int, int] = {}
        self._filling = False
        self.table = QTableWidget(0, len(_COLUMNS), self)
        self.table.setAccessibleName("classes")
        self._prepare_table()
        self.add_button = _button("+ class", "Add a class", self.added.emit)
        self.remove_button = _button(
            "- class", "Remove the selected class; its strokes stay in the project", self._remove
        )
        buttons = QHBoxLayout()
        buttons.addWidget(self.add_button)
        buttons.addWidget(self.remove_button)
        buttons.addStretch()
        self._buttons = buttons
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(buttons)

    def add_tool(self, button: QPushButton) -> None:
        """Put a button beside those that add and remove classes."""
        self._buttons.addWidget(button)

    def show_classes(self, classes: Sequence[ClassLabel], painted: dict[int, int]) -> None:
        """Fill the table; the selection stays where it was."""
        selected = self.selected
        self._filling = True
        self.classes, self.painted = list(classes), painted
        self.table.setRowCount(len(classes))
        for row, label in enumerate(classes):
            self.table.setItem(
                row, _COLOUR, _item("", icon=_swatch(label.colour), tip="Double-click to change the colour")
            )
            self.table.setItem(row, _NAME, _item(label.name, editable=True, tip="Double-click to rename"))
            self.table.setItem(row, _KEY, _item(str(row + 1) if row < 9 else "", right=True))
            self.table.setItem(row, _PAINTED, _item(f"{painted.get(label.id, 0):,}", right=True, tip="labelled pixels"))
            if self.table.item(row, _DICE) is None:
                self.table.setItem(row, _DICE, _item("n/a", right=True, tip=_NO_ESTIMATE))
        self._filling = False
        self.select(selected if selected is not None else (classes[0].id if classes else None))
        self.remove_button.setEnabled(len(classes) > 2)
        self._fit_height()

    def show_estimates(self, estimates: Sequence[EstimatedDice]) -> None:
        """Show the estimated Dice of each class on screen; the tool tip has the interval or the reason."""
        by_id = {estimate.class_id: estimate for estimate in estimates}
        for row, label in enumerate(self.classes):
            estimate = by_id.get(label.id)
            text = "n/a" if estimate is None or estimate.value is None else f"{estimate.value:.2f}"
            tip = _NO_ESTIMATE if estimate is None else untagged(estimate.reason) or estimate_text(estimate)
            self.table.setItem(row, _DICE, _item(text, right=True, tip=tip))

    @property
    def selected(self) -> int | None:
        """Return the id of the class to paint, or None."""
        row = self.table.currentRow()
        return self.classes[row].id if 0 <= row < len(self.classes) else None

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

    def _prepare_table(self) -> None:
        table = self.table
        table.setHorizontalHeaderLabels(_COLUMNS)
        table.verticalHeader().hide()
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)  # Tab leaves the table, arrows move in it
        # Not by any key: a class key would begin a new name.
        table.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        table.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        table.setIconSize(QSize(14, 14))
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        table.itemSelectionChanged.connect(self._selection_changed)
        table.itemChanged.connect(self._item_changed)
        table.itemDoubleClicked.connect(self.pick_colour)
        enter = QShortcut(QKeySequence(Qt.Key.Key_Return), table, context=Qt.ShortcutContext.WidgetShortcut)
        enter.activated.connect(self.enter)

    def _fit_height(self) -> None:
        rows = min(max(self.table.rowCount(), 2), _ROWS_SHOWN)
        row_height = self.table.verticalHeader().defaultSectionSize()
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + rows * row_height + 4)

    def _selection_changed(self) -> None:
        if not self._filling and self.selected is not None:
            self.chosen.emit(self.selected)

    def _item_changed(self, item: QTableWidgetItem) -> None:
        if self._filling or item.column() != _NAME:
            return
        label = self.classes[item.row()]
        name = item.text().strip()
        if name and name != label.name:
            self.renamed.emit(label.id, name)
        elif not name:
            self._filling = True
            item.setText(label.name)
            self._filling = False

    def enter(self) -> None:
        """Do what a double click on the current cell does to a colour: ask for another one."""
        item = self.table.currentItem()
        if item is not None:
            self.pick_colour(item)

    def pick_colour(self, item: QTableWidgetItem) -> None:
        """Ask for another colour of a class, if the cell is that of its colour."""
        if item.column() == _COLOUR:
            label = self.classes[item.row()]
            colour = QColorDialog.getColor(QColor(label.colour), self, f"Colour of {label.name}")
            if colour.isValid():
                self.recoloured.emit(label.id, colour.name().upper())

    def _remove(self) -> None:
        if self.selected is not None:
            self.removed.emit(self.selected)


def _button(text: str, tip: str, pressed: Callable[[], object]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(lambda: pressed())
    return button


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
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
