"""How much of the machine a command takes."""

import os

import pytest
import torch

from napari_unet.cli.machine import take_the_machine


@pytest.mark.parametrize(
    ("wanted", "taken"), [("1", 1), ("3", 3), ("2,4", 2), ("0", None), ("all", None), (None, None)]
)
def test_a_command_takes_as_many_threads_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch, wanted: str | None, taken: int | None
) -> None:
    """OMP_NUM_THREADS says how many, of a list the first number; all cores where it says nothing."""
    monkeypatch.setattr("napari_unet.freed_memory.keep_freed_memory", lambda: None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if wanted is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    before = torch.get_num_threads()
    try:
        take_the_machine()
        assert torch.get_num_threads() == (taken or os.cpu_count())
    finally:
        torch.set_num_threads(before)
