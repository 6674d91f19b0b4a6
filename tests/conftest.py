"""Every test gets its own home and napari settings, a quiet worker and no network."""

import gc
import importlib.util
import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before napari is imported, or plugin settings would be written into the user's own configuration.
_FOLDER = tempfile.mkdtemp(prefix="napari-unet-tests-")
os.environ["NAPARI_CONFIG"] = str(Path(_FOLDER) / "settings.yaml")
# Two torch threads beside a busy process run seven times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Float32 on every processor, so that a test sees the same numbers everywhere; the fixture ``precision`` tries both.
os.environ.setdefault("NAPARI_UNET_PRECISION", "float32")

import pytest
from hypothesis import settings
from loopback import stay_here

if TYPE_CHECKING:
    from drawing import Drawing
    from hand import Hand
    from window import User

    from napari_unet.dataset.annotated import Annotations
    from napari_unet.project.project import Project

# They hold assertions, which pytest explains only where it is told so before they are imported.
pytest.register_assert_rewrite(
    "window", "hand", "painter", "controller_bench", "predict_command", "squares", "image_files"
)

# How long an example takes says more of the machine than of the code.
settings.register_profile("no deadline", deadline=None)
settings.register_profile("few", deadline=None, max_examples=20)  # where other releases are tried, not our laws
settings.load_profile("no deadline")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse what leaves this machine, in this process; its children are not watched."""
    with pytest.MonkeyPatch.context() as patch:
        stay_here(patch)
        yield


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Projects of images without a file go into the home folder; here that is the test's own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    return home


@pytest.fixture(params=["float32", "bfloat16"])
def precision(request: pytest.FixtureRequest) -> str:
    """Run the test in both number formats, the second emulated where the processor does not have it."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def drawing() -> "Drawing":
    """Draw bright squares on noise; a file or folder of tests that needs another drawing overrides this."""
    from squares import bright_squares

    return bright_squares()


@pytest.fixture
def project(drawing: "Drawing", tmp_path: Path) -> "Iterator[Project]":
    """Open a project that holds the drawing."""
    with drawing.open_in(tmp_path) as opened:
        yield opened


@pytest.fixture
def folder(drawing: "Drawing", tmp_path: Path) -> Path:
    """Make a project that holds the drawing, and close it; for tests that open the folder themselves."""
    with drawing.open_in(tmp_path) as made:
        return made.folder


@pytest.fixture
def annotations(project: "Project") -> "Annotations":
    """Read the strokes of the project as a training does."""
    from napari_unet.dataset.annotated import Annotations

    read = Annotations(project)
    read.refresh(project.settings.read())
    return read


@pytest.fixture
def trained(project: "Project") -> "Project":
    """Save a network in the project that calls bright pixels class 2, and return the project."""
    import torch

    from napari_unet.network.checkpoint import Checkpoint, save_checkpoint
    from napari_unet.network.unet import Architecture, build

    network = build(Architecture(1, 2, 4))
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.weight[1, 4] = 9  # the first intensity channel behind the features
    weights = dict(network.state_dict())
    checkpoint = Checkpoint(network.architecture, (1, 2), ("a", "b"), 40, weights)
    save_checkpoint(checkpoint, project.models / "best.safetensors")
    return project


@pytest.fixture
def network_file(tmp_path: Path) -> Path:
    """Write a small network of random weights, outside of any project."""
    from predict_command import save_network

    return save_network(tmp_path / "network.safetensors")


@pytest.fixture
def viewer(qtbot: Any) -> Iterator[Any]:
    """Open a napari window without the panel."""
    import napari
    from napari.utils.notifications import notification_manager
    from window import settle

    notification_manager.records.clear()
    shown = napari.Viewer(show=True)
    shown.window.resize(1200, 800)
    yield shown
    if shown in napari.Viewer._instances:
        shown.close()
    settle(seconds=0.1)


@pytest.fixture
def user(viewer: Any) -> "User":
    """Open the panel on an image of bright discs."""
    from window import User, drawn_image

    viewer.add_image(drawn_image(), name="cells")
    return User(viewer)


@pytest.fixture
def listened(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> "User":
    """Open the panel on an image of bright discs, with a worker that only listens."""
    from fake_worker import FakeClient
    from window import User, drawn_image

    monkeypatch.setattr("napari_unet.gui.panel.WorkerProcess", FakeClient)
    viewer.add_image(drawn_image(), name="cells")
    return User(viewer)


@pytest.fixture
def hand(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> "Hand":
    """Open the panel on a small black image, with a worker that only listens."""
    import numpy as np
    from hand import SIDE, open_black_image

    return open_black_image(viewer, monkeypatch, np.zeros((SIDE, SIDE), np.uint8))


# Where torch is not installed, a test that reaches it is skipped; the newest Pythons are tried before torch is there.
HAS_TORCH = importlib.util.find_spec("torch") is not None
_WORKERS_WITHOUT_TORCH: list[Path | None] = []  # logs of those that the present test started, in vain


def _lacks_torch(error: BaseException | None) -> bool:
    if not HAS_TORCH and _WORKERS_WITHOUT_TORCH:
        return True
    seen = set[int]()  # contexts may go in a circle
    while error is not None and id(error) not in seen:
        if isinstance(error, ModuleNotFoundError) and error.name == "torch":
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


@pytest.fixture(autouse=True)
def workers_without_torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Note every worker that a test starts where there is no torch: what fails after that says nothing of the window.

    A test that passes with a worker that ends at once counts.
    """
    if HAS_TORCH:
        yield
        return
    from napari_unet.controller.worker_process import WorkerProcess

    start = WorkerProcess.__init__

    def noted(process: WorkerProcess, log: Path | None = None) -> None:
        _WORKERS_WITHOUT_TORCH.append(log)
        start(process, log)

    monkeypatch.setattr(WorkerProcess, "__init__", noted)
    yield


def pytest_collection_finish() -> None:
    """Leave the modules and tests out of what is searched for garbage.

    Every window that closes searches all objects, and half a million of them stay to the end.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a file of tests that imports torch where there is none."""
    report = yield
    call = getattr(report, "call", None)
    if report.failed and call is not None and _lacks_torch(call.excinfo.value):
        report.outcome, report.longrepr = "skipped", (str(collector.path), 0, "Skipped: needs torch")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skip a test that comes to import torch where there is none."""
    report = yield
    if report.failed and call.excinfo is not None and _lacks_torch(call.excinfo.value):
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, "Skipped: needs torch")
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose child processes need torch where there is none."""
    _WORKERS_WITHOUT_TORCH.clear()
    if item.get_closest_marker("torch") and not HAS_TORCH:
        pytest.skip("needs torch in a child process")
