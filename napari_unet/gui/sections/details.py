"""The drawer for who wants to know more: scores, the curve, the device, and every message."""

from collections.abc import Sequence

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded, ProjectOpened
from napari_unet.counted import counted
from napari_unet.gui.layers.area_layer import AreaLayer
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.plain_text import PlainLabel
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.drawer import Drawer
from napari_unet.gui.sections.messages_list import MessagesList
from napari_unet.gui.sections.remark import Remark
from napari_unet.gui.sections.scores import Scores
from napari_unet.gui.sections.section import column, row
from napari_unet.protocol.messages import NetworkChosen, Progress, Ready, Scored


class Details(Drawer):
    """Holds the score card, facts about the training, three buttons and the messages.

    Attributes
    ----------
    card : the scores
    restore, copy_button, release : the buttons
    steps, device, network : lines about the training
    messages : all that was told
    """

    def __init__(self, controller: Controller, canvas: Canvas, areas: AreaLayer, *above: QWidget) -> None:
        self._controller = controller
        self.card = card = Scores(controller, canvas, areas).card
        self.steps, self.device, self.network = Remark(), Remark(), Remark()
        self.restore = QPushButton("Best")
        self.restore.setToolTip("Go back to the network with the highest held-out Dice; learning goes on from it")
        self.restore.hide()  # without held-out strokes none is known to be the best
        self.release = QPushButton("Free memory")
        self.release.setToolTip("End the process that learns and give back its memory; the network is saved")
        self.copy_button = card.copy_button
        self.messages = MessagesList(controller)
        content = QWidget()
        super().__init__("Details", content)
        self._lay_out(column(content), (*above, card))
        attempt, training = Attempt(controller), controller.training
        self.restore.clicked.connect(lambda _: attempt(training.restore_best))
        self.release.clicked.connect(lambda _: attempt(training.stop))
        self.messages.counted.connect(lambda count: self.set_title(f"Details ({counted(count, 'message')})"))
        controller.subscribe(Progress, self._show_progress)
        controller.subscribe(Ready, lambda ready: self.device.setText(ready.reason))
        controller.subscribe(NetworkChosen, lambda chosen: self.network.setText(network_line(chosen)))
        controller.subscribe(ProjectOpened, self._project_opened)
        controller.subscribe(Scored, lambda scored: self.restore.setVisible(scored.score.best is not None))
        controller.subscribe(ActionEnded, lambda _: self._allow())

    def _lay_out(self, layout: QVBoxLayout, above: Sequence[QWidget]) -> None:
        for line in (*above, self.steps, self.network, self.device):
            layout.addWidget(line)
        buttons = row()
        for button in (self.restore, self.copy_button, self.release):
            buttons.addWidget(button)
        layout.addLayout(buttons)
        layout.addWidget(PlainLabel("Messages"))
        layout.addWidget(self.messages)

    def _show_progress(self, progress: Progress) -> None:
        loss = "" if progress.loss is None else f" · loss {progress.loss:.3f}"
        overlay = overlay_text(progress)
        self.steps.setText(f"Step {progress.step}{loss}" + (f" · {overlay}" if overlay else ""))
        self._allow()

    def _project_opened(self, _: ProjectOpened) -> None:
        self.steps.setText("")
        self.restore.hide()

    def _allow(self) -> None:
        for button in (self.restore, self.release):
            button.setEnabled(self._controller.worker.is_running)


def network_line(chosen: NetworkChosen) -> str:
    """Return which network learns, why, and from how much at a step."""
    tiles = f"{counted(chosen.batch, 'tile')} of {chosen.tile} px a step"
    return f"Network {chosen.preset}, because {chosen.reason} · {tiles}"


def overlay_text(progress: Progress) -> str:
    """Return what the overlay shows, in one line, or "" before there is one."""
    if progress.shown_step is None:
        return ""
    parts = [f"overlay: step {progress.shown_step}"]
    if progress.waiting_tiles:
        parts.append(f"{counted(progress.waiting_tiles, 'tile')} waiting")
    if progress.behind:
        parts.append("newest strokes not in it yet")
    return " · ".join(parts)
