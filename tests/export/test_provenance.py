"""Laws of the records beside results: they name the network, and are believed only where everything still holds."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unet.config import DEFAULT_SETTINGS
from napari_unet.evaluation.checked_areas import publish_record
from napari_unet.evaluation.estimated_dice import EstimatedDice, as_record
from napari_unet.evaluation.scores import CheckedDice
from napari_unet.export.model_description import ModelDescription
from napari_unet.export.provenance import Provenance
from napari_unet.export.results_pack import write_contents
from napari_unet.images.image import Image
from napari_unet.project.classes import ClassLabel, default_colour

CLASSES = (ClassLabel(1, "background", default_colour(1)), ClassLabel(2, "cell", default_colour(2)))
WITH = {"preset": "fast", "tile": 128, "batch": 4, "device": "cpu"}
ESTIMATES = [EstimatedDice(2, 0.8, 0.7, 0.9)]
CHECKED = CheckedDice((EstimatedDice(2, 0.85, 0.8, 0.9, checked_areas=4),), 5, 2, 20480)
MODEL = ModelDescription(
    "ab" * 32, 7, {"1": 0.9, "2": None}, None, "best.safetensors", "cd" * 32, WITH, ESTIMATES, CHECKED
)


@pytest.fixture
def provenance() -> Provenance:
    image = Image("cells", np.zeros((5, 6), np.uint8), "yx")
    return Provenance(image, MODEL, CLASSES, DEFAULT_SETTINGS, ["tiff"], (1.0, 1.0))


def test_results_are_finished_while_nothing_changed(provenance: Provenance, tmp_path: Path) -> None:
    """A record is believed for the same image, network and formats and for unchanged files, and for nothing else."""
    file, record = tmp_path / "cells.tif", tmp_path / "cells.json"
    file.write_bytes(b"mask")
    assert provenance.finished(record) == []
    provenance.write(record, [file], {})
    assert provenance.finished(record) == [file, record]
    for other in (
        replace(provenance, image=Image("cells", np.ones((5, 6), np.uint8), "yx")),
        replace(provenance, model=replace(MODEL, fingerprint="ef" * 32)),
        replace(provenance, formats=["tiff", "csv"]),
        replace(provenance, factors=(2.0, 2.0)),
    ):
        assert other.finished(record) == []
    file.write_bytes(b"another mask")
    assert provenance.finished(record) == []


def test_records_name_the_network_and_its_scores(provenance: Provenance, tmp_path: Path) -> None:
    """Both records hold the step and the Dice of every class by its name; a pack the file of the network too."""
    file = tmp_path / "cells.tif"
    file.write_bytes(b"mask")
    known = {
        "step": 7,
        "trained_with": WITH,
        "held_out_dice": {"background": 0.9, "cell": None},
        "mean_held_out_dice": None,
        "network_estimated_dice": as_record(ESTIMATES, {2: "cell"}),
        "dice_to_publish": publish_record(CHECKED, {2: "cell"}),
    }
    beside = json.loads(provenance.write(tmp_path / "cells.json", [file], {"cell": {"value": 0.5}}).read_text("utf-8"))
    assert {key: beside[key] for key in known} == known
    assert beside["estimated_dice"] == {"cell": {"value": 0.5}}
    pack = json.loads(write_contents(tmp_path, [file], MODEL, CLASSES, DEFAULT_SETTINGS).read_text("utf-8"))
    assert pack["model"] == {"file": "best.safetensors", "sha256": "cd" * 32, **known}
    assert pack["files"] == {"cells.tif": hashlib.sha256(b"mask").hexdigest()}
