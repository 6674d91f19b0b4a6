"""Acquisition: rank the tiles in which a stroke would teach most.

These are tiles that the network is unsure of, that are like nothing painted so far, or that show a rare class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial import KDTree
from torch.nn import functional

from napari_unet.dataset.annotated import Annotations, PlaneKey
from napari_unet.images.plane_pixels import PlanePixels
from napari_unet.images.tiled_plane import TILE, TiledPlane
from napari_unet.images.tiles import Region, grid, read_mirrored
from napari_unet.network.device import Device
from napari_unet.network.inference import valid_window
from napari_unet.network.unet import Architecture, DeepShallowHead, UNet
from napari_unet.training.labelled_features import FEATURE_RIM

REGION_SIDE = TILE  # px, of what is predicted in one go
_CELL = 8  # px, the side of the squares over which the network's features are averaged
_REACH = 2  # cells around a painted one in which a stroke would teach little that is new
_LARGE_PLANE = 512  # px, the shorter side from which on the tiles are the larger ones
_TILE, _SMALL_TILE = 128, 64  # px
_MOST_REGIONS = 200  # that are remembered, 0.2 to 0.4 MB each; of more, the oldest one without strokes is forgotten
_PROTOTYPES = 2000  # painted cells at most that others are compared with

_UNSURE, _UNLIKE, _RARE = range(3)
TERM_FACTORS = (1.0, 1.0, 0.5)  # factors of the three terms; docs/benchmarks.md found no clear winner


class RankedTile(NamedTuple):
    """A tile worth painting in, with its score and a reason for people."""

    key: PlaneKey
    region: Region
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class Cells:
    """Features and answers of a network in a region, averaged over squares of ``_CELL`` px.

    Attributes
    ----------
    features : of the decoder
    shares : mean probability of each class
    unsure : 1 - the lead of the first class over the second
    painted : cells with a labelled pixel
    free : cells with none near
    """

    features: Float32[np.ndarray, "rows columns f"]
    shares: Float32[np.ndarray, "rows columns k"]
    unsure: Float32[np.ndarray, "rows columns"]
    painted: Bool[np.ndarray, "rows columns"]
    free: Bool[np.ndarray, "rows columns"]


class Acquisition:
    """Predicts region after region with one network, and ranks the tiles in them.

    Parameters
    ----------
    network : not changed, and not to be changed meanwhile
    class_ids : of its outputs
    """

    def __init__(self, network: UNet, class_ids: tuple[int, ...], annotations: Annotations, device: Device) -> None:
        self._network = network
        self._class_ids = class_ids
        self._annotations = annotations
        self._device = device
        self._cells: dict[tuple[PlaneKey, Region], Cells] = {}

    def __contains__(self, region: tuple[PlaneKey, Region]) -> bool:
        return region in self._cells

    def add(self, key: PlaneKey, region: Region) -> None:
        """Predict one region, whose origin is a multiple of ``REGION_SIDE``."""
        plane = self._annotations.with_context(key, self._network.architecture.context_planes)
        features, shares, unsure = pooled_answers(self._network, self._device, plane, region)
        annotated = self._annotations.planes.get(key)
        labelled = TiledPlane(plane.shape, np.uint8) if annotated is None else annotated.labels
        painted, _ = painted_cells(labelled, region)
        areas = self._annotations.project.test_areas.of(key[0]).get(key[1], ())
        _, free = painted_cells(labelled, region, areas)  # a stroke in a test area would teach nothing
        self._cells[key, region] = Cells(features, shares, unsure, painted, free)
        if len(self._cells) > _MOST_REGIONS:
            unpainted = (place for place, cells in self._cells.items() if not cells.painted.any())
            self._cells.pop(next(unpainted, (key, region)))

    def ranked_tiles(self, factors: tuple[float, float, float] = TERM_FACTORS) -> list[RankedTile]:
        """Return the tiles of all regions, the most useful first, without those that are painted all over."""
        tiles = [tile for (key, region), cells in self._cells.items() for tile in self._tiles(key, region, cells)]
        tiles = [tile for tile in tiles if tile.cells.free.any()]
        if not tiles:
            return []
        rarity = self._rarity()
        shares = np.array([tile.cells.shares[tile.cells.free].mean(axis=0) for tile in tiles])
        terms = np.zeros((len(tiles), len(TERM_FACTORS)))
        terms[:, _UNSURE] = _ranks(np.array([np.mean(tile.cells.unsure[tile.cells.free]) for tile in tiles]))
        terms[:, _UNLIKE] = self._unlikeness(tiles)
        rare = rarity * shares
        terms[:, _RARE] = _ranks(rare.max(axis=1)) * rarity.max()
        terms *= factors
        room = np.array([np.mean(tile.cells.free) for tile in tiles])
        order = np.argsort(-room * terms.sum(axis=1), kind="stable")
        return [
            RankedTile(
                tiles[i].key,
                tiles[i].region,
                float(room[i] * terms[i].sum()),
                self._reason(int(terms[i].argmax()), int(rare[i].argmax())),
            )
            for i in order
        ]

    def _tiles(self, key: PlaneKey, region: Region, cells: Cells) -> "list[_Tile]":
        pixels = self._annotations.pixels(key[0])
        side = tile_side(pixels.image.height, pixels.image.width)
        found = []
        for part in grid(*region.shape, side):
            if min(part.shape) < min(side // 2, *region.shape):
                continue  # a sliver at the rim
            inner = np.s_[part.y0 // _CELL : -(-part.y1 // _CELL), part.x0 // _CELL : -(-part.x1 // _CELL)]
            tile = part.moved(region.y0, region.x0)
            fields = (cells.features, cells.shares, cells.unsure, cells.painted, cells.free)
            found.append(_Tile(key, tile, Cells(*(field[inner] for field in fields))))
        return found

    def _rarity(self) -> Float[np.ndarray, " k"]:
        """Return how rare each class is, up to 1; 0 for one with at least as many labelled pixels as the mean."""
        counts = self._annotations.counts()
        own = np.array([counts.get(class_id, 0) for class_id in self._class_ids], float)
        return np.maximum(0, 1 - own / max(own.mean(), 1))

    def _unlikeness(self, tiles: "list[_Tile]") -> Float[np.ndarray, " n"]:
        """Return the rank of the mean distance from a tile's free cells to the painted cell most like each."""
        painted = np.concatenate([cells.features[cells.painted] for cells in self._cells.values()])
        if not len(painted):
            return np.zeros(len(tiles))
        chosen = np.random.default_rng(0).permutation(len(painted))[:_PROTOTYPES]
        deviation = np.concatenate([tile.cells.features[tile.cells.free] for tile in tiles]).std(axis=0) + 1e-6
        known = KDTree(painted[chosen] / deviation)
        distances = [np.mean(known.query(tile.cells.features[tile.cells.free] / deviation)[0]) for tile in tiles]
        return _ranks(np.array(distances))

    def _reason(self, term: int, rarest: int) -> str:
        if term == _RARE:
            names = self._annotations.project.classes.names()
            return f"class '{names.get(self._class_ids[rarest], '')}' is rare and predicted here"
        return "the network is unsure here" if term == _UNSURE else "unlike anything painted so far"


