"""Ways to bring a place of the annotated image into view."""

import numpy as np
from napari.viewer import Viewer

from napari_unet.gui.layers.canvas import Canvas
from napari_unet.images.tiles import Region

_SMALLEST_SHARE, _LARGEST_SHARE = 0.25, 0.8  # of the canvas that the place may take; beyond these the zoom changes
_RIM = 0.05  # share of the canvas that shows that the image ends there
_SHARE = 0.4  # share that the place takes after a change of zoom


def show_place(viewer: Viewer, canvas: Canvas, plane: int, region: Region) -> None:
    """Show the plane, with the region in the middle of the canvas and large enough to paint in.

    At an edge of the image it lies beside the middle, so that the canvas shows no more emptiness than it has to.
    """
    centre_on(viewer, canvas, plane, region)
    if canvas.annotation is None:
        return
    camera, scale = viewer.scene.camera, canvas.annotation.scale
    screen = min(viewer.canvas.size)
    side = max(extent * abs(factor) for extent, factor in zip(region.shape, scale[-2:], strict=True))
    if not _SMALLEST_SHARE * screen <= side * camera.zoom <= _LARGEST_SHARE * screen:
        camera.zoom = _SHARE * screen / side
    if canvas.image is not None:
        displayed = [axis - viewer.dims.ndim for axis in viewer.dims.displayed[-2:]]
        low, high = canvas.image.extent.world[:, displayed]
        half = np.asarray(viewer.canvas.size) / camera.zoom / 2
        first, last = low + (1 - _RIM) * half, high - (1 - _RIM) * half
        centre = np.clip(camera.center[-2:], first, last)
        camera.center = (*camera.center[:-2], *np.where(first < last, centre, (low + high) / 2))


def centre_on(viewer: Viewer, canvas: Canvas, plane: int, region: Region) -> None:
    """Show the plane, with the region in the middle of the canvas, as large as it was."""
    annotation, cover = canvas.annotation, canvas.cover
    if annotation is None:
        return
    planes = annotation.data.shape[:-2]
    index = np.unravel_index(plane, planes) if planes else ()
    middle = ((region.y0 + region.y1 - 1) / 2 - cover.y0, (region.x0 + region.x1 - 1) / 2 - cover.x0)
    world = annotation.data_to_world((*index, *middle))
    dims, camera = viewer.dims, viewer.scene.camera
    first = dims.ndim - len(world)
    for axis in range(len(planes)):
        dims.set_point(first + axis, world[axis])
    displayed = [axis - first for axis in dims.displayed[-2:]]
    camera.center = (*camera.center[:-2], *(world[axis] for axis in displayed))
