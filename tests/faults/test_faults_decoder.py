"""S10: an image that hangs, crashes or eats memory while it is decoded costs its own row a picture, nothing else."""

import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import psutil
import pytest
import tifffile

from napari_unet.cli import main as command
from napari_unet.decoder import trial
from napari_unet.decoder.client import DecoderClient
from napari_unet.decoder.messages import Answer, Inspect
from napari_unet.decoder.trial import DecoderTrial
from napari_unet.errors import UserError
from napari_unet.images.reading import open_image
from napari_unet.images.thumbnail import thumbnail
from napari_unet.images.trial import choose_trial
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.protocol.child_process import ChildProcess

ROGUE = """
import os, sys, time
import numpy as np
from napari_unet.images import reading
from napari_unet.decoder.__main__ import main
real = reading.OPENERS["tiff"]

def rogue(path, expand_palette):
    if path.stem == "hangs":
        time.sleep(600)
    if path.stem == "crashes":
        os.abort()
    if path.stem == "babbles":
        os.write(stream, b"x" * 4096)
    if path.stem == "faulty":
        raise AttributeError("module 'tifffile' has no attribute 'gone'")
    if path.stem == "eats":
        np.ones(8 * 2**30, np.uint8)
    return real(path, expand_palette)

stream = os.dup(1)
reading.OPENERS["tiff"] = rogue
sys.exit(main())
"""
INTERRUPTED = """
import os, signal, sys, time
from napari_unet.protocol.child_process import ChildProcess
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs the tests behind it has it ignored
child = ChildProcess([sys.executable, "-c", "import sys; sys.stdin.read()"], int)
try:
    os.killpg(0, signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
time.sleep(1)
print(child.exit_code)
child.close_input()
child.wait(30)
"""
WORKER = """
import sys
from napari_unet.decoder import trial
real = trial.DecoderClient
trial.DecoderClient = lambda **named: real([sys.executable, "-P", "-c", sys.argv[1]], **named)
from napari_unet.worker.__main__ import main
sys.exit(main())
"""
WINDOW = """
import sys
from pathlib import Path
from napari_unet.decoder.client import DecoderClient
DecoderClient([sys.executable, "-P", "-c", sys.argv[1]], 600.0).open(Path(sys.argv[2])).result()
"""
AT_EXIT = """
import atexit, sys
from pathlib import Path
from napari_unet.decoder.client import DecoderClient
client = DecoderClient()
client.open(Path(sys.argv[1])).result()
atexit.register(lambda: print("stopped", client.rest()))
"""
SPINNING = """
import sys
from napari_unet.decoder import __main__ as program
from napari_unet.images import reading

def spin(path, expand_palette):
    while True:
        pass

reading.OPENERS["tiff"] = spin
program.MOST_COMPUTING_S = 0.5
sys.exit(program.main())
"""
NAMES = ("good", "crashes", "babbles", "eats", "fine")


def decoders() -> list[psutil.Process]:
    """Processes that this one has started, but for the screen of the tests."""
    return [process for process in psutil.Process().children() if process.name() != "Xvfb"]


@pytest.fixture
def records(tmp_path: Path) -> dict[str, ImageRecord]:
    """Images of a project; which of them are bad, only the rogue knows."""
    found = {}
    with Project(tmp_path / "p.unet") as project:
        for number, name in enumerate((*NAMES, "hangs")):
            path = tmp_path / f"{name}.tif"
            tifffile.imwrite(path, np.random.default_rng(number).integers(0, 999, (90, 70)).astype(np.uint16))
            found[name] = project.add_image(open_image(path), path)
    return found


def test_a_decoder_that_cannot_start_blames_no_file(records: dict[str, ImageRecord]) -> None:
    """One of whose modules cannot be imported, say: the first image is told as little as the next."""
    decoder = DecoderClient([sys.executable, "-P", "-c", "import no_such_module"])
    for name in ("good", "fine"):
        with pytest.raises(UserError, match=r"^NU-S12: the process that decodes images ends as it starts"):
            decoder.open_recorded(records[name])
    decoder.stop()


@pytest.fixture
def client() -> Iterator[Callable[[float], DecoderClient]]:
    made: list[DecoderClient] = []

    def start(patience_s: float) -> DecoderClient:
        made.append(DecoderClient([sys.executable, "-P", "-c", ROGUE], patience_s))
        return made[-1]

    yield start
    for one in made:
        one.stop()
    psutil.wait_procs(decoders(), timeout=60)
    assert decoders() == []


