"""Laws of the flush that follows a commit."""

import os
import threading
from pathlib import Path

import pytest

from napari_unet.project.log_flusher import LogFlusher

PATIENCE_S = 20.0


def test_a_commit_during_a_flush_is_flushed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow disk as well: another flush begins, however long the one before takes, and then no more."""
    log = tmp_path / "log"
    log.write_bytes(b"strokes")
    began, goes_on = threading.Semaphore(0), threading.Semaphore(0)

    def slow(handle: int) -> None:
        began.release()
        assert goes_on.acquire(timeout=PATIENCE_S)

    monkeypatch.setattr(os, "fsync", slow)
    flusher = LogFlusher(log)
    flusher.soon()
    assert began.acquire(timeout=PATIENCE_S)
    for _ in range(3):
        flusher.soon()
    goes_on.release(2)
    assert began.acquire(timeout=PATIENCE_S)
    assert not began.acquire(timeout=1.5)
    flusher.stop()
