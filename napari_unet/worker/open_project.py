"""The project that the window has opened, and the learner that learns it."""

from collections.abc import Callable

from napari_unet.errors import UserError
from napari_unet.network.base import base_weights
from napari_unet.network.device import Device, without_graphics
from napari_unet.prediction.mask import check_channels
from napari_unet.project.project import Project
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Corrected, NetworkChosen, Noticed, Open, Ready
from napari_unet.training.learner import Learner
from napari_unet.worker.listener import Hears, Listener

Send = Callable[[Message], None]
Clock = Callable[[], float]


class OpenProject(Listener):
    """Holds what all jobs share: the learner, the way to the window, and whether the window wants training.

    Attributes
    ----------
    send : takes every message for the window
    clock : seconds, monotonic
    learner : None before the first project was opened
    is_training : whether the window wants training; ``can_train`` tells whether it is possible too
    """

    def __init__(self, send: Send, device: Device, clock: Clock) -> None:
        self.send = send
        self.clock = clock
        self.learner: Learner | None = None
        self.is_training = False
        self._device = device
        self._told: NetworkChosen | None = None
        self._wanted: Open | None = None

    def hears(self) -> Hears:
        """Return the methods for a project that is opened and for an image that is corrected or removed."""
        return {Open: self._open, Corrected: self._reopen}

    @property
    def can_train(self) -> bool:
        """Tell whether training is wanted and another step would bring something."""
        learner = self.learner
        return self.is_training and learner is not None and not learner.obstacle and not learner.is_settled

    @property
    def can_predict(self) -> bool:
        """Tell whether there is a network to predict with."""
        return self.learner is not None and self.learner.selection.shown is not None

    @property
    def shown_step(self) -> int | None:
        """Return the step of the network that predicts, or None before there is one."""
        shown = None if self.learner is None else self.learner.selection.shown
        return None if shown is None else shown.step

    def required(self) -> Learner:
        """Return the learner.

        Raises
        ------
        UserError
            NU-W04 when no project is open.
        """
        if self.learner is None:
            raise UserError("NU-W04", "no project is open", "worker", "choose an image first")
        return self.learner

    def obstacle_of(self, image_id: int) -> str:
        """Return why the network that is shown cannot predict an image; "" where it can, or where there is none."""
        learner = self.required()
        predictor = learner.predictor
        if predictor is None:
            return ""
        try:
            check_channels(predictor, learner.annotations.pixels(image_id))
        except UserError as error:
            return str(error)
        return ""

    def tell_network(self) -> None:
        """Tell the window which network learns, and why, unless it was told so already."""
        learner = self.learner
        if learner is None:
            return
        settings = learner.settings
        chosen = NetworkChosen(settings.preset, settings.tile, settings.batch, learner.device_settings.reason)
        if chosen != self._told:
            self.send(chosen)
            self._told = chosen

    def tell_notices(self) -> None:
        """Tell the window what went wrong without stopping anything, and what it changed."""
        if self.learner is not None:
            self.tell_network()
            for line in self.learner.notices:
                self.send(Noticed(line))
            self.learner.notices.clear()

    def _open(self, message: Open) -> None:
        self.learner, self._wanted = None, message  # where it cannot be opened, the project before is gone all the same
        # The window writes strokes; the worker only reads the database. Checkpoints are files beside it.
        project = Project(message.folder, read_only=True)
        device = self._device
        if message.spare_device and device.kind != "cpu":
            device = without_graphics(device)
            self.send(Ready(device.kind, device.reason))
        base, steps = base_weights(message.base), message.memory_steps
        self.learner = Learner(project, device, message.seed, base, steps, read_only=message.read_only)
        self.is_training = False
        self._told = None
        self.tell_network()

    def _reopen(self, message: Corrected) -> None:
        """Read an image anew; or open the project, where that failed before, perhaps for want of the image's file."""
        if self.learner is None and self._wanted is not None:
            self._open(self._wanted)
        self.required().reopen(message.image_id)