def outcome(do: Callable[[], Any]) -> Any:
    """What comes back, or the code of what is told."""
    try:
        return do()
    except UserError as error:
        return error.code


def test_a_rogue_image_costs_its_own_thumbnail(
    records: dict[str, ImageRecord], client: Callable[[float], DecoderClient]
) -> None:
    """The others come, before and after it; the process is another one then."""
    decoder = client(120.0)
    found = {name: outcome(decoder.thumbnail(records[name], 32).result) for name in NAMES}
    for name in ("good", "fine"):
        np.testing.assert_array_equal(found[name], thumbnail(open_image(records[name].path), 32))
    codes = {name: code for name, code in found.items() if isinstance(code, str)}
    assert codes == {"crashes": "NU-S11", "babbles": "NU-S11", "eats": "NU-I11"}


def test_an_image_that_hangs_is_given_up(
    records: dict[str, ImageRecord], client: Callable[[float], DecoderClient]
) -> None:
    """When the time is over its process is ended, whatever it does."""
    decoder = client(0.5)
    assert outcome(decoder.thumbnail(records["hangs"], 32).result) == "NU-S10"
    assert decoders() == []


def test_no_decoder_outlives_its_window(records: dict[str, ImageRecord]) -> None:
    """A window that is killed leaves no process behind, not even one that hangs in an image."""
    with subprocess.Popen([sys.executable, "-c", WINDOW, ROGUE, str(records["hangs"].path)]) as window:
        parent, found = psutil.Process(window.pid), []
        while not found or found[0].num_threads() < 2:  # it has read nothing yet
            time.sleep(0.05)
            found = parent.children()
        window.kill()
    assert psutil.wait_procs(found, timeout=60)[1] == []


def test_a_window_that_python_closes_as_it_ends_stops_its_decoder(records: dict[str, ImageRecord]) -> None:
    """Threads take no work then, which is no error: what the window has to save comes after it."""
    program = [sys.executable, "-c", AT_EXIT, str(records["good"].path)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=120, check=True)
    assert (ended.stdout, ended.stderr) == ("stopped None\n", "")
    assert decoders() == []


def test_files_to_add_are_opened_there(
    records: dict[str, ImageRecord], client: Callable[[float], DecoderClient], tmp_path: Path
) -> None:
    """What opening would raise is raised; a stop in the middle ends process and wait at once."""
    decoder = client(120.0)
    assert decoder.open(records["good"].path).result().fingerprint() == records["good"].fingerprint
    assert outcome(decoder.open(tmp_path / "missing.tif").result) == "NU-I10"
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    assert outcome(decoder.open(tmp_path / "broken.png").result) == "NU-I11"
    (tmp_path / "faulty.tif").write_bytes(records["good"].path.read_bytes())
    assert outcome(decoder.open(tmp_path / "faulty.tif").result) == "NU-X01"
    assert outcome(decoder.open(records["crashes"].path).result) == "NU-S11"
    assert decoder.open(records["fine"].path).result().name == "fine"
    waiting = decoder.open(records["hangs"].path)
    decoder.stop()
    assert outcome(lambda: waiting.result(60)) == "NU-S11"


