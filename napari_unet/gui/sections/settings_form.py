"""The advanced settings, made from ``config.py``."""

import math
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
from qtpy.QtWidgets import QFormLayout, QWidget
from superqt import QCollapsible

from napari_unet.config import Field, Settings, changed, fields, preset_settings
from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ProjectOpened, SettingsChanged
from napari_unet.gui.sections.attempt import Attempt


class SettingsForm(QCollapsible):  # type: ignore[misc]
    """Shows the settings of the project, and changes them; folded away at first.

    Attributes
    ----------
    settings : those that were shown last, with what was changed since
    fields : the widget of each setting, by its name
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("Advanced settings")
        self._controller = controller
        self._attempt = Attempt(controller)
        self.settings = Settings()
        self.fields: dict[str, Any] = {}
        inner = QWidget()
        form = QFormLayout(inner)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for field in fields():
            widget = _widget(field)
            widget.changed.connect(partial(self._change, field.name))
            widget.native.setToolTip(field.help)
            widget.native.setAccessibleName(field.label)
            self.fields[field.name] = widget
            form.addRow(f"{field.label} [{field.unit}]" if field.unit else field.label, widget.native)
        self.addWidget(inner)
        self.toggled.connect(self.content().setEnabled)  # the Tab key skips what is folded away
        self.collapse(animate=False)
        controller.subscribe(ProjectOpened, lambda opened: self.show_settings(opened.project.settings.read()))
        controller.subscribe(SettingsChanged, lambda changed: self._settings_changed(changed.settings))

    def show_settings(self, settings: Settings) -> None:
        """Fill the form without telling anybody."""
        self.settings = settings
        for name, value in msgspec.to_builtins(settings).items():
            with self.fields[name].changed.blocked():
                self.fields[name].value = value

    def _change(self, name: str, value: Any) -> None:
        # One field alone: the others may be shown with fewer digits than they have.
        self.settings = changed(self.settings, {name: value})
        self._attempt(self._apply)

    def _apply(self) -> None:
        """Give the project the settings of the form; choosing another network also sets what belongs to it."""
        if self.settings.preset != self._controller.present_project().settings.read().preset:
            self.show_settings(changed(self.settings, preset_settings(self.settings.preset)))
        self._controller.change_settings(self.settings)

    def _settings_changed(self, settings: Settings) -> None:
        if settings != self.settings:  # a field that is being typed in is left alone
            self.show_settings(settings)


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
    """Make a box with a digit more than the default value has, and steps that do not leave its range at once."""
    box = kind(min=field.minimum, max=field.maximum, step=_step(field))
    box.native.setDecimals(1 - min(-1, int(Decimal(str(field.default)).as_tuple().exponent)))
    box.value = field.default
    return box


def _step(field: Field) -> float:
    room = float(field.maximum or math.inf) - field.default
    return min(field.default / 4 or 0.1, room / 4 or math.inf)
