"""The advanced settings, made from ``config.py``."""

import math
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget
from superqt import QCollapsible

from napari_unet.config import Field, Settings, changed, fields


class SettingsForm(QCollapsible):  # type: ignore[misc]
    """Folded away; emits checked settings.

    Attributes
    ----------
    settings : what was shown last, with what was changed since
    """

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Advanced settings", parent)
        self.settings = Settings()
        self._widgets: dict[str, Any] = {}
        inner = QWidget()
        form = QFormLayout(inner)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for field in fields():
            widget = _widget(field)
            widget.changed.connect(partial(self._change, field.name))
            widget.native.setToolTip(field.help)
            widget.native.setAccessibleName(field.label)
            self._widgets[field.name] = widget
            form.addRow(f"{field.label} [{field.unit}]" if field.unit else field.label, widget.native)
        self.addWidget(inner)
        self.toggled.connect(self.content().setEnabled)  # the Tab key skips what is folded away
        self.collapse(animate=False)

    def show_settings(self, settings: Settings) -> None:
        """Fill the form without telling anybody."""
        self.settings = settings
        for name, value in msgspec.to_builtins(settings).items():
            with self._widgets[name].changed.blocked():
                self._widgets[name].value = value

    def _change(self, name: str, value: Any) -> None:
        # One field alone: the others may be shown with fewer digits than they have.
        self.settings = changed(self.settings, {name: value})
        self.changed.emit(self.settings)


def _widget(field: Field) -> Any:
    from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, SpinBox

    if field.kind is bool:
        return CheckBox(value=field.default)
    if field.choices:
        return ComboBox(value=field.default, choices=field.choices)
    if field.kind is int:
        return SpinBox(value=field.default, min=field.minimum, max=field.maximum, step=field.step or 1)
    return _float_box(FloatSpinBox, field)


def _float_box(kind: Any, field: Field) -> Any:
    """A box with a digit more than the default value has, and steps that do not leave its range at once."""
    box = kind(min=field.minimum, max=field.maximum, step=_step(field))
    box.native.setDecimals(1 - min(-1, int(Decimal(str(field.default)).as_tuple().exponent)))
    box.value = field.default
    return box


def _step(field: Field) -> float:
    room = float(field.maximum or math.inf) - field.default
    return min(field.default / 4 or 0.1, room / 4 or math.inf)
