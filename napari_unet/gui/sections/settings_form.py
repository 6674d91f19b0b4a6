"""The advanced settings, made from ``config.py``: a dialog with groups, a search field, and a way back for each."""

import math
from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
from qtpy.QtWidgets import QDialog, QGridLayout, QLineEdit, QPushButton, QToolButton, QWidget

from napari_unet.config import DEFAULT_SETTINGS, Field, Settings, changed, fields, preset_settings
from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ProjectOpened, SettingsChanged
from napari_unet.errors import UserError
from napari_unet.gui.plain_text import PlainLabel
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.section import ACCENT, GAP, MARGIN, column, row, scrolled
from napari_unet.gui.sections.unfocused_wheel import keep_wheel_off

# The groups in their order; what is named nowhere belongs to the last one.
GROUPS = {
    "Network": ("preset", "width", "context_planes"),
    "Learning": (
        "start_by_itself",
        "hold_out",
        "learning_rate",
        "warm_up",
        "batch",
        "tile",
        "pixel_share",
        "averaging",
        "weight_decay",
        "consistency",
    ),
    "Loss": ("loss", "label_smoothing", "border_weight", "border_sigma"),
    "Prediction": ("prediction_tile",),
    "Objects": (),
}
_WIDTH, _HEIGHT = 480, 560  # px


