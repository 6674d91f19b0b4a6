"""Laws of an export of a project: its records name the network that predicted."""

import json
from pathlib import Path
from typing import Any

import pytest
from predict_command import save_network

from napari_unet import api
from napari_unet.network.checkpoint import copy_checkpoint, load_checkpoint
from napari_unet.packaging import project_export
from napari_unet.packaging.model import Model
from napari_unet.project.project import Project
from napari_unet.storage import sha256
from napari_unet.training.network_files import BEST


@pytest.mark.parametrize("moment", ["loading", "predicting"])
def test_a_network_that_is_saved_meanwhile_is_not_named(
    trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """A window may train on during the export; the file that is named holds the network of the masks."""
    file, networks = trained.models / BEST, [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    hashes = {
        load_checkpoint(save_network(path, seed)).fingerprint(): sha256(path) for seed, path in enumerate(networks)
    }
    copy_checkpoint(networks[0], file)
    name = "load_model" if moment == "loading" else "export_images"
    begun = getattr(project_export, name)

    def save_after(*given: Any) -> Model | list[Path]:
        done: Model | list[Path] = begun(*given)
        copy_checkpoint(networks[1], file)
        return done

    monkeypatch.setattr(project_export, name, save_after)
    api.export(trained, tmp_path / "out", ["all"], device="cpu")
    pack, beside = (
        json.loads((tmp_path / "out" / name).read_text("utf-8")) for name in ("results.json", "squares.json")
    )
    assert pack["model"]["sha256"] == hashes[beside["network"]]
