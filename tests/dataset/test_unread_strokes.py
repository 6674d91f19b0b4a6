"""Laws of what is new since the last reading: strokes that are learned, and no others."""

import numpy as np
import pytest
from squares import HEIGHT, WIDTH, paint

from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.unread_strokes import has_unread_strokes
from napari_unet.images.tiles import Region

AREA = Region(60, 60, 100, 100)


@pytest.fixture
def read(annotations: Annotations) -> Annotations:
    """Paint strokes, fill a test area beside them, and read both."""
    paint(annotations.project)
    annotations.project.test_areas.replace(1, 0, [AREA])
    label(annotations, AREA, 1)
    reread(annotations)
    return annotations


def label(annotations: Annotations, region: Region, class_id: int) -> None:
    """Commit a class everywhere in a region."""
    annotations.project.strokes.commit(1, 0, np.full(region.shape, class_id, np.uint8), region)


def reread(annotations: Annotations) -> None:
    """Read what was committed, after which nothing is new."""
    annotations.refresh(annotations.project.settings.read())
    assert not has_unread_strokes(annotations)


def test_a_first_stroke_is_new(annotations: Annotations) -> None:
    """On a plane that nothing was read of, until it is read."""
    assert not has_unread_strokes(annotations)
    paint(annotations.project)
    assert has_unread_strokes(annotations)
    reread(annotations)


@pytest.mark.parametrize("class_id", [0, 2])
def test_what_is_erased_or_painted_over_is_new(read: Annotations, class_id: int) -> None:
    """A network that has learned it is to learn otherwise."""
    label(read, Region(5, 5, 6, 8), class_id)
    assert has_unread_strokes(read)


@pytest.mark.parametrize("class_id", [0, 2])
def test_what_is_painted_in_a_test_area_is_not(read: Annotations, class_id: int) -> None:
    """It is never learned, whether it is filled, corrected or erased."""
    label(read, Region(70, 70, 75, 75), class_id)
    assert not has_unread_strokes(read)


def test_an_area_over_strokes_brings_no_new_ones(read: Annotations) -> None:
    """It takes some away, or only those that lie near to it; where it goes they are learned again."""
    read.project.test_areas.replace(1, 0, [AREA, Region(0, 0, 20, WIDTH), Region(38, 0, 40, 20)])
    assert not has_unread_strokes(read)
    reread(read)
    read.project.test_areas.replace(1, 0, [AREA])
    assert has_unread_strokes(read)


def test_what_was_corrected_in_an_area_is_new_when_the_area_goes(read: Annotations) -> None:
    """Its labels are strokes like others then."""
    read.project.test_areas.replace(1, 0, [])
    assert has_unread_strokes(read)
    reread(read)
    label(read, Region(0, 0, HEIGHT, 1), 1)
    assert has_unread_strokes(read)
