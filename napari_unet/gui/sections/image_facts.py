"""The facts of an image - planes, channels, pixels, pixel size - and the window in which they are corrected."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QToolButton,
    QWidget,
)

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ImageRemoved, ImageShown
from napari_unet.errors import UserError
from napari_unet.gui.plain_text import PlainLabel
from napari_unet.gui.sections.faint_text import make_faint
from napari_unet.gui.sections.remark import Remark
from napari_unet.gui.sections.section import keep_room, row, scaled
from napari_unet.gui.sections.steady_text import SteadyText
from napari_unet.images.image import Image, PixelSize
from napari_unet.project.correction import (
    PIXEL_UNITS,
    chosen_channels,
    corrected_axes,
    refuse_pixel_size,
    with_slice_distance,
)
from napari_unet.project.image_record import ImageRecord

_HEIGHT = 20  # px of the row in the usual font, whatever stands in it
Correct = Callable[[ImageRecord], None]


def facts(record: ImageRecord) -> str:
    """Return one line about an image, such as "z 20 x 1 µm · 2 ch · 512 x 512 px · 0.325 µm".

    What is missing comes first, for the end of the line may be cut off.
    """
    sizes, size = dict(zip(record.axes, record.shape, strict=True)), record.pixel_size
    apart = f" x {size.z:.4g} {size.symbol}" if size.is_known and size.z is not None else ""
    parts = [f"{axis} {count}{apart if axis == 'z' else ''}" for axis, count in sizes.items() if axis not in "yxc"]
    if record.chosen:
        parts.append(f"{record.channels} of {record.all_channels} ch")
    elif record.channels > 1:
        parts.append(f"{record.channels} ch")
    pixels = f"{sizes['y']} x {sizes['x']}"
    if size.is_known:
        parts += [f"{pixels} px", f"{_edges(size)} {size.symbol}"]
    else:
        parts = ["no pixel size", *parts, pixels]
    return " · ".join(parts)


def length(size: PixelSize) -> str:
    """Return the edges of a pixel, such as "0.325 µm" or "0.3 x 0.4 µm"."""
    return f"{_edges(size)} {size.symbol}"


def _edges(size: PixelSize) -> str:
    return f"{size.y:.4g}" if size.y == size.x else f"{size.y:.4g} x {size.x:.4g}"


class ImageFacts(QWidget):  # type: ignore[misc]
    """Quiet line about the image on screen, with a button to correct it; without an image its row stays, empty.

    Parameters
    ----------
    controller : tells which image is on screen
    correct : remembers what the user says of an image; raises a ``UserError`` where that cannot be
    open_recorded : opens the image; raises a ``UserError`` where that cannot be
    """

    def __init__(self, controller: Controller, correct: Correct, open_recorded: Callable[[ImageRecord], Image]) -> None:
        super().__init__()
        self.dialog: CorrectionDialog | None = None
        self._correct = correct
        self._open_recorded = open_recorded
        self._record: ImageRecord | None = None
        self.line = SteadyText()
        make_faint(self.line)
        self.button = QToolButton()
        self.button.setText("Edit…")
        self.button.setAccessibleName("correct pixel size, axes and channels")
        self.button.setToolTip("Say how large a pixel of this image is, what its axes are, and which channels to use")
        self.button.clicked.connect(lambda: self._ask())
        keep_room(self.button)
        self._row = row(self)
        self._row.addWidget(self.line, 1)
        self._row.addWidget(self.button)
        self._tools: list[QWidget] = []
        self._fit()
        self.show_image(None)
        controller.subscribe(ImageShown, lambda shown: self.show_image(shown.record))
        controller.subscribe(ImageRemoved, lambda _: self.show_image(None))

    def add_tool(self, tool: QWidget) -> None:
        """Put a widget that comes and goes between the line, which becomes shorter, and the button.

        The row has room for one: of several that want to be seen, the one that was put there last is.
        """
        self._tools.append(tool)
        self._fit()
        place = QWidget()
        row(place).addWidget(tool)
        self._row.insertWidget(1, place)
        tool.installEventFilter(self)
        self._choose_tool()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See a tool come and go."""
        if event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            self._choose_tool()
        return False

    def changeEvent(self, event: QEvent) -> None:
        """Follow napari's font size."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._fit()

    def show_image(self, record: ImageRecord | None) -> None:
        """Show the facts of an image, or nothing without one."""
        self._record = record
        self.line.setText("" if record is None else facts(record))
        self.button.setVisible(record is not None)

    def _fit(self) -> None:
        for widget in [self, *self._tools]:
            widget.setFixedHeight(scaled(_HEIGHT))

    def _choose_tool(self) -> None:
        """Show one tool at most: two are wider than a narrow panel, whose right end would be cut off."""
        wanted = [tool for tool in self._tools if not tool.isHidden()]
        for tool in self._tools:
            tool.parentWidget().setVisible(tool in wanted[-1:])

    def _ask(self) -> None:
        if self._record is not None:
            self.dialog = CorrectionDialog(self._record, self._channel_names(self._record), self._correct, self)
            self.dialog.open()

    def _channel_names(self, record: ImageRecord) -> list[str]:
        """Return the channel names in the file, else numbers from 1."""
        names: tuple[str, ...] = ()
        with contextlib.suppress(UserError):  # the file may be gone; its channels still have numbers
            names = self._open_recorded(record).channel_names[: record.all_channels]  # without that of alpha
        return [*(names or [f"channel {number}" for number in range(1, record.all_channels + 1)])]


class CorrectionDialog(QDialog):  # type: ignore[misc]
    """Dialog that closes when the corrections are saved, and shows an error otherwise."""

    def __init__(
        self, record: ImageRecord, channel_names: Sequence[str], correct: Correct, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"U-Net: {record.name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._record = record
        self._correct = correct
        size = record.pixel_size
        self.pixel_height, self.pixel_width = QLineEdit(f"{size.y:.6g}"), QLineEdit(f"{size.x:.6g}")
        self.unit = QComboBox()
        self.unit.addItems(PIXEL_UNITS)
        if size.unit not in PIXEL_UNITS:  # files know more units
            self.unit.addItem(size.unit)
        self.unit.setCurrentText(size.unit)
        self.unit.setToolTip("pixel: not known")
        self.axes = QLineEdit(record.axes)
        self.axes.setToolTip(
            f"A letter for each axis of {' x '.join(map(str, record.shape))}: y and x, c for channels, "
            "others such as z and t for planes.\nAlso of the project's other images of this kind.\n"
            "Only while nothing is painted on the image"
        )
        self.channels = QListWidget()
        self.channels.setToolTip(
            "Channels that the network sees, of all images of the project with as many.\n"
            "Only while nothing is painted on the image"
        )
        for number, name in enumerate(channel_names):
            item = QListWidgetItem(name, self.channels)
            is_chosen = number in record.chosen or not record.chosen
            item.setCheckState(Qt.CheckState.Checked if is_chosen else Qt.CheckState.Unchecked)
        self.problem = Remark()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.form = QFormLayout(self)
        for label, field in self._fields().items():
            field.setAccessibleName(label)
            self.form.addRow(PlainLabel(label), field)
        self.form.addRow(self.problem)
        self.form.addRow(buttons)

    def accept(self) -> None:
        """Remember the corrections, and close if that could be done."""
        try:
            wanted = self._wanted()
            if wanted != self._record:
                self._correct(wanted)
        except UserError as error:
            self.problem.setText(str(error))
        else:
            super().accept()

    def _fields(self) -> dict[str, QWidget]:
        size = {"Pixel height": self.pixel_height, "Pixel width": self.pixel_width, "Unit": self.unit}
        return {**size, "Axes": self.axes} | ({"Channels": self.channels} if self.channels.count() > 1 else {})

    def _wanted(self) -> ImageRecord:
        record = self._record
        wanted = replace(record, pixel_size=self._pixel_size(), axes=corrected_axes(record, self.axes.text()))
        if wanted.axes != record.axes:
            return replace(wanted, chosen=())  # the list is of other channels
        rows = range(self.channels.count())
        chosen = [at for at in rows if self.channels.item(at).checkState() == Qt.CheckState.Checked]
        return replace(wanted, chosen=chosen_channels(record, chosen))

    def _pixel_size(self) -> PixelSize:
        """Return the pixel size that was typed, the one of before where nothing was: a field shows fewer digits."""
        before = self._record.pixel_size
        y, x = self._edge(self.pixel_height, before.y), self._edge(self.pixel_width, before.x)
        size = with_slice_distance(PixelSize(y, x, self.unit.currentText()), before)
        if size == before:
            return before
        refuse_pixel_size(size, self._record.name)
        return size if size.is_known else PixelSize()

    def _edge(self, field: QLineEdit, before: float) -> float:
        if not field.isModified():
            return before
        try:
            return float(field.text().strip().replace(",", "."))
        except ValueError as error:
            what, fix = f"'{field.text()}' is no number", "give a length such as 0.325"
            raise UserError("NU-I31", what, field.accessibleName(), fix) from error
