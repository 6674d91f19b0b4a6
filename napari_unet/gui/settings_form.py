"""The advanced settings, made from ``config.py``."""

from typing import Any

import msgspec
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget
from superqt import QCollapsible

from napari_unet.config import Field, Settings, fields, settings_from


class SettingsForm(QCollapsible):  # type: ignore[misc]
    """Folded away; emits checked settings."""

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Advanced settings", parent)
        self._widgets: dict[str, Any] = {}
        inner = QWidget()
        form = QFormLayout(inner)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for field in fields():
            widget = _widget(field)
            widget.changed.connect(self._emit)
            widget.native.setToolTip(field.help)
            widget.native.setAccessibleName(field.label)
            self._widgets[field.name] = widget
            form.addRow(f"{field.label} [{field.unit}]" if field.unit else field.label, widget.native)
        self.addWidget(inner)
        self.toggled.connect(self.content().setEnabled)  # the Tab key skips what is folded away
        self.collapse(animate=False)

    def show_settings(self, settings: Settings) -> None:
        """Fill the form without telling anybody."""
        for name, value in msgspec.to_builtins(settings).items():
            with self._widgets[name].changed.blocked():
                self._widgets[name].value = value

    @property
    def settings(self) -> Settings:
        """What the form holds."""
        return settings_from({name: widget.value for name, widget in self._widgets.items()})

    def _emit(self) -> None:
        self.changed.emit(self.settings)


def _widget(field: Field) -> Any:
    from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, SpinBox

    if field.kind is bool:
        return CheckBox(value=field.default)
    if field.choices:
        return ComboBox(value=field.default, choices=field.choices)
    if field.kind is int:
        return SpinBox(value=field.default, min=field.minimum, max=field.maximum, step=field.step or 1)
    return FloatSpinBox(value=field.default, min=field.minimum, max=field.maximum, step=field.default / 4 or 0.1)
