"""Laws of labels that the other strokes do not foretell."""

import numpy as np
import pytest
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.unforeseen_labels import weights_by_kind
from napari_unet.images.image import Image
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project

SIDE = 300
ODD = Region(250, 0, 260, 40)  # a stroke of class 1, over the border of two tiles


@pytest.fixture
def drawing() -> Drawing:
    """Draw three strokes of class 1 and one of class 2."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for rows, class_id in ((np.s_[20:30], 1), (np.s_[60:70], 1), (np.s_[250:260], 1), (np.s_[100:110], 2)):
        labels[rows, :40] = class_id
    return Drawing(Image("image", np.zeros((SIDE, SIDE), np.uint8), "yx"), labels, settings=Settings(hold_out=False))


def mark_odd(annotations: Annotations, share: float) -> None:
    """Let one of the strokes be unforeseen, and say how many pixels are."""
    annotations.unforeseen.mark((1, 0), ODD, np.ones(ODD.shape, np.bool_))
    annotations.unforeseen.note({1: share, 2: 0.5})


def weight_at(annotations: Annotations, row: int) -> float:
    """Return the weight inside the stroke at a row."""
    return float(annotations.planes[1, 0].weights(Region(row, 20, row + 1, 21))[0, 0])


@pytest.mark.parametrize("share", [0.15, 0.25])
def test_they_weigh_as_much_as_pixels_like_them(annotations: Annotations, share: float) -> None:
    """Of a class that is a third unforeseen, and less in whole images; the other class is as it was."""
    mark_odd(annotations, share)
    odd, usual = weight_at(annotations, 255), weight_at(annotations, 25)
    assert odd / (odd + 2 * usual) == pytest.approx(share)
    assert (odd + 2 * usual) / 3 == pytest.approx(1)
    assert weight_at(annotations, 105) == 1
    annotations.unforeseen.forget()
    assert weight_at(annotations, 255) == weight_at(annotations, 25) == 1


@pytest.mark.parametrize(
    ("share", "ratio"), [(0.0, 0.2), (0.25, 0.5), (0.4, 1.0), (0.9, 1.0), (1.0, 1.0)], ids=lambda value: f"{value}"
)
def test_they_never_weigh_more_nor_nearly_nothing(share: float, ratio: float) -> None:
    """Whatever is expected of whole images."""
    weights = weights_by_kind(np.array([500]), np.array([200]), np.array([share]))
    assert weights[1, 0] / weights[0, 0] == pytest.approx(ratio)
    assert (300 * weights[0, 0] + 200 * weights[1, 0]) / 500 == pytest.approx(1)


@pytest.mark.parametrize("unforeseen", [0, 500])
def test_a_class_that_is_all_alike_keeps_its_weights(unforeseen: int) -> None:
    """Nothing can be shifted from one kind to the other."""
    weights = weights_by_kind(np.array([500, 0]), np.array([unforeseen, 0]), np.array([0.1, 0.1]))
    assert (weights == 1).all()


def test_what_is_painted_anew_is_no_longer_marked(project: Project, annotations: Annotations) -> None:
    """Half of the stroke is repainted; the other half stays what it was, and so it does when settings change."""
    mark_odd(annotations, 0.1)
    labels = np.array(project.strokes.plane(1, 0))
    labels[250:260, :20] = 2
    project.commit(1, 0, labels)
    annotations.refresh(Settings(hold_out=False))
    plane = annotations.planes[1, 0]
    assert plane.unforeseen_counts().nonzero()[0].tolist() == [1]
    assert plane.unforeseen_counts()[1] == 200
    annotations.refresh(Settings(hold_out=False, border_weight=3.0))
    assert plane.unforeseen_counts()[1] == 200


def test_they_survive_a_restart(project: Project, annotations: Annotations) -> None:
    """As far as the labels are still there."""
    mark_odd(annotations, 0.1)
    facts, positions = annotations.unforeseen.facts(), annotations.unforeseen.positions()
    labels = np.array(project.strokes.plane(1, 0))
    labels[250:260, :10] = 0
    project.commit(1, 0, labels)
    later = Annotations(project)
    later.refresh(Settings(hold_out=False))
    later.unforeseen.resume(facts, positions)
    marked = np.array(later.planes[1, 0].unforeseen)
    assert marked[ODD.slices][:, 10:].all()
    assert marked.sum() == 300
    odd, usual = weight_at(later, 255), weight_at(later, 25)
    assert 300 * odd / (300 * odd + 800 * usual) == pytest.approx(0.1, rel=1e-5)
