"""What a frozen network says about labelled pixels, gathered from a bounded number of tiles."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from napari_unet.images.tiles import Region, read_mirrored
from napari_unet.network.device import Device
from napari_unet.network.unet import UNet
from napari_unet.training.annotated import AnnotatedPlane, Annotations, PlaneKey

_TILE = 128  # px
_CONTEXT = 32  # px around a tile; less than the halo, for speed: features near the rim are a little off
_TILES = 16  # at most, new strokes first


def labelled_features(
    network: UNet, annotations: Annotations, device: Device, random: np.random.Generator
) -> tuple[Float[Tensor, "n f"], Int64[Tensor, " n"], Bool[Tensor, " n"]]:
    """Features of trained pixels, the output index of each, and whether its stroke is new, on the device.

    Every class is there that has trained pixels; tiles with new strokes come first, then one of every class, then
    others at random.
    """
    index = torch.zeros(256, dtype=torch.int64)
    for position, class_id in enumerate(annotations.class_ids()):
        index[class_id] = position
    features, targets, new = [], [], []
    for key, region in _chosen(annotations, random):
        plane = annotations.planes[key]
        inside = plane.trained[region.slices]
        features.append(_features(network, annotations, device, key, region)[:, torch.from_numpy(inside)].T)
        targets.append(index[torch.from_numpy(plane.labels[region.slices][inside].astype(np.int64))])
        new.append(torch.from_numpy(plane.new[region.slices][inside]))
    return torch.cat(features), torch.cat(targets).to(device.place), torch.cat(new).to(device.place)


def _chosen(annotations: Annotations, random: np.random.Generator) -> list[tuple[PlaneKey, Region]]:
    """Tiles to look at, the most telling first, at most ``_TILES``."""
    tiles = list(_tiles(annotations))
    order = random.permutation(len(tiles))
    shuffled = [tiles[i] for i in order]
    missing = set(annotations.class_ids())
    chosen: list[tuple[PlaneKey, Region]] = []
    for key, region, classes, new in sorted(shuffled, key=lambda tile: not tile[3]):
        if new or classes & missing:
            chosen.append((key, region))
            missing -= classes
    rest = [(key, region) for key, region, *_ in shuffled if (key, region) not in chosen]
    # A class without new strokes must not fall off the end.
    return (chosen[: _TILES - 1] + chosen[-1:] if len(chosen) > _TILES else chosen + rest)[:_TILES]


def _tiles(annotations: Annotations) -> Iterator[tuple[PlaneKey, Region, set[int], bool]]:
    """Every tile with trained pixels: its place, its classes, and whether a stroke in it is new."""
    kept = set(annotations.class_ids())
    for key, plane in annotations.planes.items():
        flat = [positions for class_id, positions in plane.positions.items() if class_id in kept]
        if not flat:
            continue
        rows, columns = np.divmod(np.concatenate(flat), plane.labels.shape[1])
        for row, column in sorted(set(zip((rows // _TILE).tolist(), (columns // _TILE).tolist(), strict=True))):
            region = Region(row * _TILE, column * _TILE, (row + 1) * _TILE, (column + 1) * _TILE)
            region = region.clipped(*plane.labels.shape)
            yield key, region, _classes(plane, region) & kept, bool(plane.new[region.slices].any())


def _classes(plane: AnnotatedPlane, region: Region) -> set[int]:
    return {int(k) for k in np.unique(plane.labels[region.slices][plane.trained[region.slices]])}


@torch.inference_mode()
def _features(
    network: UNet, annotations: Annotations, device: Device, key: PlaneKey, region: Region
) -> Float[Tensor, "f y x"]:
    stride = network.architecture.stride
    y0, x0 = (start // stride * stride - _CONTEXT for start in (region.y0, region.x0))
    sides = [-(-(stop + _CONTEXT - start) // stride) * stride for start, stop in ((y0, region.y1), (x0, region.x1))]
    pixels = read_mirrored(annotations.pixels(key[0])[key[1]], Region(y0, x0, y0 + sides[0], x0 + sides[1]))
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device.place)
    with device.autocast():
        found = network.features(batch)[0]
    height, width = region.shape
    return found[:, region.y0 - y0 : region.y0 - y0 + height, region.x0 - x0 : region.x0 - x0 + width].float()
