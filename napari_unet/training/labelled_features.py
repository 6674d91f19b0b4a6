"""Features that a frozen network has for labelled pixels, from a bounded number of tiles."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int16, Int64, Shaped
from torch import Tensor

from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.dataset.annotated_plane import AnnotatedPlane
from napari_unet.images.tiles import Region, grid, read_mirrored
from napari_unet.network.device import Device
from napari_unet.network.feature_cache import CachedPlane, FeatureCache
from napari_unet.network.unet import UNet
from napari_unet.training.tile_samples import TileSample, TileSamples

_TILE = 128  # px
FEATURE_RIM = 32  # px around a tile; less than the halo, for speed: features near the rim are a little off
_TILES = 16  # at most, when a stroke is waiting for its answer
_FIRST_TILES = 32  # at most, for a head that is fitted from nothing
_OTHERS = 256  # pixels of each tile that nobody has painted, and as many anywhere in it


class LabelledTile(NamedTuple):
    """Tell which pixels of a region are trained on."""

    key: PlaneKey
    region: Region
    trained: Bool[np.ndarray, "h w"]


class LabelledFeatures(NamedTuple):
    """Features of trained pixels and of some others of the same tiles, on the device.

    Attributes
    ----------
    features : of trained pixels
    target : output index of each
    new : whether its stroke is new
    tiles : where the trained pixels are, tile by tile, in the same order
    unlabelled : features of pixels that nobody has painted, at random
    anywhere : the same of all pixels, painted or not
    """

    features: Float[Tensor, "n f"]
    target: Int64[Tensor, " n"]
    new: Bool[Tensor, " n"]
    tiles: list[LabelledTile]
    unlabelled: Float[Tensor, "m f"]
    anywhere: Float[Tensor, "l f"]

    def by_tile(self, values: Shaped[Tensor, " n"]) -> Iterator[tuple[LabelledTile, Shaped[Tensor, " _"]]]:
        """Yield each tile with the values of its trained pixels, on the CPU."""
        parts = torch.split(values.cpu(), [int(tile.trained.sum()) for tile in self.tiles])
        yield from zip(self.tiles, parts, strict=True)


def labelled_features(
    network: UNet,
    annotations: Annotations,
    device: Device,
    random: np.random.Generator,
    *,
    first: bool = False,
    feature_cache: FeatureCache | None = None,
    samples: TileSamples | None = None,
) -> LabelledFeatures:
    """Gather features from a bounded number of tiles, twice as many for the ``first`` fit of a head.

    Every class is there that has trained pixels; of the other tiles those with new strokes come first, then others at
    random.

    Parameters
    ----------
    network : in evaluation mode on the device; its body computes the features
    annotations : have the labels and the pixels
    device : where features are computed and kept
    first : whether the head is fitted from nothing
    random : draws the tiles, and the pixels that nobody has painted
    feature_cache : features of the image on screen; tiles in it are not computed again
    samples : samples of earlier calls, and of this one afterwards; tiles in it are not computed again
    """
    samples = TileSamples() if samples is None else samples
    samples.hold_for(network)
    most = _FIRST_TILES if first else _TILES
    class_ids = annotations.class_ids()
    index = torch.zeros(256, dtype=torch.int64)
    index[list(class_ids)] = torch.arange(len(class_ids))
    found, targets, new, tiles = [], [], [], []
    for key, region in _chosen(annotations, random, most):
        plane = annotations.planes[key]
        labels = plane.labels[region.slices].astype(np.int16)
        inside = plane.trained[region.slices] & np.isin(labels, class_ids)
        painted = np.where(inside, labels, -labels)
        sample = samples.find(key, region, painted)
        if sample is None:
            known = feature_cache.features(network, CachedPlane(*key), region) if feature_cache else None
            features = _features(network, annotations, device, key, region) if known is None else known
            sample = _sample(features, painted, random)
            samples.keep(key, region, sample)
        found.append(sample)
        targets.append(index[torch.from_numpy(labels[inside].astype(np.int64))])
        new.append(torch.from_numpy(plane.new[region.slices][inside]))
        tiles.append(LabelledTile(key, region, inside))
    return LabelledFeatures(
        torch.cat([sample.features for sample in found]),
        torch.cat(targets).to(device.torch_device),
        torch.cat(new).to(device.torch_device),
        tiles,
        torch.cat([sample.unlabelled for sample in found]),
        torch.cat([sample.anywhere for sample in found]),
    )


def _sample(
    features: Float[Tensor, "f h w"], painted: Int16[np.ndarray, "h w"], random: np.random.Generator
) -> TileSample:
    """Take the features of all trained pixels of a tile, and of some that nobody has painted and some anywhere."""
    blank = np.flatnonzero(painted == 0)
    some = random.choice(blank, min(_OTHERS, len(blank)), replace=False)
    trained = painted > 0
    any_of_it = random.choice(trained.size, min(_OTHERS, trained.size), replace=False)
    flat = features.flatten(1)
    return TileSample(
        painted,
        features[:, torch.from_numpy(trained)].T,
        flat[:, torch.from_numpy(some)].T,
        flat[:, torch.from_numpy(any_of_it)].T,
    )


def _chosen(annotations: Annotations, random: np.random.Generator, most: int) -> list[tuple[PlaneKey, Region]]:
    """Choose ``most`` tiles to look at, the most telling first; more where they are needed for every class to be there.

    Beside those, at most half have new strokes, as long as there are others: of an image that was accepted as a whole
    every tile is new, and what strokes on other images say is to be heard too.
    """
    tiles = list(_tiles(annotations))
    order = random.permutation(len(tiles))
    shuffled = [tiles[i] for i in order]
    missing = set(annotations.class_ids())
    first, fresh, others = (list[tuple[PlaneKey, Region]]() for _ in range(3))
    for key, region, classes, new in sorted(shuffled, key=lambda tile: not tile[3]):
        (first if classes & missing else fresh if new else others).append((key, region))
        missing -= classes
    room = max(0, most - len(first))
    fresh = fresh[: max(room // 2, room - len(others))]
    return first + fresh + others[: room - len(fresh)]


def _tiles(annotations: Annotations) -> Iterator[tuple[PlaneKey, Region, set[int], bool]]:
    """Yield every tile with trained pixels: plane, region, classes, and whether a stroke in it is new."""
    kept = set(annotations.class_ids())
    for key, plane in annotations.planes.items():
        regions = (
            region.moved(area.y0, area.x0)
            for place in plane.trained.tiles
            for area in [plane.trained.area(place)]
            for region in grid(*area.shape, _TILE)
        )
        for region in sorted(regions):
            classes = _classes(plane, region) & kept
            if classes:
                yield key, region, classes, bool(plane.new[region.slices].any())


def _classes(plane: AnnotatedPlane, region: Region) -> set[int]:
    # Counting takes a tenth of the time of sorting, and on a plane that is labelled as a whole there are many tiles.
    labels = plane.labels[region.slices][plane.trained[region.slices]]
    return set(np.flatnonzero(np.bincount(labels, minlength=1)).tolist())


@torch.inference_mode()
def _features(
    network: UNet, annotations: Annotations, device: Device, key: PlaneKey, region: Region
) -> Float[Tensor, "f y x"]:
    read = region.grown(FEATURE_RIM).aligned(network.architecture.stride)
    pixels = read_mirrored(annotations.with_context(key, network.architecture.context_planes), read)
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device.torch_device)
    with device.autocast():
        found = network.features(batch)[0]
    return found[:, *region.seen_from(read).slices].float()
