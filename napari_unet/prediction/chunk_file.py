"""The OME-Zarr folder of a mask larger than memory, filled chunk by chunk."""

import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zarr
from zarr.storage import LocalStore

from napari_unet.errors import UserError
from napari_unet.export.earlier_results import read_record, refuse_foreign_folder
from napari_unet.export.json_file import write_json
from napari_unet.export.ome_zarr import (
    bits,
    create_levels,
    levels_of,
    plane_numbers,
    with_channel_names,
)
from napari_unet.export.segmentation import ClassStyle
from napari_unet.export.verified import UNREADABLE, array_difference
from napari_unet.images.image import Image
from napari_unet.images.normalisation import Normalisation
from napari_unet.images.raw_plane import RawPlane
from napari_unet.images.tiles import Region, grid
from napari_unet.network.inference import Predictor
from napari_unet.prediction.plane import predict_region
from napari_unet.storage import move_folder, refusal

CHUNK = 2048  # px; one chunk is one task, and the largest tile
_JOB = "job.json"  # in the unfinished folder: what made its chunks


@dataclass(frozen=True, slots=True, order=True)
class Chunk:
    """A part of a plane that is predicted and stored at once."""

    plane: int
    region: Region


@dataclass(frozen=True, slots=True)
class ChunkFile:
    """The OME-Zarr folder of an image: pixels and labels "classes", no objects; every chunk of the mask is one file.

    It is filled under the name ".unfinished-NAME", where a killed run leaves what it has.

    Attributes
    ----------
    path : its name when it is finished
    image : what is predicted
    classes : indexed by mask value
    chunk : side in pixels
    """

    path: Path
    image: Image
    classes: Sequence[ClassStyle]
    chunk: int

    @property
    def folder(self) -> Path:
        """Return the folder in which the chunks are written until all are there."""
        return self.path.with_name(f".unfinished-{self.path.name}")

    def begin(self, job: dict[str, Any]) -> None:
        """Keep what an earlier run left, if the job is equal: all that the mask depends on; else begin anew.

        Raises
        ------
        UserError
            NU-E08 when a folder of that name lies there that is no earlier export; NU-E01 when it cannot be written.
        """
        refuse_foreign_folder(self.path)
        if read_record(self.folder / _JOB) == job and self._has_arrays():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        with _refusal_told(self.path):
            levels = with_channel_names(levels_of(self.image, self.classes, None), self.image)
            create_levels(self.folder, levels, self.chunk)
        write_json(self.folder / _JOB, job)

    def missing(self) -> list[Chunk]:
        """Return the chunks that are still to be made, plane by plane and row by row."""
        return [chunk for chunk in self._chunks() if not self._is_there(chunk)]

    def write(self, predictor: Predictor, normalisation: Normalisation, chunk: Chunk, tile: int | None) -> None:
        """Predict a chunk, write it after the pixels of the image, and compare what is read back.

        Raises
        ------
        UserError
            NU-E01 when it cannot be written, NU-E03 when it does not hold what was written.
        """
        planes = self.image.with_context(chunk.plane, predictor.context_planes)
        plane = RawPlane(self.image, planes, normalisation)
        mask = predict_region(predictor, plane, chunk.region, tile) - 1
        pixels, labels = levels_of(self.image, self.classes, None)
        index = self._index(chunk.plane)
        for level, values in (
            (pixels, pixels.pixels(self.image, chunk.plane, *chunk.region.slices)),
            (labels, mask),
        ):
            place = level.place(index, *chunk.region.slices)
            with _refusal_told(self.path):
                array = self._array(level.group)
                array[place] = values
                wrong = array_difference(bits(array[place]), bits(values))
            if wrong:
                fix = "free disk space, check the disk, then predict again"
                raise UserError("NU-E03", f"a chunk does not hold the result ({wrong})", str(self.folder), fix)

    def finish(self) -> Path:
        """Move the folder, whose chunks are all there, to its name.

        Raises
        ------
        UserError
            NU-E01 when the system refuses.
        """
        with _refusal_told(self.path):
            for remains in self.folder.rglob("*.partial"):  # left of chunks that a killed process had in hand
                remains.unlink()
            move_folder(self.folder, self.path)
            (self.path / _JOB).unlink()  # not before: where the folder cannot be moved, its chunks still count
        return self.path

    def _chunks(self) -> Iterator[Chunk]:
        for plane in range(self.image.planes):
            for region in grid(self.image.height, self.image.width, self.chunk):
                yield Chunk(plane, region)

    def _is_there(self, chunk: Chunk) -> bool:
        """Tell whether the chunk's files of mask and pixels exist and can be read: a power cut may empty them."""
        for level in reversed(levels_of(self.image, self.classes, None)):  # the mask first: it is written last
            array, place = self._array(level.group), level.place(self._index(chunk.plane), *chunk.region.slices)
            folder = self.folder / level.group / "0"
            if not all((folder / name).is_file() for name in _files(array, place)):
                return False
            try:
                array[place]
            except UNREADABLE:
                return False
        return True

    def _has_arrays(self) -> bool:
        """Tell whether both arrays can be opened: a power cut may have emptied their descriptions."""
        try:
            for level in levels_of(self.image, self.classes, None):
                self._array(level.group)
        except UNREADABLE:
            return False
        return True

    def _array(self, group: str) -> zarr.Array:
        array: zarr.Array = zarr.open_array(LocalStore(self.folder / group / "0"), mode="r+")
        return array.with_config({"write_empty_chunks": True})  # a chunk of background is one that was made

    def _index(self, plane: int) -> tuple[int, ...]:
        numbers, _ = plane_numbers(self.image)
        return tuple(int(at[0]) for at in (numbers == plane).nonzero()) if numbers.ndim else ()


def _files(array: zarr.Array, place: tuple[int | slice, ...]) -> Iterator[str]:
    """Yield the names of the files of an array that hold the pixels of a place."""
    numbers = []
    for part, size, side in zip(place, array.shape, array.chunks, strict=True):
        first, end, _ = part.indices(size) if isinstance(part, slice) else (part, part + 1, 1)
        numbers.append(range(first // side, -(-end // side)))
    return (array.metadata.encode_chunk_key(key) for key in itertools.product(*numbers))


@contextmanager
def _refusal_told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refusal(error, path) from error
