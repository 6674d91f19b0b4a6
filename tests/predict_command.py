"""The command ``predict``: the network that it takes, what it says and the files that it writes."""

import json
from pathlib import Path

import pytest

from napari_unet.cli import main
from napari_unet.network.checkpoint import Checkpoint, save_checkpoint
from napari_unet.network.unet import Architecture, build


def save_network(path: Path, seed: int = 0, channels: int = 1) -> Path:
    """Write a small network of random weights to ``path`` and return it."""
    architecture = Architecture(channels, width=4, depth=2)
    weights = {name: tensor.clone() for name, tensor in build(architecture, seed).state_dict().items()}
    save_checkpoint(Checkpoint(architecture, (1, 2), ("background", "cell"), 7, weights), path)
    return path


def predict(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, list[str]], list[str]]:
    """Run the command; return its status, what it printed as JSON, and its lines of errors."""
    capsys.readouterr()
    status = main([str(part) for part in ("predict", *arguments, "--device", "cpu", "--json")])
    said = capsys.readouterr()
    return status, json.loads(said.out), [line for line in said.err.splitlines() if line.startswith("error: ")]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in a folder but the provenances, which tell the time."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
