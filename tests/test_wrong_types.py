"""Laws of what scripts give that is of another type than is wanted: it is taken or told, and nothing is called damaged.

They run in a process of their own, for in this one the signatures themselves are checked.
"""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import numpy as np
from napari_unet import Image, Project, UserError, train
from napari_unet.prediction.prediction_request import PredictionRequest

labels = np.zeros((20, 30), np.uint8)
labels[3:9, 4:8] = 1
with Project(sys.argv[1]) as project:
    record = project.add_image(Image("image", np.zeros((20, 30), np.uint8), "yx"))
    project.add_class("cell")
    try:
        found = eval(sys.argv[2])
        print("taken", np.array_equal(project.strokes.plane(record.id, 0), labels), project.classes.names())
    except UserError as error:
        print(error)
    print(project.integrity())
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


def said(folder: Path, call: str) -> list[str]:
    """What is printed where a script makes this call."""
    run = [sys.executable, "-c", SCRIPT, str(folder / "p.unet"), call]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize("call", REFUSED)
def test_what_has_another_type_is_told_as_that(tmp_path: Path, call: str) -> None:
    """By one line with the value, not by a traceback, and not as a damaged project or a full disk."""
    line, integrity = said(tmp_path, call)
    assert line.startswith(REFUSED[call])
    assert integrity == "[]"


@pytest.mark.parametrize("given", ["labels.tolist()", "labels.astype(float)", "labels.astype(np.int64)"])
def test_strokes_of_any_type_of_numbers_are_taken(tmp_path: Path, given: str) -> None:
    """A script that has no array of bytes commits all the same what it painted."""
    assert said(tmp_path, f"project.commit(record.id, 0, {given})")[0] == "taken True {1: 'cell'}"
