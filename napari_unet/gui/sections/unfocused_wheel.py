"""The mouse wheel over a field that has no focus: it scrolls what the field lies in, and changes no value."""

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget


class UnfocusedWheel(QObject):  # type: ignore[misc]
    """Event filter of fields: hands the wheel on to the widget around a field that has no focus."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the wheel off a field without focus; Qt offers an ignored event to the parent."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


def keep_wheel_off(root: QWidget) -> None:
    """Let no field inside a widget change its value by a wheel turn until it is clicked or tabbed to."""
    wheel = UnfocusedWheel(root)
    for field in fields_in(root):
        if field.focusPolicy() == Qt.FocusPolicy.WheelFocus:  # the turn itself would give it the focus
            field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.installEventFilter(wheel)


def fields_in(root: QWidget) -> list[QWidget]:
    """Return every number field, choice and slider inside a widget; a scroll bar is none."""
    kinds = (QAbstractSpinBox, QComboBox, QAbstractSlider)
    return [one for one in root.findChildren(QWidget) if isinstance(one, kinds) and not isinstance(one, QScrollBar)]
