"""Fixtures of the controller's tests."""

from pathlib import Path

import pytest
from controller_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Open a project with an image of two planes."""
    return Bench(tmp_path / "p.unet")
