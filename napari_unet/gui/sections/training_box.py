"""The buttons of the training, its state in one line, and the device that it runs on."""

from typing import Any

from napari.utils import progress as activity
from napari.utils.notifications import show_error, show_warning
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded, ErrorLine, ImageRemoved, ImageShown, Notice
from napari_unet.gui.plain_text import PlainLabel, untagged
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.protocol.messages import NetworkChosen, Progress, Ready

_STATES = {"waiting": "Waiting", "training": "Training", "resting": "Resting until you paint", "paused": "Paused"}


class TrainingBox(QWidget):  # type: ignore[misc]
    """Starts, pauses and stops the training, and says how it goes; errors and notices of all kinds are told here.

    Attributes
    ----------
    start, pause, stop, restore : the buttons
    status, device, network : the lines below them
    progress : what the worker last said, None before it said anything
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self.progress: Progress | None = None
        self._controller = controller
        self._busy: Any = None
        self.start, self.pause, self.stop = (QPushButton(text) for text in ("Start", "Pause", "Stop"))
        self.start.setToolTip("Train; painting goes on")
        self.pause.setToolTip("Stop learning for now; the network is scored and saved")
        self.stop.setToolTip("End the worker process and give back its memory; the network is saved")
        self.restore = QPushButton("Best")
        self.restore.setToolTip("Go back to the network with the highest held-out Dice; learning goes on from it")
        self.status, self.device, self.network = PlainLabel("Choose an image layer"), PlainLabel(""), PlainLabel("")
        self._lay_out()
        attempt, training = Attempt(controller), controller.training
        for button, action in (
            (self.start, training.start),
            (self.pause, training.pause),
            (self.stop, self._stop),
            (self.restore, training.restore_best),
        ):
            button.clicked.connect(lambda _=False, action=action: attempt(action))
        self._subscribe()

    def leave_activity_dock(self) -> None:
        """Take the bar out of napari's activity dock."""
        self._show_busy(False)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.start, self.pause, self.stop, self.restore):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        for label in (self.status, self.device, self.network):
            label.setWordWrap(True)
            # Long lines must not widen the dock.
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            layout.addWidget(label)

    def _subscribe(self) -> None:
        subscribe = self._controller.subscribe
        subscribe(Progress, self._show_progress)
        subscribe(Ready, lambda ready: self.device.setText(ready.reason))
        subscribe(NetworkChosen, lambda chosen: self.network.setText(_network_line(chosen)))
        subscribe(ErrorLine, lambda error: self._show_error(error.line))
        subscribe(Notice, lambda notice: show_warning(untagged(notice.line)))
        subscribe(ActionEnded, lambda _: self._show_buttons())
        subscribe(ImageShown, lambda _: self._show_buttons())
        subscribe(ImageRemoved, lambda _: self.status.setText("Choose an image layer; the strokes are in the project"))

    def _stop(self) -> None:
        self._controller.training.stop()
        self.status.setText("Stopped: the worker has ended")
        self._show_busy(False)

    def _show_progress(self, progress: Progress) -> None:
        self.progress = progress
        state = "Ready" if progress.state == "paused" and progress.reason else _STATES[progress.state]
        detail = progress.reason or f"step {progress.step}"
        if progress.state == "training" and progress.loss is not None:
            detail += f" · loss {progress.loss:.3f}"
        self.status.setText(f"{state}: {detail}")
        self._show_busy(progress.state == "training")
        self._show_buttons()

    def _show_error(self, line: str) -> None:
        self.status.setText(line)
        self._show_busy(False)
        self._show_buttons()
        show_error(untagged(line))

    def _show_busy(self, on: bool) -> None:
        """Appear in the activity dock while training, or leave it; the status line tells the step.

        Every change of the bar would run the event loop inside our own call, and draw layers that are half changed:
        that has crashed the drawing.
        """
        if on and self._busy is None:
            self._busy = activity(total=0, desc="U-Net: training")
        if self._busy is not None and not on:
            self._busy.close()
            self._busy = None

    def _show_buttons(self) -> None:
        training, worker = self._controller.training, self._controller.worker
        self.start.setEnabled(self._controller.image is not None and not training.is_on)
        self.pause.setEnabled(training.is_on)
        self.stop.setEnabled(worker.is_running)
        self.restore.setEnabled(worker.is_running)


def _network_line(chosen: NetworkChosen) -> str:
    tiles = f"{chosen.batch} tiles of {chosen.tile} px a step"
    return f"Network {chosen.preset}, because {chosen.reason} · {tiles}"
