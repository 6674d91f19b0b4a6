"""Choose formats and a folder."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QPushButton, QWidget

FORMATS = {"tiff": "TIFF", "png": "PNG", "csv": "CSV"}
_HELP = {
    "tiff": "Class mask with its pixel size; opens in Fiji",
    "png": "Class mask in the class colours",
    "csv": "Table of objects: class, area, centroid, mean intensity",
}


class ExportRow(QWidget):  # type: ignore[misc]
    """Emits the folder and the formats."""

    wanted = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes = {name: QCheckBox(label) for name, label in FORMATS.items()}
        self.button = QPushButton("Export…")
        self.button.setToolTip("Predict the whole image and write the chosen files")
        self.button.clicked.connect(self._choose_folder)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for name, box in self.boxes.items():
            box.setChecked(True)
            box.setToolTip(_HELP[name])
            layout.addWidget(box)
        layout.addStretch()
        layout.addWidget(self.button)

    @property
    def formats(self) -> tuple[str, ...]:
        """What is ticked."""
        return tuple(name for name, box in self.boxes.items() if box.isChecked())

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if folder:
            self.wanted.emit(Path(folder), self.formats)
