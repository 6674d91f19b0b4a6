"""View of the image: the part of it that is on screen, and how large that is shown."""

import itertools

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer

from napari_unet.gui.layers.placement import Placement
from napari_unet.images.tiles import Region


class View:
    """Looks at an image through napari's camera.

    Parameters
    ----------
    viewer : napari's viewer
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def visible(self, layer: Labels, placement: Placement) -> Region:
        """Return the part of the plane on screen, in pixels of the image; the whole plane where that has no meaning.

        Parameters
        ----------
        layer : lies over the covered part of the image
        placement : where that is
        """
        height, width = placement.plane_shape
        if placement.covers_all:
            (y0, x0), (y1, x1) = np.asarray(layer.corner_pixels)[:, -2:]
        else:
            (y0, x0), (y1, x1) = self._corners(layer, placement.cover)
        region = Region(int(y0), int(x0), int(y1) + 1, int(x1) + 1).clipped(height, width)
        if 0 in region.shape or self._viewer.dims.ndisplay > 2:
            return Region(0, 0, height, width)
        return region

    def is_small(self, layer: Labels) -> bool:
        """Tell whether a pixel of the screen covers two pixels of the image or more, each way."""
        if self._viewer.dims.ndisplay > 2:
            return False
        steps = np.zeros((3, layer.ndim))
        steps[1, -2] = steps[2, -1] = 1  # one pixel down, one to the right
        origin, *neighbours = (np.array(layer.data_to_world(step)) for step in steps)
        pixel = max(float(np.linalg.norm(neighbour - origin)) for neighbour in neighbours)
        return bool(self._viewer.scene.camera.zoom * pixel <= 1 / 2)

    def _corners(self, layer: Labels, cover: Region) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return first and last row and column on screen, in pixels of the plane: a layer knows only its own part."""
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        half = np.asarray(self._viewer.canvas.size) / (2 * camera.zoom)
        places = []
        for signs in itertools.product((-1, 1), repeat=2):
            point = np.array(dims.point)
            point[list(dims.displayed[-2:])] = np.asarray(camera.center[-2:]) + half * signs
            places.append(np.asarray(layer.world_to_data(point))[-2:])
        lowest, highest = (edge(places, axis=0) for edge in (np.min, np.max))
        return (lowest[0] + cover.y0, lowest[1] + cover.x0), (highest[0] + cover.y0, highest[1] + cover.x0)
