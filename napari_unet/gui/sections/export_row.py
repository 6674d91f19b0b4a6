"""Choose formats and a folder, and see how far the export is."""

from collections.abc import Callable
from pathlib import Path

from napari.utils.notifications import show_info
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded
from napari_unet.errors import UserError
from napari_unet.gui.plain_text import PlainLabel, untagged
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.protocol.messages import Exported, Exporting

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
    """Begins an export, says how far it is, and where its files are.

    Parameters
    ----------
    controller : makes the files
    check_strokes : commits what is painted, before the network that is exported is told

    Attributes
    ----------
    exported : the line about the files, which stands below this row
    """

    def __init__(self, controller: Controller, check_strokes: Callable[[], object]) -> None:
        super().__init__()
        self._controller = controller
        self._check_strokes = check_strokes
        self._attempt = Attempt(controller)
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
        self.exported = PlainLabel("")
        self.exported.setWordWrap(True)
        # Long paths must not widen the dock.
        self.exported.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        controller.subscribe(Exporting, lambda exporting: self.show_share(exporting.share))
        controller.subscribe(Exported, self._show_exported)
        controller.subscribe(ActionEnded, lambda _: self.setEnabled(controller.image is not None))

    @property
    def formats(self) -> tuple[str, ...]:
        """Return the names of the formats that are ticked."""
        return tuple(name for name, item in (self.boxes | self.more).items() if item.isChecked())

    def export(self, folder: Path, formats: tuple[str, ...]) -> None:
        """Write the files of the present image.

        Raises
        ------
        UserError
            NU-E02 without a format, NU-W04 without an image, and those of ``refuse_overwriting``.
        """
        if not formats:
            raise UserError("NU-E02", "no format is ticked", "export", "tick TIFF, PNG, CSV or one under More")
        self._check_strokes()
        self._controller.exports.begin(folder, formats)
        self.show_share(0.0)

    def show_share(self, share: float | None) -> None:
        """Show that so much of the export is predicted, 0 to 1; None: there is no export."""
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
        self.pause.toggled.connect(lambda on: self._controller.exports.pause(on=on))
        cancel = QPushButton("Cancel")
        cancel.setToolTip("Give the export up; no file of it is written")
        cancel.clicked.connect(lambda: self._controller.exports.cancel())
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
            self._attempt(lambda: self.export(Path(folder), self.formats))

    def _show_exported(self, exported: Exported) -> None:
        """Tell where the files are; no paths: the export was given up."""
        self.show_share(None)
        if not exported.paths:
            return
        folder = Path(exported.paths[0]).parent
        names = ", ".join(Path(path).name for path in exported.paths)
        self.exported.setText(f"Saved in {folder}: {names}")
        show_info(untagged(f"Saved {len(exported.paths)} files in {folder}, each read again and found equal"))
