"""The room for the list of images: what the other rows of the panel leave of its height."""

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QScrollArea

from napari_unet.gui.sections.drawer import Drawer
from napari_unet.gui.sections.image_list import ImageList


class ImageRoom(QObject):  # type: ignore[misc]
    """Fits the list of images whenever the panel becomes higher or lower; opening the drawer changes nothing.

    Parameters
    ----------
    images : the list
    scroll : what all rows lie in
    drawer : lies below them
    """

    def __init__(self, images: ImageList, scroll: QScrollArea, drawer: Drawer) -> None:
        super().__init__(scroll)
        self._images = images
        self._scroll = scroll
        self._drawer = drawer
        scroll.viewport().installEventFilter(self)

    def stop(self) -> None:
        """See no more events: Qt sends some while Python clears this object already."""
        self._scroll.viewport().removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Fit the list when the panel has another height."""
        if event.type() == QEvent.Type.Resize:
            self._fit()
        return False

    def _fit(self) -> None:
        drawer, rows = self._drawer, self._scroll.widget()
        opened = drawer.minimumSizeHint().height() - drawer.button.sizeHint().height() if drawer.is_open else 0
        others = rows.minimumSizeHint().height() - self._images.height() - opened
        self._images.fit(self._scroll.viewport().height() - others)
