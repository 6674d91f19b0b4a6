"""The foot of the panel: the one button that starts and pauses learning, and its state in short words."""

from typing import Any

from napari.utils import progress as activity
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded, ErrorLine, ImageShown, WorkerStopped
from napari_unet.gui.plain_text import untagged
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.section import ACCENT, GAP, MARGIN, scaled
from napari_unet.gui.sections.steady_text import SteadyText
from napari_unet.protocol.messages import Progress, Ready

START, PAUSE = "Start", "Pause"
_STATES = {"waiting": "Ready", "training": "Learning", "resting": "Resting", "paused": "Paused"}
_DEVICES = {"cpu": "CPU", "cuda": "GPU", "mps": "GPU", "xpu": "GPU"}
_BUTTON_PX = 76


class TrainingBox(QWidget):  # type: ignore[misc]
    """Starts and pauses the training, and says how it goes.

    Attributes
    ----------
    button : starts or pauses
    settings_button : asks for the advanced settings
    state : state and device
    progress : what the worker last said, None before it said anything
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self.progress: Progress | None = None
        self._controller = controller
        self._attempt = Attempt(controller)
        self._busy: Any = None
        self._device = self._reason = ""
        self.button = QPushButton(START)
        self.button.setFixedWidth(scaled(_BUTTON_PX))
        self.button.setStyleSheet(
            f"QPushButton:enabled {{ background-color: {ACCENT}; color: white; font-weight: bold }}"
        )
        self.button.clicked.connect(lambda _: self._attempt(self._press))
        self.state = SteadyText()
        self.settings_button = QPushButton("Settings…")
        self.settings_button.setToolTip("Advanced settings; the usual ones suit most images")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(MARGIN, GAP, MARGIN, MARGIN)
        layout.setSpacing(2 * GAP)
        for widget in (self.button, self.state, self.settings_button):
            layout.addWidget(widget, widget is self.state)
        self._subscribe()
        self._show()

    def leave_activity_dock(self) -> None:
        """Take the bar out of napari's activity dock."""
        self._show_busy(False)

    def _subscribe(self) -> None:
        subscribe = self._controller.subscribe
        subscribe(Progress, self._show_progress)
        subscribe(Ready, self._show_device)
        for ended in (ErrorLine, WorkerStopped):
            subscribe(ended, lambda _: self._show_busy(False))
        for changed in (ActionEnded, ImageShown, ErrorLine):
            subscribe(changed, lambda _: self._show())

    def _press(self) -> None:
        training = self._controller.training
        (training.pause if training.is_on else training.start)()

    def _show_device(self, ready: Ready) -> None:
        self._device, self._reason = _DEVICES.get(ready.device.partition(":")[0], ready.device), ready.reason
        self._show()

    def _show_progress(self, progress: Progress) -> None:
        self.progress = progress
        self._show_busy(progress.state == "training")
        self._show()

    def _show_busy(self, on: bool) -> None:
        """Appear in the activity dock while training, or leave it.

        Every change of the bar would run the event loop inside our own call, and draw layers that are half changed:
        that has crashed the drawing.
        """
        if on and self._busy is None:
            self._busy = activity(total=0, desc="U-Net: training")
        if self._busy is not None and not on:
            self._busy.close()
            self._busy = None

    def _show(self) -> None:
        controller = self._controller
        is_on = controller.training.is_on
        self.button.setText(PAUSE if is_on else START)
        self.button.setToolTip(
            "Stop learning for now; what was learned is saved" if is_on else "Learn; painting goes on"
        )
        self.button.setEnabled(controller.image is not None)
        text = self._state_words(is_on)
        if text != self.state.text():
            self.state.setText(text)
            self.state.setToolTip(untagged(f"{text}\n{self._reason}".strip()))

    def _state_words(self, is_on: bool) -> str:
        if self._controller.image is None or not self._device:
            return ""
        state = "Ready" if self.progress is None or self.progress.reason else _STATES[self.progress.state]
        if not is_on and state in {"Learning", "Resting"}:
            state = "Paused"
        if is_on and state == "Paused":
            state = "Starting"  # the worker has not said otherwise yet
        return f"{state} · {self._device}"
