"""Cuts and bends training tiles on the device."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64
from torch import Tensor

from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.dataset.sampler import TilePlans
from napari_unet.images.tiled_plane import TilePlace
from napari_unet.network.device import Device
from napari_unet.network.memory import free_memory
from napari_unet.training.page_pool import PagePool
from napari_unet.training.paged_pixels import PagedPixels, Windows
from napari_unet.training.source_places import source_places

_SHARE = 8  # one in so many bytes of a GPU's free memory may hold pages
_HOST_BYTES = 96 * 2**20  # the same on the CPU, where pages are copies of what is held anyway
_LABELS_SHARE = 3  # a third of that for labels and weights


class CutTiles(NamedTuple):
    """Tiles on the device.

    Attributes
    ----------
    pixels : normalised, channels last in memory
    labels : class ids, 0 unlabelled
    weights : without those of the classes; 0 where nothing is trained
    """

    pixels: Float32[Tensor, "b c y x"]
    labels: Int64[Tensor, "b y x"]
    weights: Float32[Tensor, "b y x"]


class TileReader:
    """Reads tiles from pages of the annotated planes.

    Pixels are bilinear, labels and weights are those of the nearest pixel, so that class ids are never mixed and
    nothing unlabelled gets a weight. At whole rows and columns all values are those of the plane, exactly. Beyond its
    rim pixels are mirrored, and nothing is labelled.

    Parameters
    ----------
    channels : of the network's input, context planes included
    """

    def __init__(self, annotations: Annotations, channels: int, context_planes: int, device: Device) -> None:
        self._annotations = annotations
        self._context_planes = context_planes
        self._device = device.torch_device
        budget = free_memory("cuda") // _SHARE if self._device.type == "cuda" else _HOST_BYTES
        labels = budget // _LABELS_SHARE
        self._pixels = PagePool(self._device, channels, budget - labels, self._pixel_page)
        self._labels = PagePool(self._device, 2, labels, self._label_page)
        self._times_reopened = annotations.times_reopened
        self._times_read: dict[PlaneKey, int] = {}

    def read(self, plans: TilePlans) -> CutTiles:
        """Cut the tiles of plans."""
        self._drop_what_changed(set(plans.keys))
        windows = self._windows(plans)
        places = source_places(plans.motions, plans.side, self._device)
        pixels = PagedPixels(self._pixels, windows, self._device).bilinear(places)
        painted = {key: self._annotations.planes[key].labels.tiles.keys() for key in plans.keys}
        nearest = PagedPixels(self._labels, windows, self._device, painted).nearest(places)
        return CutTiles(pixels.permute(0, 3, 1, 2), nearest[..., 0].long(), nearest[..., 1])

    def let_go(self) -> None:
        """Give back the memory of all pages."""
        self._pixels.clear()
        self._labels.clear()

    def _windows(self, plans: TilePlans) -> Windows:
        planes = [self._annotations.planes[key] for key in plans.keys]
        return Windows.of(plans, [plane.labels.shape for plane in planes])

    def _drop_what_changed(self, keys: set[PlaneKey]) -> None:
        if self._times_reopened != self._annotations.times_reopened:
            self._times_reopened = self._annotations.times_reopened
            self.let_go()  # labels too: a plane that went and was painted anew counts its readings from the start
        now = {key: self._annotations.planes[key].times_read for key in keys}
        self._labels.drop({key for key, times in now.items() if self._times_read.get(key) != times})
        self._times_read |= now

    def _pixel_page(self, key: PlaneKey, place: TilePlace) -> Float32[np.ndarray, "h w c"]:
        region = self._annotations.planes[key].labels.area(place)
        return np.asarray(self._annotations.with_context(key, self._context_planes)[region.slices])

    def _label_page(self, key: PlaneKey, place: TilePlace) -> Float32[np.ndarray, "h w 2"]:
        plane = self._annotations.planes[key]
        return np.stack([plane.labels.tile(place), plane.weights(plane.labels.area(place))], axis=-1, dtype=np.float32)
