"""Sends the weight map of a plane, or of a part of it."""

import numpy as np

from napari_unet.dataset.weight_map import class_table, class_weights
from napari_unet.images.tiles import Region
from napari_unet.protocol.channel import LARGEST_ARRAY
from napari_unet.protocol.messages import ShowWeights, Weights
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.listener import Hears
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.urgency import Urgency


class WeightMap(Job):
    """Answers the newest request for a weight map."""

    def __init__(self, opened: OpenProject) -> None:
        self._opened = opened
        self._wanted: ShowWeights | None = None

    def hears(self) -> Hears:
        """Return the method for a request."""
        return {ShowWeights: self._want}

    def urgency(self) -> Urgency:
        """Return the urgency of a request, if there is one."""
        return Urgency.NOTHING if self._wanted is None else Urgency.WEIGHT_MAP

    def step(self) -> None:
        """Compute the weights of what is wanted and send them."""
        wanted, self._wanted = self._wanted, None
        if wanted is None:
            return
        annotations = self._opened.required().annotations
        height, width = annotations.project.images.get(wanted.image_id).annotation_shape[-2:]
        region = wanted.covered or Region(0, 0, height, width)
        painted = annotations.planes.get((wanted.image_id, wanted.plane))
        if painted is None:
            weights = np.zeros(region.shape, np.float32)
        else:
            of_classes = class_table(class_weights(annotations.counts()))
            weights = of_classes[painted.labels[region.slices]] * painted.weights(region)
        self._opened.send(Weights.of(wanted.image_id, wanted.plane, region, weights, LARGEST_ARRAY))

    def _want(self, message: ShowWeights) -> None:
        self._wanted = message  # of two wishes only the newer is on screen
