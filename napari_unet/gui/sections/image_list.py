"""The images of the open project: pick one, add more, find one that was moved, remove one."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QItemSelection, QModelIndex, QObject, QPoint, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QMenu,
    QPushButton,
    QSizePolicy,
    QTableView,
    QWidget,
)

from napari_unet.gui.plain_text import PlainLabel
from napari_unet.gui.sections.image_strip import HEIGHT as STRIP_HEIGHT
from napari_unet.gui.sections.image_strip import ImageStrip
from napari_unet.gui.sections.image_table import NAME, ImageTable
from napari_unet.gui.sections.section import HEADER, column, scaled
from napari_unet.gui.sections.thumbnails import SIDE, Thumbnails
from napari_unet.project.image_record import ImageRecord

_LEAST_ROWS, _MOST_ROWS = 2, 6  # of the list; the strip where there is room for fewer
_DRAGS = {QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop}
_NAME_PX = 200  # of an image in its menu
_STEPS = {Qt.Key.Key_PageDown: 1, Qt.Key.Key_PageUp: -1}


class ImageList(QWidget):  # type: ignore[misc]
    """List that emits what the user wants: rows where there is room for some, a strip of thumbnails elsewhere.

    Its height depends on the room alone, never on the number of images, so that nothing moves when some are added.

    Attributes
    ----------
    table : the images
    view, strip : the rows, and the thumbnails; one of the two is shown
    place, find_button, add_button : to be put beside the title of the section

    Signals
    -------
    chosen, removed : the id of an image
    stepped : so many images on, or back
    added : paths of files and folders
    found : the id of an image, and the path of its file
    """

    chosen = Signal(int)
    removed = Signal(int)
    stepped = Signal(int)
    added = Signal(list)
    found = Signal(int, Path)

    def __init__(self) -> None:
        super().__init__()
        self._filtered: list[QWidget] = []  # whose events are seen here
        self._is_marking = False  # a selection that changes meanwhile is not the user's
        self._room = 0  # px that there are for the list
        self._chosen_by_press: int | None = None  # the row that the press of a click has chosen already
        self.thumbnails = Thumbnails(self)
        self.table = ImageTable(self.thumbnails, self)
        self.strip = ImageStrip(self.table, self)
        self.view = QTableView(self)
        self.view.setAccessibleName("images")
        self.view.setTabKeyNavigation(False)  # Tab leaves the table, arrows move in it
        self._prepare_view()
        self.add_button = QPushButton("Add images…")
        self.add_button.setToolTip("Files for this project; or drop files and folders onto the panel")
        self.add_button.clicked.connect(self._pick_files)
        self.find_button = QPushButton("Find file…")
        self.find_button.setToolTip("Show where the file of this image is now; it must be the same image")
        self.find_button.clicked.connect(self._pick_file)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        layout = column(self)
        for images in (self.view, self.strip):
            layout.addWidget(images)
            images.selectionModel().selectionChanged.connect(self._selection_changed)
            images.clicked.connect(self._clicked)
            images.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            images.customContextMenuRequested.connect(partial(self.open_menu, images))
            for seen in (images, images.viewport()):
                seen.installEventFilter(self)
                self._filtered.append(seen)
        self.place = PlainLabel("")
        self.place.setToolTip("Page Down, Page Up: next, previous image")
        self.thumbnails.made.connect(lambda _: self._show_parts())
        self.fit(0)
        self._show_parts()

    def show_images(self, records: Sequence[ImageRecord]) -> None:
        """Show the images of the project."""
        self.table.show_images(records)
        self._show_parts()

    def show_current(self, image_id: int | None) -> None:
        """Mark the image that is worked on, and scroll to it."""
        number = None if image_id is None else self.table.row_of(image_id)
        self._is_marking = True
        if number is None:
            self.view.clearSelection()
        elif number != self.view.currentIndex().row() or not self.view.selectionModel().hasSelection():
            self.view.selectRow(number)
            self.view.scrollTo(self.table.index(number, NAME))
        self.strip.show_row(number)
        self._is_marking = False
        count = self.table.rowCount()
        self.place.setText(f"{number + 1} of {count}" if number is not None and count > 1 else "")
        self._show_parts()

    @property
    def marked(self) -> int | None:
        """Return the id of the image whose row is marked: that on screen, or one that could not be opened."""
        return None if self._selected is None else self._selected.id

    def accept_drops_on(self, widget: QWidget) -> None:
        """Take files and folders that are dropped onto a widget."""
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)
        self._filtered.append(widget)

    def stop(self) -> None:
        """Make no more thumbnails, and see no more events: Qt sends some while Python clears this object already."""
        self.thumbnails.stop()
        while self._filtered:
            self._filtered.pop().removeEventFilter(self)

    def changeEvent(self, event: QEvent) -> None:
        """Follow napari's font size."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.fit(self._room)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take drops onto the panel, and the keys PageDown, PageUp and Delete in the list."""
        if event.type() in _DRAGS and (paths := _files_of(event)):
            event.acceptProposedAction()
            if event.type() == QEvent.Type.Drop:
                self.added.emit(paths)
            return True
        if event.type() == QEvent.Type.MouseButtonPress and watched in (self.view.viewport(), self.strip.viewport()):
            self._chosen_by_press = None
            if event.button() == Qt.MouseButton.RightButton:
                return True  # the menu is of the image below the mouse, which need not come up for it
        if watched in (self.view, self.strip) and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = _STEPS.get(event.key())
            if step is not None:
                self.stepped.emit(step)
                return True
            if event.key() == Qt.Key.Key_Delete and self.marked is not None:
                self.removed.emit(self.marked)
                return True
        return False

    def open_menu(self, images: QAbstractItemView, place: QPoint) -> QMenu | None:
        """Show what can be done with the image at a place of the rows or of the strip; None where there is none."""
        index = images.indexAt(place)
        record = self.table.records[index.row()] if index.isValid() else self._selected
        if record is None:
            return None
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        name = images.fontMetrics().elidedText(record.name, Qt.TextElideMode.ElideMiddle, _NAME_PX).replace("&", "&&")
        menu.addAction(f"Remove {name} from the project", partial(self.removed.emit, record.id))
        menu.popup(images.viewport().mapToGlobal(place))
        return menu

    def fit(self, room: int) -> None:
        """Take the height that there is room for, px."""
        self._room = room
        self.view.horizontalHeader().setFixedHeight(scaled(HEADER))
        rows = (room - self._height(0)) // self.view.verticalHeader().defaultSectionSize()
        is_list = rows >= _LEAST_ROWS
        self.setFixedHeight(self._height(min(rows, _MOST_ROWS)) if is_list else STRIP_HEIGHT)
        self.view.setVisible(is_list)
        self.strip.setVisible(not is_list)

    def _height(self, rows: int) -> int:
        view = self.view
        return int(scaled(HEADER) + rows * view.verticalHeader().defaultSectionSize() + 4)

    def _prepare_view(self) -> None:
        view = self.view
        view.setModel(self.table)
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(SIDE + 6)
        view.setIconSize(QSize(SIDE, SIDE))
        view.setShowGrid(False)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = view.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)

    def _selection_changed(self, selected: QItemSelection, _: QItemSelection) -> None:
        """Choose the image of the row that the user marked, by the mouse or by a key."""
        rows = [index.row() for index in selected.indexes()]
        if rows and not self._is_marking:
            self._chosen_by_press = rows[0]
            self.chosen.emit(self.table.records[rows[0]].id)

    def _clicked(self, index: QModelIndex) -> None:
        """Choose the image of a row that was marked before the click: it may have failed, or be on screen no more."""
        if index.row() != self._chosen_by_press:
            self.chosen.emit(self.table.records[index.row()].id)

    def _show_parts(self) -> None:
        selected = self._selected
        broken = selected is not None and bool(self.thumbnails.problem_of(selected.id))
        self.find_button.setVisible(broken)

    @property
    def _selected(self) -> ImageRecord | None:
        rows = self.view.selectionModel().selectedRows()
        return self.table.records[rows[0].row()] if rows else None

    def _pick_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Images for this project")
        if names:
            self.added.emit([Path(name) for name in names])

    def _pick_file(self) -> None:
        record = self._selected
        if record is not None:
            name, _ = QFileDialog.getOpenFileName(self, f"Where is {record.name} now?", str(record.path.parent))
            if name:
                self.found.emit(record.id, Path(name))


def _files_of(event: Any) -> list[Path]:
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
