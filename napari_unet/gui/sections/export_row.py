"""Choose formats and a folder, and see how far the export is."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

FORMATS = {"tiff": "TIFF", "png": "PNG", "csv": "CSV"}
MORE_FORMATS = {
    "objects": "Object numbers (TIFF)",
    "imagej-roi": "ImageJ ROIs (zip)",
    "geojson": "GeoJSON for QuPath",
    "coco": "COCO annotations (JSON)",
    "ome-zarr": "OME-Zarr: image and labels",
    "ome-tiff": "OME-TIFF",
    "npy": "NumPy (NPY)",
    "montage": "Montage to check by (PNG)",
    "bioimageio": "Network as bioimage.io package (half a minute)",
}
_HELP = {
    "tiff": "Class mask with its pixel size; opens in Fiji",
    "png": "Class mask in the class colours",
    "csv": "Table of objects: class, area, shape, position, intensities; and a summary",
}


class ExportRow(QWidget):  # type: ignore[misc]
    """Emits the folder and the formats; and, while they are being made, what is to become of them."""

    wanted = Signal(object, object)
    paused = Signal(bool)
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes = {name: QCheckBox(label) for name, label in FORMATS.items()}
        menu = QMenu(self)
        self.more = {name: menu.addAction(label) for name, label in MORE_FORMATS.items()}
        for action in self.more.values():
            action.setCheckable(True)
        self.more_button = QPushButton("More")
        self.more_button.setToolTip("More formats; tick what you want")
        self.more_button.setMenu(menu)
        self.button = QPushButton("Export…")
        self.button.setToolTip("Predict the whole image and write the chosen files")
        self.button.clicked.connect(self._choose_folder)
        choice = QHBoxLayout()
        for name, box in self.boxes.items():
            box.setChecked(True)
            box.setToolTip(_HELP[name])
            choice.addWidget(box)
        choice.addWidget(self.more_button)
        choice.addStretch()
        choice.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(choice)
        layout.addWidget(self._progress())

    @property
    def formats(self) -> tuple[str, ...]:
        """What is ticked."""
        return tuple(name for name, item in (self.boxes | self.more).items() if item.isChecked())

    def show_share(self, share: float | None) -> None:
        """So much of the export is predicted; None: there is none."""
        self.button.setEnabled(share is None)
        self.going.setVisible(share is not None)
        if share is None:
            with signals_blocked(self.pause):
                self.pause.setChecked(False)
        else:
            self.bar.setValue(round(100 * share))
            self.bar.setFormat("writing…" if share == 1 else "%p % predicted")

    def _progress(self) -> QWidget:
        self.bar = QProgressBar()
        self.bar.setAccessibleName("export")
        self.pause = QPushButton("Pause")
        self.pause.setCheckable(True)
        self.pause.setToolTip("Leave the export for now; press again to go on where it is")
        self.pause.toggled.connect(self.paused)
        cancel = QPushButton("Cancel")
        cancel.setToolTip("Give the export up; no file of it is written")
        cancel.clicked.connect(self.cancelled)
        self.going = QWidget()
        layout = QHBoxLayout(self.going)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bar, 1)
        for button in (self.pause, cancel):
            layout.addWidget(button)
        self.cancel = cancel
        self.going.hide()
        return self.going

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if folder:
            self.wanted.emit(Path(folder), self.formats)
