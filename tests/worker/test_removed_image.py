"""A running worker goes on when an image is removed from the project, or gets other axes after its strokes went."""

from typing import Any

import numpy as np
import pytest
from squares import Clock, of, paint

from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m

SIDE = 80
VIEW = Region(0, 0, SIDE, SIDE)


class Learning:
    """An engine that trains on two images, the second of which is on screen, and what it says."""

    def __init__(self, project: Project, axes: str = "yx") -> None:
        from napari_unet.network.device import Device
        from napari_unet.worker.engine import Engine

        self.project = project
        shape = (SIDE, SIDE) if axes == "yx" else (2, SIDE, SIDE)
        pixels = np.random.default_rng(1).normal(0, 0.2, shape).astype(np.float32)
        self.image = project.add_image(Image("second", pixels, axes)).id
        paint(project)
        self.draw()
        self.said: list[Any] = []
        self.engine = Engine(self.said.append, Device("cpu", "", bfloat16=False), Clock())
        self.engine.receive(m.Open(str(project.folder)))
        self.engine.receive(m.Look(1, self.image, 0, VIEW))
        self.engine.receive(m.Train(on=True))
        for _ in range(10):
            self.engine.work()
        assert self.step > 0

    def draw(self, class_id: int = 2) -> None:
        """Paint a stroke of a class and one of background on the second image; 0 erases both."""
        labels = np.zeros((SIDE, SIDE), np.uint8)
        labels[10:14, 10:70] = class_id
        labels[40:44, 10:70] = min(class_id, 1)
        self.project.commit(self.image, 0, labels)

    @property
    def step(self) -> int:
        return int(of(m.Progress, self.said)[-1].step)

    @property
    def trained_images(self) -> set[int]:
        assert self.engine.learner is not None
        return {image_id for image_id, _ in self.engine.learner.annotations.planes}

    def go_on(self, steps: int = 5) -> None:
        """Work until so many steps more are done."""
        wanted = self.step + steps
        for _ in range(400):
            if self.step >= wanted:
                return
            self.engine.work()
        raise AssertionError("training does not go on")


@pytest.mark.parametrize("is_told", [True, False])
def test_training_goes_on_without_the_image(project: Project, is_told: bool) -> None:
    """Also where a slice of work meets the gap before the window's word of it; nothing of the image is left."""
    learning = Learning(project)
    assert learning.trained_images == {1, learning.image}
    learner = learning.engine.learner
    assert learner is not None
    pixels = sum(learner.annotations.counts().values())
    project.images.remove(learning.image)
    if is_told:
        learning.engine.receive(m.Corrected(learning.image))
        assert learning.trained_images == {1}
    else:
        learning.engine.receive(m.Look(2, learning.image, 0, VIEW))  # which asks for its record
        assert learning.trained_images == {1}
        learning.engine.receive(m.Corrected(learning.image))
        learning.engine.receive(m.Annotated())
    learning.said.clear()
    learning.engine.receive(m.Train(on=True))
    learning.go_on()
    assert 0 < sum(learner.annotations.counts().values()) < pixels
    assert of(m.Failed, learning.said) == []
    assert not [tile for tile in of(m.Tile, learning.said) if tile.image_id == learning.image]
    learning.engine.receive(m.Look(3, 1, 0, VIEW))
    learning.engine.work()
    assert of(m.Tile, learning.said)
    paint(project)
    learning.engine.receive(m.Annotated())
    learning.go_on()
    learning.engine.receive(m.Train(on=False))
    assert of(m.Failed, learning.said) == []


def test_the_strokes_that_come_after_all_images_went_are_learned(project: Project) -> None:
    """They are seen although revisions begin anew with them."""
    learning = Learning(project)
    before = (1, learning.image)
    for image_id in before:
        project.images.remove(image_id)
    again = project.add_image(Image("third", np.random.default_rng(2).normal(0, 0.2, (SIDE, SIDE)), "yx"))
    learning.image = again.id
    learning.draw()
    assert project.strokes.revision == 1
    for image_id in before:
        learning.engine.receive(m.Corrected(image_id))
    learning.engine.receive(m.Annotated())
    learning.go_on()
    assert learning.trained_images == {again.id}
    assert of(m.Failed, learning.said) == []


def test_strokes_that_wait_and_doubts_go_with_the_image(project: Project) -> None:
    """The label check asks no more about it, and strokes on it are compared with nothing."""
    learning = Learning(project)
    learner = learning.engine.learner
    assert learner is not None
    learning.engine.receive(m.Train(on=False))
    for _ in range(20):
        learning.engine.work()
    learning.draw(1)
    learning.engine.receive(m.Annotated())
    learning.engine.receive(m.Suggest(1, learning.image, 0))
    learning.engine.receive(m.ProposeArea(1, learning.image, 0, "unsure"))
    assert learner.agreement.waits
    assert learner.selection.looked_at.estimates((1, 2))
    project.images.remove(learning.image)
    learning.engine.receive(m.Corrected(learning.image))
    assert not learner.agreement.waits
    for answer in (m.Suggested, m.AreaProposed):
        assert [each.region for each in of(answer, learning.said)] == [None]
    assert not learner.selection.looked_at.estimates((1, 2))
    for _ in range(20):
        learning.engine.work()
    assert of(m.Failed, learning.said) == []


def test_planes_of_other_axes_are_learned_from_anew(project: Project) -> None:
    """Once all strokes were undone and the axes corrected, strokes lie on planes of another shape."""
    learning = Learning(project, "zyx")
    learning.draw(0)
    project.images.set_axes(learning.image, "yzx")
    learning.engine.receive(m.Annotated())
    learning.engine.receive(m.Corrected(learning.image))
    assert learning.trained_images == {1}
    project.commit(learning.image, SIDE - 1, np.full((2, SIDE), 2, np.uint8))
    learning.engine.receive(m.Annotated())
    learning.go_on()
    learner = learning.engine.learner
    assert learner is not None
    assert learner.annotations.planes[learning.image, SIDE - 1].labels.shape == (2, SIDE)
    assert of(m.Failed, learning.said) == []


@pytest.mark.parametrize("plane", [1, SIDE - 1])
@pytest.mark.parametrize("undoing_is_heard", [True, False])
def test_planes_of_other_axes_are_painted_before_they_are_heard_of(
    project: Project, plane: int, undoing_is_heard: bool
) -> None:
    """A worker that is busy meanwhile learns the new strokes, on a plane that it knew by its number or did not know."""
    learning = Learning(project, "zyx")
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[10:14, 10:70] = 2
    project.commit(learning.image, 1, labels)
    learning.engine.receive(m.Annotated())
    learning.go_on()
    learning.draw(0)
    project.commit(learning.image, 1, np.zeros((SIDE, SIDE), np.uint8))
    if undoing_is_heard:
        learning.engine.receive(m.Annotated())
        learning.go_on()
    project.images.set_axes(learning.image, "yzx")
    project.commit(learning.image, plane, np.full((2, SIDE), 2, np.uint8))
    for message in (m.Annotated(), m.Corrected(learning.image), m.Annotated()):
        learning.engine.receive(message)
    learning.go_on()
    learner = learning.engine.learner
    assert learner is not None
    read = learner.annotations.planes[learning.image, plane]
    assert read.labels.shape == (2, SIDE)
    assert len(read.positions[2]) == 2 * SIDE
    assert of(m.Failed, learning.said) == []
