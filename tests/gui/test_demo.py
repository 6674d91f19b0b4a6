"""The demo in a window that stays: after its last act the window is the user's."""

import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("qtpy")
from window import settle

from napari_unet.demo import Script


@pytest.mark.torch
def test_the_window_stays_open_after_the_last_act(
    viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """However long the user looks at it; and nothing is told as if the demo had failed."""
    script = Script(viewer, tmp_path, 1.0, headless=False)
    printed = ""

    def has_ended() -> bool:
        nonlocal printed
        script.advance()
        printed += capsys.readouterr().out
        return script.failure is not None or "screenshot" in printed

    assert settle(has_ended, 120)
    script.advance()
    later = time.monotonic() + 1e6
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: later)
        script.advance()
    assert script.failure is None
    assert len(viewer.layers) == 3
