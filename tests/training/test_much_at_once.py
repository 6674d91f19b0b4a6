"""Corrections when much is painted at once: what is kept of the answer before, and what counts as strokes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet.api import ensure_classes
from napari_unet.images.image import Image
from napari_unet.network.base import base_weights
from napari_unet.network.device import Device
from napari_unet.project.project import Project
from napari_unet.training.instant_head import fit_head
from napari_unet.training.learner import Learner

CPU = Device("cpu", "test", bfloat16=False)
SIDE = 128


class Fits:
    """Fits heads as the program does, and remembers what it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[dict[str, Any]] = []
        monkeypatch.setattr("napari_unet.training.head_fit.fit_head", self)

    def __call__(self, *given: Any, **named: Any) -> None:
        fit_head(*given, **named)
        self.asked.append({"new": given[3] if len(given) > 3 else None, **named})


def planes(folder: Path, count: int) -> Project:
    """Open a project of images whose right half is brighter, nothing painted."""
    project = Project(folder / "halves.unet")
    ensure_classes(project, 2, ("dark", "bright"))
    for number in range(count):
        pixels = np.random.default_rng(number).normal(0, 0.2, (SIDE, SIDE)).astype(np.float32)
        pixels[:, SIDE // 2 :] += 1
        project.add_image(Image(f"halves {number}", pixels, "yx"))
    return project


def strokes(project: Project, image_id: int, row: int, *classes: int) -> None:
    """Paint a stroke of each of some classes at a row of an image."""
    labels = project.strokes.plane(image_id, 0).copy()
    for class_id in classes:
        labels[row : row + 4, 64 * class_id - 54 : 64 * class_id - 14] = class_id
    project.commit(image_id, 0, labels)


def label_whole(project: Project, image_id: int) -> None:
    """Give every pixel of an image its class."""
    labels = np.ones((SIDE, SIDE), np.uint8)
    labels[:, SIDE // 2 :] = 2
    project.commit(image_id, 0, labels)


def test_answers_are_kept_as_far_as_they_rest_on_what_is_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of single strokes all, else by the share of the class that is best known; none of a class that nobody knew."""
    fits = Fits(monkeypatch)
    with planes(tmp_path, 1) as project:
        strokes(project, 1, 10, 1, 2)
        learner = Learner(project, CPU, base=base_weights("auto"))
        strokes(project, 1, 20, 1)
        learner.refresh()
        strokes(project, 1, 30, 1, 2)
        learner.refresh()
        third = project.add_class().id
        project.commit(1, 0, np.where(np.arange(SIDE)[:, None] == 100, third, project.strokes.plane(1, 0)))
        learner.refresh()
    assert [fit.get("keep") for fit in fits.asked] == [None, 1, pytest.approx(2 / 3), 0]


def test_images_from_files_are_labels_like_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but whole images: the head is fitted anew to all of them, and goes on looking for the shares."""
    fits = Fits(monkeypatch)
    with planes(tmp_path, 2) as project:
        label_whole(project, 1)
        learner = Learner(project, CPU, base=base_weights("auto"))
        label_whole(project, 2)
        learner.refresh()
        trainer = learner.trainer
        assert trainer is not None
        assert trainer.checkpoint().facts["shares_known"] == 0
    assert fits.asked[-1]["new"] is None
    assert fits.asked[-1].get("whole") is None


def test_a_whole_image_is_told_from_strokes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside strokes of every class the newest one shows how frequent the classes are, also where strokes lie on it."""
    fits = Fits(monkeypatch)
    with planes(tmp_path, 2) as project:
        strokes(project, 1, 10, 1, 2)
        learner = Learner(project, CPU, base=base_weights("auto"))
        for image_id in (1, 2):
            label_whole(project, image_id)
            learner.refresh()
    painted = 2 * 4 * 40
    assert len(fits.asked[1]["whole"].target) == SIDE**2 - painted
    # Now that the first is whole there are no strokes any more.
    assert fits.asked[2].get("whole") is None
