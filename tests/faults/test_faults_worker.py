"""F01 to F06, F15, F24, F25, F27, F58: whatever happens to the worker, painting goes on and learning comes back."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from injectors import WHOLE

from napari_unet.config import Settings
from napari_unet.controller import supervision
from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ErrorLine
from napari_unet.controller.worker_process import WorkerProcess
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m

PATIENCE_S = 150.0  # for things that take seconds on a machine with nothing else to do
SIDE = 96

if os.name != "posix":
    pytest.skip("signals are a POSIX notion", allow_module_level=True)


class Session:
    """A window that paints and learns, without the window."""

    def __init__(self, folder: Path) -> None:
        self.clients: list[WorkerProcess] = []
        self.controller = Controller(self.start)
        self.progress: list[m.Progress] = []
        self.errors: list[ErrorLine] = []
        self.ready: list[m.Ready] = []
        self.controller.subscribe(m.Progress, self.progress.append)
        self.controller.subscribe(ErrorLine, self.errors.append)
        self.controller.subscribe(m.Ready, self.ready.append)
        self.labels = np.zeros((SIDE, SIDE), np.uint8)
        self.controller.open_project(folder)
        project = self.project
        project.settings.write(Settings(tile=64, width=4, batch=1, prediction_tile=64))
        noise = Image("noise", np.arange(SIDE * SIDE * 1.0).reshape(SIDE, SIDE), "yx")
        self.controller.show_image(project.add_image(noise))
        self.strokes = 0
        for _ in range(2):
            self.paint()

    def start(self, log: Path) -> WorkerProcess:
        self.clients.append(WorkerProcess(log))
        return self.clients[-1]

    @property
    def project(self) -> Project:
        assert self.controller.project is not None
        return self.controller.project

    @property
    def client(self) -> WorkerProcess:
        return self.clients[-1]

    def paint(self) -> None:
        """One stroke more, of the other class."""
        self.labels[self.strokes * 7 % 90 : self.strokes * 7 % 90 + 4, 4:80] = 1 + self.strokes % 2
        self.strokes += 1
        self.controller.strokes.commit(0, self.labels.copy())

    def until(self, holds: Callable[[], Any]) -> float:
        """Turn the event loop until something holds; how long it took."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < PATIENCE_S, self.lines()
            self.controller.tick()
            time.sleep(0.02)
        return time.monotonic() - began

    def steps(self) -> int:
        """Of the newest worker, as it last said."""
        return self.progress[-1].step if self.progress else 0

    def until_it_learns(self) -> float:
        self.progress.clear()
        return self.until(lambda: any(p.state == "training" and p.loss is not None for p in self.progress))

    def lines(self) -> list[str]:
        return [error.line[:6] for error in self.errors]


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("NAPARI_UNET_DEVICE", "cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = Session(tmp_path / "p.unet")
    yield made
    np.testing.assert_array_equal(made.project.strokes.plane(1, 0), made.labels)
    made.controller.close()


def test_a_killed_worker_comes_back(session: Session) -> None:
    """F01, F58: at any time, over and over; every stroke is kept, one message a minute, no file handle is left open."""
    chance = np.random.default_rng(0)
    session.until_it_learns()
    handles = len(os.listdir("/proc/self/fd")) if sys.platform.startswith("linux") else 0
    for _ in range(20 if WHOLE else 1):
        session.controller.worker.forget_deaths()  # so many in a minute would be given up
        end = time.monotonic() + float(chance.uniform(0, 2))
        session.until(lambda end=end: time.monotonic() > end)
        os.kill(session.client.pid, signal.SIGKILL)
        count = len(session.clients)
        session.paint()
        session.until(lambda count=count: len(session.clients) > count)
        session.paint()
    session.until_it_learns()
    assert set(session.lines()) == {"NU-W06"}
    if handles:
        assert len(os.listdir("/proc/self/fd")) <= handles + 2


def test_a_stopped_worker_is_replaced(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """F02: it gives no sign; the limit is shortened here, the law of the fifteen seconds is the controller's."""
    session.until_it_learns()
    monkeypatch.setattr(supervision, "PATIENCE_S", 4.0)
    os.kill(session.client.pid, signal.SIGSTOP)
    assert session.until(lambda: len(session.clients) == 2) > 2
    session.paint()
    session.until_it_learns()
    assert session.lines() == ["NU-W07"]
    assert session.clients[0].exit_code == -signal.SIGKILL


def test_a_long_step_is_no_hang(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that works or waits gives signs: nothing is restarted while it learns, rests or has nothing to do."""
    session.until_it_learns()
    monkeypatch.setattr(supervision, "PATIENCE_S", 6.0)
    session.controller.training.pause()
    end = time.monotonic() + 12
    session.until(lambda: time.monotonic() > end)
    assert len(session.clients) == 1
    assert session.lines() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGABRT, signal.SIGSEGV] if WHOLE else [signal.SIGSEGV])
def test_every_death_is_told_alike(session: Session, number: int) -> None:
    """F03: ended politely, aborted or by a null pointer."""
    session.until(lambda: session.ready)
    os.kill(session.client.pid, number)
    session.until(lambda: len(session.clients) == 2)
    assert session.lines() == ["NU-W06"]


SCRIPTS = {
    "dies at once": ("import os; os._exit(1)", ["NU-W06", "NU-W05"]),
    "says garbage": ("import sys; sys.stdout.buffer.write(b'x' * 4096)", ["NU-W06", "NU-W05"]),
    "announces a gigabyte": ("import sys; sys.stdout.buffer.write(b'\\x3f' * 8)", ["NU-W06", "NU-W05"]),
    "says half a message": ("import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\x20ab')", ["NU-W06", "NU-W05"]),
}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_crash_loop_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """F05, F06, F15: three restarts, two messages, then it stays as it is and painting goes on."""
    script, expected = SCRIPTS[kind]
    popen = supervision_popen(monkeypatch, script)
    session = Session(tmp_path / "p.unet")
    session.until(lambda: not session.controller.worker.is_running)
    assert len(session.clients) == 4 == len(popen)
    assert session.lines() == expected
    session.paint()
    np.testing.assert_array_equal(session.project.strokes.plane(1, 0), session.labels)
    session.controller.close()


def supervision_popen(monkeypatch: pytest.MonkeyPatch, script: str) -> list[Any]:
    """Start this script instead of the worker."""
    from napari_unet.protocol import child_process

    started: list[Any] = []
    real = child_process.subprocess.Popen

    def popen(command: list[str], **named: Any) -> Any:
        started.append(real([sys.executable, "-S", "-c", script], **named))
        return started[-1]

    fake = SimpleNamespace(
        **{name: getattr(child_process.subprocess, name) for name in ("PIPE", "DEVNULL", "TimeoutExpired")}
    )
    fake.Popen = popen
    monkeypatch.setattr(child_process, "subprocess", fake)
    return started


def test_a_worker_that_never_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F05: the handshake never comes; it is given up as a crash loop is."""
    monkeypatch.setattr(supervision, "FIRST_PATIENCE_S", 1.0)
    supervision_popen(monkeypatch, "import time; time.sleep(600)")
    session = Session(tmp_path / "p.unet")
    session.until(lambda: not session.controller.worker.is_running)
    assert session.lines() == ["NU-W07", "NU-W05"]
    assert all(client.exit_code is not None for client in session.clients)
    session.controller.close()


@pytest.mark.skipif(not WHOLE, reason="takes half a minute; make faults runs it")
def test_a_worker_in_little_memory_learns_all_the_same(session: Session) -> None:
    """F24: ended by the system once, the next one asks for less; the user hears of one death."""
    session.until_it_learns()
    os.kill(session.client.pid, signal.SIGKILL)
    session.until(lambda: len(session.clients) == 2)
    session.until_it_learns()
    assert session.controller.worker.memory_steps == 1
    assert session.lines() == ["NU-W06"]


def test_no_worker_outlives_its_window(tmp_path: Path) -> None:
    """R9: a window that is killed leaves no process behind, even one that is still starting."""
    import subprocess

    script = (
        "import sys, time; from pathlib import Path; from napari_unet.controller.worker_process import WorkerProcess\n"
        "client = WorkerProcess(Path(sys.argv[1])); print(client.pid, flush=True); time.sleep(600)"
    )
    for wait in (0.0, 6.0):
        window = subprocess.Popen([sys.executable, "-c", script, tmp_path / "log"], stdout=subprocess.PIPE, text=True)
        assert window.stdout is not None
        pid = int(window.stdout.readline())
        time.sleep(wait)
        window.kill()
        window.wait()
        window.stdout.close()
        end = time.monotonic() + PATIENCE_S
        while is_running(pid):
            assert time.monotonic() < end
            time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_message_of_the_worker_cannot_hurt(session: Session) -> None:
    """Tiles that lie, of planes that do not exist or with bytes of another size, are one line or nothing."""
    from napari_unet.errors import UserError

    for tile in (
        m.Tile(session.controller.generation, 1, 0, Region(0, 0, 10, 10), b"x", 1),
        m.Tile(session.controller.generation, 1, 0, Region(0, 0, -1, -1), b"x", 1),
    ):
        with pytest.raises(UserError, match=r"^NU-W02: "):
            session.controller.hear(tile)
