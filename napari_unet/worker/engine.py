"""The engine of the worker: it hears what the window says, then lets the most urgent job do one slice of work."""

import time
from collections.abc import Callable
from typing import Any

from napari_unet.errors import UserError
from napari_unet.network.device import Device, is_out_of_memory
from napari_unet.project.image_record import MissingImage
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Annotated, Corrected, Look, ToWorker
from napari_unet.training.learner import Learner
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.open_project import Clock, OpenProject, Send
from napari_unet.worker.roster import roster_of
from napari_unet.worker.urgency import Urgency


class Engine:
    """Hands messages to the jobs that hear them, and chooses which job works; ``receive`` never takes long.

    News of strokes wait until a tile on screen has answered to the strokes before, and are heard as one then: answering
    takes longer than painting a short stroke, so that a quick hand would otherwise never see a tile.

    Parameters
    ----------
    send : takes every message for the window
    device : where the network lives
    clock : seconds, monotonic
    """

    def __init__(self, send: Send, device: Device, clock: Clock = time.monotonic) -> None:
        self._opened = OpenProject(send, device, clock)
        self._roster = roster_of(self._opened)
        self._jobs = self._roster.jobs
        self._hearers: dict[type[Message], list[Callable[[Any], None]]] = {}
        for listener in self._roster.listeners:
            for kind, hear in listener.hears().items():
                self._hearers.setdefault(kind, []).append(hear)
        self._had_its_turn: Job | None = None  # the export, when it did the last slice
        self._unheard: Annotated | None = None  # all strokes that no job has heard of yet

    @property
    def learner(self) -> Learner | None:
        """Return the learner of the open project, or None before one was opened."""
        return self._opened.learner

    @property
    def has_work(self) -> bool:
        """Tell whether ``work`` would do something."""
        return self._unheard is not None or any(job.urgency() > Urgency.SPARE for job in self._jobs)

    def receive(self, message: ToWorker) -> None:
        """Let everybody take note of a message; news of strokes waits, but only looks may overtake it."""
        if isinstance(message, Annotated):
            self._unheard = message if self._unheard is None else self._unheard.together_with(message)
            self._roster.training.look_for_strokes()
            self._roster.progress.tell(at_once=True)
            return
        if not isinstance(message, Look):
            self._hear_strokes()
        self._hear(message)

    def work(self) -> None:
        """Do the most urgent slice; when the memory is not enough for it, ask for less and do it again later.

        Raises
        ------
        UserError
            That of the job, or NU-T03 when even less memory is not enough.
        """
        if self._unheard is not None and not self._roster.tiles.owes_an_answer:
            self._hear_strokes()
            return  # hearing them takes a while, in which the window may have said more
        job = self._most_urgent()
        if job is None or self._finishes(job):
            self._roster.progress.tell(at_once=not self.has_work)  # the last report before a rest is always sent
        else:
            self.ask_for_less()
        self._opened.tell_notices()

    def rehearse(self) -> bool:
        """Do a slice of what nobody waits for yet; return whether more of it is left."""
        job = next((job for job in self._jobs if job.urgency() == Urgency.SPARE), None)
        if job is None:
            return False
        if not self._finishes(job):
            job.let_go()
        self._opened.tell_notices()
        return job.urgency() == Urgency.SPARE

    def ask_for_less(self) -> None:
        """Ask for less memory from now on; what was not done for want of it is done again later.

        Raises
        ------
        UserError
            NU-T03 when nothing is left to be saved.
        """
        self._opened.required().tighten_memory_limits()
        for job in self._jobs:
            job.let_go()
        self._opened.tell_notices()

    def save(self) -> None:
        """Write what was learned since the last time."""
        self._roster.training.save()

    def stop_after(self, error: Exception) -> None:
        """Stop the work that failed; the window hears of it and painting goes on."""
        if isinstance(error, UserError) and error.code.startswith("NU-E"):
            return  # an export that could not be written is no reason to stop learning
        for job in self._jobs:
            job.stop()
        self._roster.progress.tell(at_once=True)

    def _hear_strokes(self) -> None:
        """Let everybody take note of the strokes that wait."""
        strokes, self._unheard = self._unheard, None
        if strokes is not None:
            self._hear(strokes)

    def _hear(self, message: ToWorker) -> None:
        for hear in self._hearers[type(message)]:
            try:
                hear(message)
            except MissingImage as error:
                if message == Corrected(error.image_id):
                    raise
                self._hear(Corrected(error.image_id))  # as in ``_finishes``

    def _most_urgent(self) -> Job | None:
        """Choose the job of the next slice; None when there is none but an export that did the last one."""
        ranked = [(job.urgency(), job) for job in self._jobs if job is not self._had_its_turn]
        urgency, job = max(ranked, key=lambda pair: pair[0])
        self._had_its_turn = job if urgency == Urgency.EXPORT else None
        return job if urgency > Urgency.SPARE else None

    def _finishes(self, job: Job) -> bool:
        """Do a slice of a job; return False when the memory was not enough for it."""
        try:
            job.step()
        except MissingImage as error:
            # The window removed it while the job worked on it, and what it says of that is still on its way.
            self._hear(Corrected(error.image_id))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or self._opened.learner is None:
                raise
            return False
        return True
