"""R8 in small: nothing is lost, and handles, threads and processes do not grow with strokes, images and restarts."""

import sys
from pathlib import Path

import psutil
import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("reads /proc", allow_module_level=True)

from benchmarks.soak import soak


def test_a_short_soak_is_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After two restarts and some images there are as many handles, threads and children as before them."""
    monkeypatch.setenv("NAPARI_UNET_DEVICE", "cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = soak(tmp_path, strokes=60, overlays=4, switches=4, restarts=2)
    assert found["strokes lost"] == 0
    assert found["restarts"] == 2
    before, after = found["handles"]
    assert after <= before + 2  # a log that is just being flushed
    before, after = found["threads"]
    assert after <= before + 1
    screens = sum(child.name() == "Xvfb" for child in psutil.Process().children())
    assert found["children"][1] <= 1 + screens
