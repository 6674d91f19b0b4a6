"""One painted plane as training reads it."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from scipy import ndimage

from napari_unet.dataset.weight_map import END_REACH, pixel_weights
from napari_unet.images.tiled_plane import TILE, TiledPlane
from napari_unet.images.tiles import Region
from napari_unet.project.split import BLOCK

_CELL = 8  # px; strokes closer than that are one
_CELLS_OF_STROKE = (BLOCK // _CELL) ** 2  # of a filled area that count as one stroke


class Stroke(NamedTuple):
    """Labels that were set since the last reading; 0 where none were."""

    region: Region
    labels: UInt8[np.ndarray, "h w"]


@dataclass(slots=True)
class AnnotatedPlane:
    """One painted plane: labels, trained and held-out pixels, border weights, and the pixels of each class.

    Only the tiles that were painted are held. ``new`` marks trained pixels that were painted or changed since the last
    time the plane was read, ``unforeseen`` those whose class the other strokes do not foretell.
    ``unforeseen_weights`` has the weights of other (first row) and of unforeseen pixels by class id.
    """

    labels: TiledPlane  # uint8
    trained: TiledPlane  # bool
    held_out: TiledPlane  # bool
    border: TiledPlane  # float32
    new: TiledPlane  # bool
    unforeseen: TiledPlane  # bool
    positions: dict[int, Int64[np.ndarray, " n"]] = field(default_factory=dict)  # flat indices of trained pixels
    painted_strokes: dict[int, int] = field(default_factory=dict)  # that are trained on, by class id
    held_out_blocks: list[Region] = field(default_factory=list)  # those with at least one held-out pixel
    strokes: list[Stroke] = field(default_factory=list)  # painted since the last reading, test areas left out
    areas: tuple[Region, ...] = ()  # test areas: nothing in them is trained on or held out by blocks
    checked: frozenset[Region] = frozenset()  # those that count for the Dice to publish
    times_read: int = 0
    unforeseen_weights: Float32[np.ndarray, "2 256"] = field(default_factory=lambda: np.ones((2, 256), np.float32))

    @classmethod
    def blank(cls, shape: tuple[int, ...]) -> "AnnotatedPlane":
        """Return a plane that nothing is painted on."""
        labels, border = TiledPlane(shape, np.uint8), TiledPlane(shape, np.float32, fill=1)
        trained, held_out, new, unforeseen = (TiledPlane(shape, np.bool_) for _ in range(4))
        return cls(labels, trained, held_out, border, new, unforeseen)

    @property
    def is_blank(self) -> bool:
        """Tell whether nothing is painted, as after everything was undone."""
        return not any(tile.any() for tile in self.labels.tiles.values())

    @property
    def new_share(self) -> float:
        """Return which share of the plane is trained on since the last reading."""
        return float(sum(int(tile.sum()) for tile in self.new.tiles.values()) / np.prod(self.new.shape))

    @property
    def known_share(self) -> float:
        """Return which share of the plane was trained on before."""
        trained = sum(len(positions) for positions in self.positions.values())
        return float(trained / np.prod(self.new.shape)) - self.new_share

    def weights(self, region: Region) -> Float32[np.ndarray, "h w"]:
        """Return the weights of a region inside the plane, without those of the classes."""
        around = region.grown(END_REACH).clipped(*self.labels.shape)
        found = pixel_weights(self.labels[around.slices], self.trained[around.slices], self.border[around.slices])
        return found[region.seen_from(around).slices] * self.weights_by_kind(region)

    def weights_by_kind(self, region: Region) -> Float32[np.ndarray, "h w"]:
        """Return what each pixel of a region weighs because it is unforeseen or not; 1 where nothing is labelled."""
        labels, (others, unforeseen) = self.labels[region.slices], self.unforeseen_weights
        return np.where(self.unforeseen[region.slices], unforeseen[labels], others[labels])

    def unforeseen_counts(self) -> Int64[np.ndarray, "256"]:
        """Count the unforeseen pixels by class id."""
        total = np.zeros(256, np.int64)
        for place, tile in self.unforeseen.tiles.items():
            total += np.bincount(self.labels.tile(place)[tile], minlength=256)
        return total

    def unforeseen_positions(self) -> Int64[np.ndarray, " n"]:
        """Return the flat indices of unforeseen pixels."""
        width, flat = self.labels.shape[1], [np.zeros(0, np.int64)]
        for place, tile in self.unforeseen.tiles.items():
            area = self.unforeseen.area(place)
            rows, columns = np.nonzero(tile)
            flat.append((rows + area.y0) * width + columns + area.x0)
        return np.concatenate(flat)

    def set_unforeseen(self, positions: Int64[np.ndarray, " n"]) -> None:
        """Let the pixels at flat indices be unforeseen, as far as they are trained on, and no others."""
        self.unforeseen.tiles.clear()
        width = self.labels.shape[1]
        for place, trained in self.trained.tiles.items():
            area = self.trained.area(place)
            rows, columns = positions // width - area.y0, positions % width - area.x0
            inside = (rows >= 0) & (rows < area.shape[0]) & (columns >= 0) & (columns < area.shape[1])
            if inside.any():
                marks = np.zeros(area.shape, np.bool_)
                marks[rows[inside], columns[inside]] = True
                self.unforeseen.tiles[place] = marks & trained

    def find(self) -> None:
        """Find the pixels of each class and the held-out blocks; called each time that the plane was read."""
        self.times_read += 1
        width = self.labels.shape[1]
        flat, classes = [np.zeros(0, np.int64)], [np.zeros(0, np.uint8)]
        for band in _bands(self.labels):
            labels = self.labels[band.slices]
            rows, columns = np.nonzero(self.trained[band.slices])
            flat.append((rows + band.y0) * width + columns + band.x0)
            classes.append(labels[rows, columns])
        places, found = np.concatenate(flat), np.concatenate(classes)
        self.positions = {int(k): places[found == k] for k in np.unique(found)}
        boxes = list(self.trained.islands())
        self.painted_strokes = {
            class_id: sum(_strokes_in(inside & (self.labels[box.slices] == class_id)) for box, inside in boxes)
            for class_id in self.positions
        }
        self.held_out_blocks = sorted(
            block.moved(area.y0, area.x0)
            for place, held_out in self.held_out.tiles.items()
            for area in [self.held_out.area(place)]
            for block in blocks_with(held_out)
        )


def _strokes_in(pixels: Bool[np.ndarray, "h w"]) -> int:
    """Count the strokes that pixels of one class can be of.

    What hangs together, gaps of some pixels left aside, is one stroke; a large area counts as several.
    """
    rows, columns = np.nonzero(pixels)
    cells = np.zeros([side // _CELL + 1 for side in pixels.shape], np.bool_)
    cells[rows // _CELL, columns // _CELL] = True
    pieces, _ = ndimage.label(cells, np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel())[1:]
    return int(np.maximum(1, sizes // _CELLS_OF_STROKE).sum())


def _bands(plane: TiledPlane) -> list[Region]:
    """Return a region for each row of tiles, from its first to its last tile that is held.

    Pixels then come in the order of the plane.
    """
    columns: dict[int, list[int]] = {}
    for row, column in sorted(plane.tiles):
        columns.setdefault(row, []).append(column)
    return [
        Region(row * TILE, held[0] * TILE, (row + 1) * TILE, (held[-1] + 1) * TILE).clipped(*plane.shape)
        for row, held in columns.items()
    ]


def blocks_with(pixels: Bool[np.ndarray, "y x"]) -> list[Region]:
    """Return the blocks of the split that hold at least one of the pixels."""
    rows, columns = np.nonzero(pixels)
    found = sorted(set(zip((rows // BLOCK).tolist(), (columns // BLOCK).tolist(), strict=True)))
    areas = [Region(row * BLOCK, column * BLOCK, (row + 1) * BLOCK, (column + 1) * BLOCK) for row, column in found]
    return [area.clipped(*pixels.shape) for area in areas]
