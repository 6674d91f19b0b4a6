"""Every test gets its own home and napari settings, a quiet worker and no network."""

import os
import tempfile
from pathlib import Path

# Before napari is imported, or plugin settings would be written into the user's own configuration.
_FOLDER = tempfile.mkdtemp(prefix="napari-unet-tests-")
os.environ["NAPARI_CONFIG"] = str(Path(_FOLDER) / "settings.yaml")
# Two torch threads beside a busy process run seven times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Float32 on every processor, so that a test sees the same numbers everywhere; the fixture ``precision`` tries both.
os.environ.setdefault("NAPARI_UNET_PRECISION", "float32")

import pytest


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
