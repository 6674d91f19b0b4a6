"""The worker process of the open project: started, watched, and started again when it dies."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from napari_unet.controller.news import ErrorLine, WorkerDied, WorkerStarted, WorkerStopped
from napari_unet.controller.session import Session
from napari_unet.controller.supervision import Supervision
from napari_unet.controller.worker_client import WorkerClient
from napari_unet.errors import UserError
from napari_unet.protocol import messages as m
from napari_unet.protocol.exit_code import LOST_DEVICE
from napari_unet.protocol.message import Message

StartProcess = Callable[[Path], WorkerClient]  # the argument names the file that errors go to

_KILLED = -9  # exit code of a process that the system ended, as it does with the one that takes the most memory


class SupervisedWorker:
    """Runs one worker after the other for the project of a session.

    Parameters
    ----------
    session : whose project a worker opens
    start_process : starts a worker process
    publish : gets ``WorkerStarted``, ``WorkerStopped``, ``WorkerDied`` and ``ErrorLine``
    clock : seconds, monotonic

    Attributes
    ----------
    client : of the running process, None while there is none
    memory_steps : how often the system ended a worker since the user's last start; each asks for less memory
    """

    def __init__(
        self,
        session: Session,
        start_process: StartProcess,
        publish: Callable[[msgspec.Struct], None],
        clock: Callable[[], float],
    ) -> None:
        self.start_process = start_process
        self.client: WorkerClient | None = None
        self.memory_steps = 0
        self._session = session
        self._publish = publish
        self._supervision = Supervision(clock)
        self._spare_device = False

    @property
    def is_running(self) -> bool:
        """Tell whether a worker process runs."""
        return self.client is not None

    def launch(self) -> None:
        """Start a process for the open project; subscribers to ``WorkerStarted`` tell it the rest.

        Raises
        ------
        UserError
            NU-W04 without a project, NU-W08 when the system starts no process.
        """
        project = self._session.present_project()
        self.client = self.start_process(project.folder / "worker.log")
        self._supervision.launched()
        folder, steps, spare = str(project.folder), self.memory_steps, self._spare_device
        self.send(m.Open(folder, memory_steps=steps, spare_device=spare, read_only=project.read_only))
        self._publish(WorkerStarted())

    def launch_or_tell(self) -> bool:
        """Start a process; where the system starts none, an ``ErrorLine`` says so, and the user may try again."""
        try:
            self.launch()
        except UserError as error:
            self._publish(ErrorLine(str(error)))
        return self.is_running

    def launch_if_stopped(self) -> None:
        """Start a process where none runs."""
        if self.client is None:
            self.launch()

    def send(self, message: Message) -> None:
        """Send a message to the process that runs; without one it is dropped."""
        if self.client is not None:
            self.client.send(message)

    def tick(self, hear: Callable[[m.ToWindow], None]) -> None:
        """Hear what the process said, and replace it when it died or hangs; an ``ErrorLine`` tells what goes wrong."""
        client = self.client
        if client is None:
            return
        for message in client.poll():
            self._supervision.heard()
            try:
                hear(message)
            except UserError as error:  # other messages are worth hearing all the same
                self._publish(ErrorLine(str(error)))
        if client is not self.client:  # something that was said led to another project
            return
        if client.exit_code is not None:
            self._replace(client)
        elif self._supervision.hangs():
            client.kill()
            self._replace(client, hung=True)

    def stop(self) -> None:
        """Let the process save and end, and start no other."""
        self._publish(WorkerStopped())
        self._end()

    def forget_deaths(self) -> None:
        """Start over: deaths from before do not count, and all memory and the graphics processor are tried again."""
        self._supervision.start_over()
        self.memory_steps = 0
        self._spare_device = False

    def _end(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None

    def _replace(self, client: WorkerClient, *, hung: bool = False) -> None:
        code = client.exit_code
        self._end()
        if code == _KILLED and not hung:
            self.memory_steps += 1
        self._spare_device = self._spare_device or code == LOST_DEVICE
        line = self._supervision.note_death(hung=hung)
        if line is not None:
            self._publish(ErrorLine(str(line)))
        self._publish(WorkerDied(self._supervision.is_given_up))
        if not self._supervision.is_given_up and not self.launch_or_tell():
            self._publish(WorkerStopped())  # only the user starts another
