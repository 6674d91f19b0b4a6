"""Laws of a painted plane as training reads it."""

import numpy as np
import pytest
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.annotated_plane import AnnotatedPlane
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project

SIDE = 310


@pytest.fixture
def drawing() -> Drawing:
    """An empty image."""
    return Drawing(Image("image", np.zeros((SIDE, SIDE), np.uint8), "yx"), settings=Settings(hold_out=False))


def painted(*strokes: tuple[slice, slice, int]) -> np.ndarray:
    """Labels of strokes, each a rectangle."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for rows, columns, class_id in strokes:
        labels[rows, columns] = class_id
    return labels


@pytest.mark.parametrize(
    ("labels", "strokes"),
    [
        (painted((np.s_[3:6], np.s_[3:6], 1), (np.s_[40:43], np.s_[3:60], 1)), 2),
        (painted((np.s_[3:6], np.s_[3:6], 1), (np.s_[3:6], np.s_[6:9], 2)), 2),  # of two classes, though they touch
        (painted((np.s_[3:6], np.s_[3:6], 1), (np.s_[3:6], np.s_[9:12], 1)), 1),  # a slip of the hand between them
        (painted((np.s_[0:SIDE], np.s_[SIDE - 2 : SIDE], 2)), 1),
        (painted((np.s_[0:256], np.s_[0:256], 1)), 16),  # a filled area is worth more than a stroke
        (painted(), 0),
    ],
)
def test_strokes_are_counted(project: Project, labels: np.ndarray, strokes: int) -> None:
    """What hangs together is one stroke, over the borders of tiles too; what was unpainted counts no more."""
    annotations = Annotations(project)
    project.commit(1, 0, painted((np.s_[100:110], np.s_[100:110], 2)))
    annotations.refresh(Settings())
    assert annotations.strokes() == 1
    project.commit(1, 0, labels)
    annotations.refresh(Settings())
    assert annotations.strokes() == annotations.evidence(1, (2, 1)).strokes == strokes


def test_counting_needs_no_more_than_the_strokes() -> None:
    """Two strokes at opposite ends of a plane that no memory could hold."""
    plane = AnnotatedPlane.blank((10**6, 10**6))
    for corner in (100, 10**6 - 100):
        stroke = Region(corner, corner, corner + 5, corner + 50)
        plane.labels.write(stroke, np.ones(stroke.shape, np.uint8))
        plane.trained.write(stroke, np.ones(stroke.shape, np.bool_))
    plane.find()
    assert sum(plane.painted_strokes.values()) == 2
