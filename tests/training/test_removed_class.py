"""What happens while a class is removed and only one is left is learned when the class comes back."""

import msgspec
import numpy as np
import pytest
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.images.image import Image
from napari_unet.network.device import Device
from napari_unet.project.project import Project
from napari_unet.training.learner import Learner

CPU = Device("cpu", "test", bfloat16=False)


@pytest.fixture
def drawing() -> Drawing:
    """Draw a dark half and a bright one, with a long stroke on the first and a short one on the second."""
    pixels = np.random.default_rng(0).normal(0, 0.2, (96, 96)).astype(np.float32)
    pixels[:, 48:] += 1
    labels = np.zeros((96, 96), np.uint8)
    labels[10:80, 4:40], labels[40:46, 56:90] = 1, 2
    return Drawing(Image("halves", pixels, "yx"), labels, settings=Settings(tile=64, width=4, batch=1))


@pytest.fixture
def left_alone(project: Project) -> Learner:
    """Train on two classes, and remove the second."""
    learner = Learner(project, CPU)
    learner.step()
    project.classes.remove(2)
    learner.refresh()
    assert "only 'background' is painted" in learner.obstacle
    return learner


def comes_back(learner: Learner) -> None:
    """Bring the second class back and learn on; no stroke is new by then."""
    learner.project.classes.bring_back("class 2")
    assert learner.refresh() == []
    assert learner.obstacle == ""
    for _ in range(10):
        learner.step()


def test_strokes_that_were_erased_meanwhile_are_not_drawn(project: Project, left_alone: Learner) -> None:
    """No tile is drawn around a pixel that is labelled no more."""
    labels = project.strokes.plane(1, 0)
    labels[12:80, :48] = 0
    project.commit(1, 0, labels)
    left_alone.refresh()
    left_alone.refresh()
    comes_back(left_alone)


def test_strokes_that_were_painted_meanwhile_are_learned(project: Project, left_alone: Learner) -> None:
    """Those of another image, too."""
    other = project.add_image(Image("other", np.zeros((96, 96), np.float32), "yx"))
    project.commit(other.id, 0, np.ones((96, 96), np.uint8))
    left_alone.refresh()
    comes_back(left_alone)
    assert left_alone.trainer is not None
    plans = left_alone.trainer.batches.sampler.draw(64)
    assert (other.id, 0) in plans.keys


def test_settings_that_were_changed_meanwhile_count(project: Project, left_alone: Learner) -> None:
    """Tiles are of the new size."""
    assert left_alone.trainer is not None
    assert left_alone.trainer.batches.sampler.draw(1).side == 64
    project.settings.write(msgspec.structs.replace(project.settings.read(), tile=96))
    left_alone.refresh()
    comes_back(left_alone)
    assert left_alone.trainer.batches.sampler.draw(1).side == 96
