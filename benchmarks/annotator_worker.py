"""Two homes for the worker behind the same few verbs: its real process, and its engine with a clock that can stop."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from napari_unet.controller.worker_process import WorkerProcess
from napari_unet.evaluation.estimated_dice import Evidence
from napari_unet.network.device import choose_device
from napari_unet.network.inference import Predictor
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Open, Ready, ToWindow, ToWorker
from napari_unet.training.scoring_pace import ScoringPace
from napari_unet.worker.engine import Engine

NO_BASE = "none"
AUTOMATIC_BASE = "auto"
_READY_WITHIN_S = 120.0
_POLL_S = 0.002


class Worker(Protocol):
    """The worker as an annotator sees it."""

    @property
    def now(self) -> float:
        """Number of seconds since ``begin``."""

    def begin(self) -> None:
        """Set the clock to zero."""

    def send(self, message: ToWorker) -> None:
        """Send a message, as the window does."""

    def advance(self, until: float) -> list[ToWindow]:
        """Let it work until a moment, or until it says something."""

    @property
    def has_seen_all(self) -> bool:
        """Tell whether the network that predicts has seen every stroke; False where that is not known."""

    def close(self) -> None:
        """End it."""


class StoppableClock:
    """A clock whose seconds pass only within ``running``, or when they are skipped.

    They are seconds of the processor in this thread: what else the machine does meanwhile costs the network nothing.
    """

    def __init__(self, source: Callable[[], float] = time.thread_time) -> None:
        self._source = source
        self._passed = 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        """Return the seconds that have passed."""
        running = 0.0 if self._since is None else self._source() - self._since
        return self._passed + running

    def skip(self, seconds: float) -> None:
        """Let seconds pass at once."""
        self._passed += seconds

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let time pass."""
        self._since = self._source()
        try:
            yield
        finally:
            self._passed = self()
            self._since = None


class SteppedWorker:
    """The worker's engine in this process; its clock stands still while the benchmark thinks, draws or tests.

    While it has nothing to do, the clock jumps ahead. The scoring of networks goes by the same clock.
    """

    def __init__(self) -> None:
        self._clock = StoppableClock()
        self._said: list[ToWindow] = []
        self._engine = Engine(self._said.append, choose_device("cpu"), self._clock)  # type: ignore[arg-type]
        self._began = 0.0

    @property
    def now(self) -> float:
        """Number of seconds since ``begin``."""
        return self._clock() - self._began

    def begin(self) -> None:
        """Set the clock to zero."""
        self._began = self._clock()

    def send(self, message: ToWorker) -> None:
        """Send a message, as the window does."""
        with self._clock.running():
            self._engine.receive(message)
        if isinstance(message, Open) and self._engine.learner is not None:
            self._engine.learner.selection.pace = ScoringPace(self._clock)

    def advance(self, until: float) -> list[ToWindow]:
        """Let it work until a moment, or until it says something."""
        with self._clock.running():
            while not self._said and self.now < until and self._engine.has_work:
                self._engine.work()
        if not self._said and not self._engine.has_work:
            while self._engine.rehearse():
                pass
            self._clock.skip(max(0.0, until - self.now))
        said = self._said[:]
        self._said.clear()  # the engine keeps this very list
        return said

    def close(self) -> None:
        """Let go of the project."""
        learner = self._engine.learner
        if learner is not None:
            learner.project.close()

    @property
    def has_seen_all(self) -> bool:
        """Tell whether the network that predicts has seen every stroke."""
        learner = self._engine.learner
        return learner is not None and learner.annotations.revision == learner.project.strokes.revision

    def evidence(self, image_id: int) -> Evidence | None:
        """Return what the network that is shown has learned from, as its estimates take it; None without a network."""
        learner = self._engine.learner
        if learner is None or learner.predictor is None:
            return None
        return learner.annotations.evidence(image_id, learner.predictor.class_ids)

    @property
    def predictor(self) -> Predictor | None:
        """The network that is shown at this moment."""
        learner = self._engine.learner
        return learner.predictor if learner is not None else None


class LiveWorker:
    """The worker's own process and the real time."""

    def __init__(self, log: Path) -> None:
        self._client = WorkerProcess(log)
        self._began = time.monotonic()
        self._early = self._until_ready()

    @property
    def now(self) -> float:
        """Number of seconds since ``begin``."""
        return time.monotonic() - self._began

    def begin(self) -> None:
        """Set the clock to zero."""
        self._began = time.monotonic()

    def send(self, message: Message) -> None:
        """Send a message, as the window does."""
        self._client.send(message)

    def advance(self, until: float) -> list[ToWindow]:
        """Wait until a moment, or until it says something."""
        said, self._early = self._early, []
        while not said and self.now < until:
            self._raise_if_dead()
            time.sleep(min(_POLL_S, max(0.0, until - self.now)))
            said = self._client.poll()
        return said

    def close(self) -> None:
        """Let it save and end."""
        self._client.close()

    @property
    def has_seen_all(self) -> bool:
        """Tell that it is not known what the process has read."""
        return False

    @property
    def peak_memory(self) -> int | None:
        """Return the largest resident memory so far, in bytes; None where the system does not tell."""
        return peak_memory(self._client.pid)

    def _until_ready(self) -> list[ToWindow]:
        while self.now < _READY_WITHIN_S:
            said = self._client.poll()
            if any(isinstance(message, Ready) for message in said):
                return said
            self._raise_if_dead()
            time.sleep(_POLL_S)
        raise RuntimeError(f"the worker was not ready within {_READY_WITHIN_S:g} s")

    def _raise_if_dead(self) -> None:
        if self._client.exit_code is not None:
            raise RuntimeError(f"the worker ended with {self._client.exit_code}")


def peak_memory(pid: int) -> int | None:
    """Return the largest resident memory so far, in bytes; None where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.is_file():
        return None
    for line in status.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def opening(folder: Path, seed: int, base: str) -> Open:
    """Return the message that opens a project: from scratch (none), with base weights (auto), or with a file."""
    return Open(str(folder), seed, base)