class SettingsForm(QDialog):  # type: ignore[misc]
    """Shows the settings of the project, and changes them at once; the window behind it stays in use.

    Attributes
    ----------
    settings : those that were shown last, with what was changed since
    fields : the widget of each setting, by its name
    rows : label, field and reset button of each setting, by its name
    search : hides the settings that do not hold its words
    reset_all : sets every setting to its default
    scroll : what the rows lie in
    """

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("U-Net: advanced settings")
        self.resize(_WIDTH, _HEIGHT)
        self._controller = controller
        self._attempt = Attempt(controller)
        self.settings = Settings()
        self.fields: dict[str, Any] = {}
        self.rows: dict[str, tuple[PlainLabel, QWidget, QToolButton]] = {}
        self._titles: dict[str, PlainLabel] = {}
        self._lay_out(self._form())
        keep_wheel_off(self)
        self._mark()
        controller.subscribe(ProjectOpened, lambda opened: self.show_settings(opened.project.settings.read()))
        controller.subscribe(SettingsChanged, lambda changed: self._settings_changed(changed.settings))

    def bring_up(self) -> None:
        """Show the dialog in front of the window."""
        self.show()
        self.raise_()
        self.search.setFocus()

    def showEvent(self, event: Any) -> None:
        """Be as wide as the style makes the rows, so that names are whole and the scroll bar lies beside them."""
        super().showEvent(event)
        fields = [field for _, field, _ in self.rows.values()]
        width = max(field.sizeHint().width() for field in fields)
        for field in fields:
            field.setFixedWidth(width)
        bar = self.scroll.verticalScrollBar().sizeHint().width()
        self.scroll.setMinimumWidth(self.scroll.widget().minimumSizeHint().width() + bar)

    def show_settings(self, settings: Settings) -> None:
        """Fill the form without telling anybody."""
        self.settings = settings
        for name, value in msgspec.to_builtins(settings).items():
            with self.fields[name].changed.blocked():
                self.fields[name].value = value
        self._mark()

    def find(self, words: str) -> None:
        """Show only the settings whose label or help holds these words."""
        wanted = words.casefold().split()
        for group, names in grouped():
            shown = [field for field in names if all(word in _searched(field) for word in wanted)]
            self._titles[group].setVisible(bool(shown))
            for field in names:
                for widget in self.rows[field.name]:
                    widget.setVisible(field in shown)

    def _form(self) -> QWidget:
        form = QWidget()
        grid = QGridLayout(form)
        grid.setContentsMargins(0, 0, MARGIN, 0)
        grid.setSpacing(GAP)
        grid.setColumnStretch(0, 1)
        for group, members in grouped():
            title = self._titles[group] = PlainLabel(group)
            title.setStyleSheet(f"font-weight: bold; padding-top: {MARGIN}px")
            grid.addWidget(title, grid.rowCount(), 0, 1, 3)
            for field in members:
                line = grid.rowCount()
                for column_number, widget in enumerate(self._row(field)):
                    grid.addWidget(widget, line, column_number)
        grid.setRowStretch(grid.rowCount(), 1)
        return form

    def _row(self, field: Field) -> tuple[PlainLabel, QWidget, QToolButton]:
        widget = self.fields[field.name] = _widget(field)
        widget.changed.connect(partial(self._change, field.name))
        widget.native.setAccessibleName(field.label)
        label, reset = PlainLabel(_named(field)), QToolButton()
        for tipped in (label, widget.native):
            tipped.setToolTip(field.help)
        reset.setText("↺")
        reset.setAccessibleName(f"reset {field.label}")
        reset.setToolTip(f"Back to {field.default}")
        reset.clicked.connect(lambda _: self._attempt(partial(self._reset, [field.name])))
        self.rows[field.name] = label, widget.native, reset
        return self.rows[field.name]

    def _lay_out(self, form: QWidget) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("search the settings")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self.find)
        self.scroll = scrolled(form)
        self.reset_all, close = QPushButton("Reset all"), QPushButton("Close")
        self.reset_all.setToolTip("Set every setting to its default")
        self.reset_all.clicked.connect(lambda _: self._attempt(partial(self._reset, self.fields)))
        close.clicked.connect(self.close)
        for button in (self.reset_all, close):
            button.setAutoDefault(False)  # Enter in a field ends its number and presses nothing
        buttons = row()
        buttons.addWidget(self.reset_all)
        buttons.addStretch()
        buttons.addWidget(close)
        layout = column(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.addWidget(self.search)
        layout.addWidget(self.scroll, 1)
        layout.addLayout(buttons)

    def _change(self, name: str, value: Any) -> None:
        # One field alone: the others may be shown with fewer digits than they have.
        self._attempt(partial(self._apply, {name: value}))

    def _reset(self, names: Iterable[str]) -> None:
        self._apply({name: getattr(DEFAULT_SETTINGS, name) for name in names})
        self.show_settings(self.settings)

    def _apply(self, values: dict[str, Any]) -> None:
        """Give the project these values; choosing another network also sets what belongs to it."""
        before = self.settings
        try:
            self.settings = changed(before, values)
            if self.settings.preset != before.preset:
                self.show_settings(changed(self.settings, preset_settings(self.settings.preset)))
            self._mark()
            self._controller.change_settings(self.settings)
        except UserError:
            self.show_settings(before)  # one of them is out of its range, or the project does not take them
            raise

    def _settings_changed(self, settings: Settings) -> None:
        if settings != self.settings:  # a field that is being typed in is left alone
            self.show_settings(settings)

    def _mark(self) -> None:
        """Mark the settings that are not as they come, and offer their reset."""
        others = [name for name in self.fields if getattr(self.settings, name) != getattr(DEFAULT_SETTINGS, name)]
        for name, (label, _, reset) in self.rows.items():
            is_other = name in others
            label.setStyleSheet(f"font-weight: bold; border-left: 3px solid {ACCENT}; padding-left: 4px" if is_other
                                else "padding-left: 7px")  # fmt: skip
            reset.setEnabled(is_other)
        self.reset_all.setEnabled(bool(others))


def grouped() -> list[tuple[str, list[Field]]]:
    """Return every setting in its group."""
    known = {field.name: field for field in fields()}
    named = {name for names in GROUPS.values() for name in names}
    rest = [field for name, field in known.items() if name not in named]
    return [(group, [known[name] for name in names] or rest) for group, names in GROUPS.items()]


def _named(field: Field) -> str:
    """Return the label of a setting with its unit, and what 0 stands for where it is no number."""
    units = [part for part in (field.unit, field.zero and f"0: {field.zero}") if part]
    return f"{field.label} [{'; '.join(units)}]" if units else field.label


def _searched(field: Field) -> str:
    return f"{field.label} {field.unit} {field.help}".casefold()


def _widget(field: Field) -> Any:
    from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, SpinBox

    if field.kind is bool:
        return CheckBox(value=field.default)
    if field.choices:
        return ComboBox(value=field.default, choices=field.choices)
    is_whole = field.kind is int
    box = _whole_box(SpinBox, field) if is_whole else _float_box(FloatSpinBox, field)
    # Half of a number is none: 25 of 256 is no tile, and 2 of 24 channels would begin another network.
    box.native.setKeyboardTracking(False)
    return box


def _whole_box(kind: Any, field: Field) -> Any:
    return kind(value=field.default, min=field.minimum, max=field.maximum, step=field.step or 1)


def _float_box(kind: Any, field: Field) -> Any:
    """Make a box with a digit more than the default value has, and steps that do not leave its range at once.

    It has as many digits as its smallest value, which would be 0 with fewer.
    """
    box = kind(max=field.maximum, step=_step(field))
    box.native.setDecimals(max(1 + max(1, _digits(field.default)), _digits(field.minimum)))
    box.min = field.minimum
    box.value = field.default
    return box


def _digits(number: int | float | None) -> int:
    """Return how many digits a number has behind the point."""
    return -int(Decimal(str(number or 0)).as_tuple().exponent)


def _step(field: Field) -> float:
    room = float(field.maximum or math.inf) - field.default
    return min(field.default / 4 or 0.1, room / 4 or math.inf)
