"""Laws of what scripts give that is of another type than is wanted: it is taken or told, and nothing is called damaged.

They run in one process of their own, for in this one the signatures themselves are checked.
"""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from napari_unet import Image, Project, UserError, train
from napari_unet.prediction.prediction_request import PredictionRequest

labels = np.zeros((20, 30), np.uint8)
labels[3:9, 4:8] = 1
folder, calls = Path(sys.argv[1]), json.loads(sys.argv[2])
said = {}
for number, call in enumerate(calls):
    with Project(folder / f"{number}.unet") as project:
        record = project.add_image(Image("image", np.zeros((20, 30), np.uint8), "yx"))
        project.add_class("cell")
        try:
            eval(call)
            is_stored = np.array_equal(project.strokes.plane(record.id, 0), labels)
            told = f"taken {is_stored} {project.classes.names()}"
        except UserError as error:
            told = str(error)
        except Exception as error:
            told = repr(error)
        said[call] = [told, project.integrity()]
print(json.dumps(said))
"""

REFUSED = {
    "project.commit(record.id, 0.5, labels)": "NU-A08: plane 0.5 is none of 0..0",
    "project.commit(record.id, '0', labels)": "NU-A08: plane '0' is none of 0..0",
    "project.strokes.plane(record.id, 0.5)": "NU-A08: plane 0.5 is none of 0..0",
    "project.strokes.plane(record.id, '0')": "NU-A08: plane '0' is none of 0..0",
    "project.commit(record.id, 0, None)": "NU-A07: ",
    "project.images.get([record.id])": "NU-P28: a value of this kind cannot be kept (",
    "project.images.open(record)": "NU-P28: a value of this kind cannot be kept (",
    "project.images.get(2**70)": "NU-P28: a value of this kind cannot be kept (",
    "project.add_class(['a', 'b'])": "NU-A18: a class cannot be called ['a', 'b'], which is no text",
    "project.classes.change(1, name=5)": "NU-A18: a class cannot be called 5, which is no text",
    "project.add_class('a', (1, 2, 3))": "NU-A18: a class cannot have the colour '(1, 2, 3)'",
    "PredictionRequest(tile='64')": "NU-C05: a tile of '64' px",
    "PredictionRequest(tile=64.0)": "NU-C05: a tile of 64.0 px",
    "train(project, seconds='5')": "NU-C01: seconds cannot be '5'",
    "train(project, steps=[1])": "NU-C01: steps cannot be [1]",
    "train(project, steps=1, seed=0.5)": "NU-C01: seed cannot be 0.5",
    "train(project, steps=1, devices=1.5)": "NU-C01: devices cannot be 1.5",
}


TAKEN = [f"project.commit(record.id, 0, labels.{given})" for given in ("tolist()", "astype(float)", "astype(np.int64)")]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, list[str]]]:
    """What a script is told by each call, and what is wrong with its project afterwards."""
    run = [sys.executable, "-c", SCRIPT, str(tmp_path_factory.mktemp("scripts")), json.dumps([*REFUSED, *TAKEN])]
    told: dict[str, tuple[str, list[str]]] = json.loads(subprocess.run(run, capture_output=True, check=True).stdout)
    return told


@pytest.mark.parametrize("call", REFUSED)
def test_what_has_another_type_is_told_as_that(said: dict[str, tuple[str, list[str]]], call: str) -> None:
    """By one line with the value, not by a traceback, and not as a damaged project or a full disk."""
    line, damage = said[call]
    assert line.startswith(REFUSED[call])
    assert damage == []


@pytest.mark.parametrize("call", TAKEN)
def test_strokes_of_any_type_of_numbers_are_taken(said: dict[str, tuple[str, list[str]]], call: str) -> None:
    """A script that has no array of bytes commits all the same what it painted."""
    assert said[call][0] == "taken True {1: 'cell'}"
