"""The formats of an export, as a menu of a button that names those that are ticked."""

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QPushButton

from napari_unet.counted import counted

FORMATS = {
    "tiff": ("TIFF", "Masks (TIFF, for Fiji)"),
    "png": ("PNG", "Masks in the class colours (PNG)"),
    "csv": ("CSV", "Tables (CSV)"),
    "objects": ("numbers", "Object numbers (TIFF)"),
    "imagej-roi": ("ROIs", "ImageJ ROIs (zip)"),
    "geojson": ("GeoJSON", "GeoJSON for QuPath"),
    "coco": ("COCO", "COCO annotations (JSON)"),
    "ome-zarr": ("OME-Zarr", "OME-Zarr: image and labels"),
    "ome-tiff": ("OME-TIFF", "OME-TIFF"),
    "npy": ("NPY", "NumPy (NPY)"),
    "montage": ("montage", "Montage to check by (PNG)"),
    "bioimageio": ("network", "Network as bioimage.io package (half a minute)"),
}
USUAL = ("tiff", "png", "csv")


class StayingMenu(QMenu):  # type: ignore[misc]
    """Menu that stays open while its items are ticked."""

    def mouseReleaseEvent(self, event: object) -> None:
        """Tick the item under the mouse, and stay."""
        item = self.activeAction()
        if item is not None and item.isCheckable() and item.isEnabled():
            item.trigger()
        else:
            super().mouseReleaseEvent(event)


class ExportFormats(QPushButton):  # type: ignore[misc]
    """Button with the menu.

    Attributes
    ----------
    items : the item of each format in the menu, by its name

    Signals
    -------
    chosen : other formats are ticked now
    """

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        menu = StayingMenu(self)
        self.items = {name: menu.addAction(text) for name, (_, text) in FORMATS.items()}
        for item in self.items.values():
            item.setCheckable(True)
            item.toggled.connect(lambda _: self._changed())
        self.setMenu(menu)
        self.setAccessibleName("formats")
        self.tick(USUAL)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the formats that are ticked."""
        return tuple(name for name, item in self.items.items() if item.isChecked())

    @property
    def text_of_names(self) -> str:
        """Return the short names of the formats that are ticked, in one line."""
        return ", ".join(FORMATS[name][0] for name in self.names)

    def tick(self, names: Sequence[str]) -> None:
        """Tick these formats and no other; names that are unknown are passed over."""
        for name, item in self.items.items():
            item.setChecked(name in names)

    def _changed(self) -> None:
        self.setText(counted(len(self.names), "format"))
        self.setToolTip(f"Formats of the files: {self.text_of_names or 'none'}")
        self.chosen.emit()
