"""Choose formats and a folder."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QMenu, QPushButton, QWidget

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
    """Emits the folder and the formats."""

    wanted = Signal(object, object)

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
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for name, box in self.boxes.items():
            box.setChecked(True)
            box.setToolTip(_HELP[name])
            layout.addWidget(box)
        layout.addWidget(self.more_button)
        layout.addStretch()
        layout.addWidget(self.button)

    @property
    def formats(self) -> tuple[str, ...]:
        """What is ticked."""
        return tuple(name for name, item in (self.boxes | self.more).items() if item.isChecked())

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if folder:
            self.wanted.emit(Path(folder), self.formats)
