"""Remembers how good each image may be that was predicted, and by which network."""

from typing import Any
from weakref import ref

from napari_unet.dataset.annotated import Annotations
from napari_unet.evaluation.image_dice import ImageDice, image_dice_in
from napari_unet.network.unet import UNet


class PredictedImages:
    """Keeps the mean estimated Dice of images; with another network, other strokes or other pixels it is an older one.

    So whoever opens the project again takes no value for one of the network that is saved, unless it is.
    """

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations
        self._values: dict[int, float] = {}  # by image id
        self._older: dict[int, float] = {}
        self._network: ref[UNet] | None = None  # that predicted the values; not kept alive for that
        self._seen = (-1, 0)

    def note(self, network: UNet, image_id: int, value: float | None) -> None:
        """Take note of an image of which this network has predicted a plane whole; None where there is no value."""
        if not self._are_of(network):
            self._begin(network, {}, self._older | self._values)
        for known in (self._values, self._older):
            known.pop(image_id, None)
        if value is not None:
            self._values[image_id] = value

    def resume(self, network: UNet, facts: dict[str, Any]) -> None:
        """Take over what a network was saved with."""
        self._begin(network, *image_dice_in(facts).at(self._annotations.revision))

    def of(self, network: UNet) -> ImageDice:
        """Return the values of this network after the strokes that are read, and those of older ones."""
        values, older = self._values, self._older
        if not self._are_of(network):
            values, older = {}, older | values
        by_text = ({str(image_id): value for image_id, value in each.items()} for each in (values, older))
        return ImageDice(self._annotations.revision, *by_text)

    def _begin(self, network: UNet, values: dict[int, float], older: dict[int, float]) -> None:
        self._values, self._older, self._network, self._seen = values, older, ref(network), self._now

    def _are_of(self, network: UNet) -> bool:
        return self._network is not None and self._network() is network and self._seen == self._now

    @property
    def _now(self) -> tuple[int, int]:
        return self._annotations.revision, self._annotations.times_reopened
