"""Strokes that were committed to a project and not read yet."""

import numpy as np

from napari_unet.dataset.annotated import Annotations, read_plane
from napari_unet.project.split import learnable


def has_unread_strokes(annotations: Annotations) -> bool:
    """Tell whether strokes that are to be learned were painted or erased since the last reading.

    Strokes in a test area are not learned; an area that is drawn over strokes takes some away, and none is new.
    """
    changed = annotations.project.strokes.changed_planes(annotations.revision)
    return any(_is_painted_on(annotations, image_id, plane) for image_id, plane in changed)


def _is_painted_on(annotations: Annotations, image_id: int, plane: int) -> bool:
    project, known = annotations.project, read_plane(annotations, (image_id, plane))
    fresh = project.strokes.newer_tiles(image_id, plane, annotations.revision)
    areas = project.test_areas.of(image_id).get(plane, ())
    for place in fresh if areas == known.areas else {*fresh, *known.labels.tiles}:
        region, then = known.labels.area(place), known.labels.tile(place)
        now = fresh.get(place, then)
        learned, before = learnable(region, now, areas), learnable(region, then, known.areas)
        if np.any((learned != before) & (learned == now)):  # where they differ, an area covers the stroke
            return True
    return False
