"""Icons that keep their colours in a row that is selected, where Qt would tint them."""

from qtpy.QtGui import QIcon, QPixmap


def untinted(pixmap: QPixmap) -> QIcon:
    """Return an icon that looks like a picture in every state of what it stands on."""
    icon = QIcon(pixmap)
    for mode in (QIcon.Mode.Selected, QIcon.Mode.Disabled, QIcon.Mode.Active):
        icon.addPixmap(pixmap, mode)
    return icon
