"""What the README promises runs as it stands there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tifffile

pytestmark = pytest.mark.torch
ROOT = Path(__file__).parent.parent


def test_the_example_is_the_readmes_and_runs(tmp_path: Path) -> None:
    """The Python block of the README is the example, and the example leaves a mask and a table."""
    source = (ROOT / "examples" / "train_and_predict.py").read_text(encoding="utf-8")
    block = (ROOT / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    assert block.strip() in source
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "train_and_predict.py"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert "estimated Dice" in done.stdout
    assert {path.suffix for path in tmp_path.rglob("colon.*")} >= {".tif", ".csv", ".unet"}


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="needs xvfb-run")
def test_the_demo_leaves_what_it_says_in_the_users_folder(tmp_path: Path) -> None:
    """Headless, with a folder given relative to where the user is: project, mask, table and pictures lie there."""
    command = [sys.executable, "-m", "napari_unet.cli", "demo", "--headless", "--out", "shown", "--seconds", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "shown"
    names = {path.name for path in folder.iterdir()}
    assert names >= {"stained tissue.tif", "stained tissue.png", "stained tissue.csv", "stained tissue.unet"}
    assert names >= {"start.png", "training.png", "window.png"}
    assert tifffile.imread(folder / "stained tissue.tif").shape == (512, 512)
    assert str(folder / "stained tissue.unet") in done.stdout