def test_a_stop_ends_what_has_not_begun(
    records: dict[str, ImageRecord], client: Callable[[float], DecoderClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image whose turn comes after the stop starts no process again, in which it could hang."""
    decoder, begins = client(120.0), threading.Event()
    waits = partial(ThreadPoolExecutor, initializer=begins.wait)
    monkeypatch.setattr("napari_unet.decoder.client.ThreadPoolExecutor", waits)
    waiting = decoder.open(records["hangs"].path)
    decoder.stop()
    begins.set()
    assert outcome(lambda: waiting.result(60)) == "NU-S11"
    assert decoders() == []


def test_an_image_read_there_is_the_image(client: Callable[[float], DecoderClient], tmp_path: Path) -> None:
    """All that is known of it, and its pixels whatever is asked for, in more than one message."""
    path = tmp_path / "stack.ome.tif"
    pixels = np.random.default_rng(0).integers(0, 60000, (3, 2, 2100, 1500)).astype(np.uint16)
    facts = {"axes": "ZCYX", "PhysicalSizeX": 0.3, "PhysicalSizeY": 0.2, "Channel": {"Name": ["DAPI", "GFP"]}}
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(pixels, subifds=1, tile=(256, 256), metadata=facts)
        writer.write(pixels[..., ::2, ::2], subfiletype=1, tile=(256, 256))
    here, there = open_image(path), client(120.0).open(path).result()
    assert replace(there, pixels=here.pixels, coarser=()) == replace(here, coarser=())
    assert there.channel_names == ("DAPI", "GFP")
    assert len(there.coarser) == 1
    np.testing.assert_array_equal(there.coarser[0], pixels[..., ::2, ::2])
    assert (there.pixels.ndim, there.pixels.size, there.pixels.dtype) == (4, pixels.size, np.uint16)
    for key in (..., (1, 0), (slice(None, None, 2), 1, slice(3, 9)), (-1, -1, 5, 6), (0, slice(2, 2))):
        np.testing.assert_array_equal(there.pixels[key], pixels[key])
    assert there.fingerprint() == here.fingerprint()


def test_pixels_outlive_the_process_that_decodes_them(client: Callable[[float], DecoderClient], tmp_path: Path) -> None:
    """A layer that is still there asks again: another process reads on, but never another file of that name."""
    path, pixels = tmp_path / "a.png", np.random.default_rng(1).integers(0, 255, (40, 50)).astype(np.uint8)
    imageio.imwrite(path, pixels)
    decoder = client(120.0)
    image = decoder.open(path).result()
    decoder.rest()
    psutil.wait_procs(decoders(), timeout=60)
    np.testing.assert_array_equal(image.pixels[3:5], pixels[3:5])
    decoders()[0].kill()
    psutil.wait_procs(decoders(), timeout=60)
    np.testing.assert_array_equal(image.pixels[...], pixels)
    imageio.imwrite(path, pixels[::-1])
    os.utime(path, ns=(0, 0))  # another time whatever the clock's grain
    assert outcome(lambda: image.pixels[...]) == "NU-I15"
    np.testing.assert_array_equal(decoder.open(path).result().pixels, pixels[::-1])
    path.unlink()
    assert outcome(lambda: image.pixels[...]) == "NU-I10"


def test_nobody_asks_any_more(client: Callable[[float], DecoderClient], tmp_path: Path) -> None:
    """Pixels may start the process again after it was ended; it goes when they do."""
    imageio.imwrite(tmp_path / "a.png", np.eye(40, dtype=np.uint8))
    decoder = DecoderClient()
    image = decoder.open(tmp_path / "a.png").result()
    decoder.rest()
    assert image.pixels[3, 3] == 1
    assert len(decoders()) == 1
    del decoder, image
    gc.collect()
    psutil.wait_procs(decoders(), timeout=60)
    assert decoders() == []


def test_the_list_shows_the_others(
    records: dict[str, ImageRecord], client: Callable[[float], DecoderClient], qtbot: Any
) -> None:
    """In the window's list: every sound image has its picture, the others the line that says why not."""
    from qtpy.QtCore import QObject, QTimer

    from napari_unet.gui.sections.thumbnails import Thumbnails

    parent = QObject()
    thumbnails = Thumbnails(parent, client(120.0))
    wanted = [records[name] for name in NAMES]
    for record in wanted:
        assert thumbnails.of(record) is None
    qtbot.waitUntil(
        lambda: all(thumbnails.of(record) or thumbnails.problem_of(record.id) for record in wanted), timeout=120_000
    )
    assert [thumbnails.problem_of(record.id)[:6] for record in wanted] == ["", "NU-S11", "NU-S11", "NU-I11", ""]
    qtbot.waitUntil(lambda: decoders() == [], timeout=60_000)  # nothing to do: no process
    thumbnails.stop()
    thumbnails.stop()
    thumbnails.clear()
    assert thumbnails.of(records["good"]) is None  # a row that is drawn once more asks nobody
    assert not any(timer.isActive() for timer in thumbnails.findChildren(QTimer))


def test_what_this_process_opens_itself_is_tried_there(
    records: dict[str, ImageRecord], client: Callable[[float], DecoderClient]
) -> None:
    """What crashes or eats memory costs the other process; what is sound is tried once, whatever is asked of it."""
    tried = client(120.0)
    choose_trial(DecoderTrial(tried))
    try:
        codes = {name: outcome(lambda name=name: open_image(records[name].path)) for name in NAMES}
        assert {name: code for name, code in codes.items() if isinstance(code, str)} == {
            "crashes": "NU-S11", "babbles": "NU-S11", "eats": "NU-I11",
        }  # fmt: skip
        tried.stop()  # what has passed needs it no more
        assert open_image(records["good"].path).fingerprint() == records["good"].fingerprint
        with pytest.raises(RuntimeError, match="stopped"):
            open_image(records["hangs"].path)
    finally:
        choose_trial(None)


def test_a_command_gives_up_an_image_that_hangs(
    records: dict[str, ImageRecord],
    client: Callable[[float], DecoderClient],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line and exit 2, for every file of a command; the process is gone with it."""
    for name, code, patience_s in (("hangs", "NU-S10", 2.0), ("crashes", "NU-S11", 120.0)):
        monkeypatch.setattr(trial, "DecoderClient", lambda most=patience_s, **_: client(most))
        path = str(records[name].path)
        assert command(["score", "--prediction", path, "--truth", path]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {code}: ")
    assert open_image(records["fine"].path).name == "fine"  # nothing is tried any more


def test_a_command_finds_images_from_where_it_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Paths that begin at the folder of the shell, though the process that tries images works in another one."""
    (tmp_path / "masks").mkdir()
    tifffile.imwrite(tmp_path / "masks" / "a.tif", np.eye(20, dtype=np.uint8))
    monkeypatch.chdir(tmp_path)
    assert command(["score", "--prediction", "masks/a.tif", "--truth", "masks/a.tif"]) == 0
    assert "1.0000" in capsys.readouterr().out


@pytest.mark.torch
@pytest.mark.parametrize("name", ["crashes", "good"])
def test_a_worker_tries_images_there(records: dict[str, ImageRecord], tmp_path: Path, name: str) -> None:
    """An image of a project that ends the process that tries it is one line, and the worker lives on and answers."""
    with Project(tmp_path / "p.unet") as project:
        for _ in range(2):
            project.add_class()
        for class_id in (1, 2):
            labels = np.zeros((90, 70), np.uint8)
            labels[class_id * 20 : class_id * 20 + 9] = class_id
            project.commit(records[name].id, 0, np.maximum(project.strokes.plane(records[name].id, 0), labels))
    program = [sys.executable, "-P", "-c", WORKER, ROGUE]
    worker: ChildProcess[Any] = ChildProcess(program, m.ToWindow, variables={"NAPARI_UNET_DEVICE": "cpu"})
    for message in (m.Open(str(tmp_path / "p.unet"), base="none"), m.Annotated(), m.Train(True)):
        worker.channel.send(message)
    lines: list[str] = []
    while not lines:
        message = worker.channel.receive()
        if isinstance(message, (m.Failed, m.Noticed)):
            lines.append(message.line)
        elif isinstance(message, m.Progress) and message.loss is not None:
            lines.append("learned")
    assert lines[0][:6] == ("NU-S11" if name == "crashes" else "learne")
    assert worker.exit_code is None
    worker.close_input()
    worker.wait(60.0)
    worker.close_output()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no clock of processor time")
def test_a_decoder_that_nobody_waits_for_ends(records: dict[str, ImageRecord]) -> None:
    """One that computes for ever never sees that its window was killed; the system ends it."""
    child: ChildProcess[Answer] = ChildProcess([sys.executable, "-P", "-c", SPINNING], Answer)
    child.channel.send(Inspect(str(records["good"].path), None, False))
    child.wait(60.0)
    assert child.exit_code == -signal.SIGPROF
    child.close_input()
    child.close_output()


@pytest.mark.skipif(os.name != "posix", reason="process groups are a POSIX notion")
def test_an_interrupt_of_the_terminal_ends_no_process_of_ours() -> None:
    """Ctrl+C goes to all that runs in a terminal; a window goes on after it, and a training that is to be saved."""
    program = [sys.executable, "-P", "-c", INTERRUPTED]
    window = subprocess.run(program, capture_output=True, text=True, check=False, start_new_session=True, timeout=60)
    assert (window.returncode, window.stdout.split()) == (0, ["interrupted", "None"]), window.stderr


@pytest.mark.parametrize("how", ["cleaned away", "full"])
def test_a_process_starts_without_a_folder_for_temporary_files(
    client: Callable[[float], DecoderClient], records: dict[str, ImageRecord], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """One that is cleaned away while a window is open for days, or that a full disk does not have."""
    gone = str(records["good"].path.with_name("gone"))
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [gone])
    monkeypatch.setattr(tempfile, "tempdir", gone if how == "cleaned away" else None)
    assert client(30.0).open(records["good"].path).result().name == "good"
