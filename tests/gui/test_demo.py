"""The demo in a window that stays, after its last act the user's, and one whose result nobody takes."""

import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("qtpy")
from window import settle

from napari_unet.demo import Script


@pytest.mark.torch
def test_the_window_stays_open_after_the_last_act(viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the user looks at it; and nothing is told as if the demo had failed."""
    printed: list[str] = []
    script = Script(viewer, tmp_path, 1.0, printed.append, headless=False)

    def has_ended() -> bool:
        script.advance()
        return script.failure is not None or any(line.startswith("screenshot") for line in printed)

    assert settle(has_ended, 120)
    script.advance()
    later = time.monotonic() + 1e6
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: later)
        script.advance()
    assert script.failure is None
    assert len(viewer.layers) == 3


@pytest.mark.torch
def test_a_result_that_nobody_takes_ends_the_demo(viewer: Any, tmp_path: Path) -> None:
    """As where whoever reads its output has closed it: the window is closed, and what went wrong is kept."""
    error = BrokenPipeError()

    def refuse(line: str) -> None:
        raise error

    script = Script(viewer, tmp_path, 1.0, refuse, headless=True)

    def has_failed() -> bool:
        script.advance()
        return script.failure is not None

    assert settle(has_failed, 120)
    assert script.failure is error
    assert viewer not in type(viewer)._instances