class _Tile(NamedTuple):
    key: PlaneKey
    region: Region
    cells: Cells


def tile_side(height: int, width: int) -> int:
    """Return the side, in px, of the tiles that are proposed on a plane of this size."""
    return _TILE if min(height, width) >= _LARGE_PLANE else _SMALL_TILE


@torch.inference_mode()
def pooled_answers(
    network: UNet, device: Device, plane: PlanePixels, region: Region
) -> tuple[
    Float32[np.ndarray, "rows columns f"], Float32[np.ndarray, "rows columns k"], Float32[np.ndarray, "rows columns"]
]:
    """Predict decoder features, probabilities and doubt of a region, averaged over its cells."""
    architecture = network.architecture
    whole = region.aligned(_CELL)
    read = _window(whole, architecture)
    pixels = torch.from_numpy(read_mirrored(plane, read)).permute(2, 0, 1)[None].to(device.torch_device)
    with device.autocast():
        features = network.features(pixels)
    top, left = whole.y0 - read.y0 - architecture.margin, whole.x0 - read.x0 - architecture.margin
    features = features[:, :, top : top + whole.shape[0], left : left + whole.shape[1]].float()
    probabilities = torch.softmax(network.head(features), dim=1)
    first, second = probabilities.topk(2, dim=1).values.unbind(dim=1)
    deep = network.head.split if isinstance(network.head, DeepShallowHead) else architecture.width
    averaged = [
        functional.avg_pool2d(values, _CELL)[0].permute(1, 2, 0).cpu().numpy()
        for values in (features[:, :deep], probabilities, (1 - first + second)[:, None])
    ]
    return averaged[0], averaged[1], averaged[2][:, :, 0]


def painted_cells(
    labels: TiledPlane, region: Region, areas: Sequence[Region] = ()
) -> tuple[Bool[np.ndarray, "rows columns"], Bool[np.ndarray, "rows columns"]]:
    """Find the cells of a region with a labelled pixel or one in an area, and the cells with none in or near them."""
    around = region.aligned(_CELL).grown(_REACH * _CELL)
    inside = around.clipped(*labels.shape)
    pixels = np.zeros(around.shape, bool)
    pixels[inside.seen_from(around).slices] = labels[inside.slices] > 0
    for area in areas:
        pixels[area.within(around).seen_from(around).slices] = True
    rows, columns = (side // _CELL for side in around.shape)
    cells = np.any(pixels.reshape(rows, _CELL, columns, _CELL), axis=(1, 3))
    near = np.any(sliding_window_view(cells, (2 * _REACH + 1, 2 * _REACH + 1)), axis=(2, 3))
    return cells[_REACH:-_REACH, _REACH:-_REACH], ~near


def _window(region: Region, architecture: Architecture) -> Region:
    """Return the region to read for a region, as the pooling grid wants it."""
    if architecture.margin:
        return valid_window(region, architecture)
    return region.grown(FEATURE_RIM).aligned(architecture.stride)


def _ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Rank values from 0 for the lowest to 1 for the highest; all 0 where all are equal."""
    from scipy.stats import rankdata  # here, for it takes half a second of every start of the worker

    ranks = rankdata(values) - 1
    return np.zeros(len(ranks)) if np.ptp(values) == 0 else ranks / max(len(ranks) - 1, 1)
