"""Zarr folders: arrays, and OME-Zarr images with their resolutions."""

from collections.abc import Iterator
from pathlib import Path

import zarr

from napari_unet.errors import PROGRAM_ERROR, UserError
from napari_unet.images.readers.axis_letters import guessed_axes, spoken_names
from napari_unet.images.readers.contained_store import ContainedStore
from napari_unet.images.readers.content import Content
from napari_unet.images.readers.damage import damage_told, damaged, unsupported
from napari_unet.images.readers.file_pixels import FilePixels, lazy, pyramid, refuse_first_chunk
from napari_unet.images.readers.ngff import Dataset, axis_names, channel_names, multiscale_of, pixel_size
from napari_unet.images.readers.zarr_metadata import ZarrMetadata, read_metadata, refuse_foreign_code

_DEEPEST_IMAGE = 3  # folders below a plate: row, column, field


def open_zarr(path: Path, expand_palette: bool) -> Content:
    """Open a Zarr array, or the first multiscale image of an OME-Zarr group."""
    metadata = read_metadata(path, path)
    if metadata.is_array:
        pixels = _array(path, path, metadata)
        names = spoken_names(metadata.axis_names)
        return Content(pixels, _axes(pixels, names), names_axes=_fits(pixels, names))
    image = multiscale_of(metadata.attributes)
    if image is None:
        raise _no_image(path)
    finest, *others = image.datasets
    pixels, own_names = _level(path, finest)
    names = axis_names(image, pixels.ndim) or own_names
    axes, size = _axes(pixels, names), pixel_size(image, names)
    levels = [pixels, *_coarser_levels(path, others)]
    channels, named = channel_names(metadata.attributes), _fits(pixels, names)
    return Content(pixels, axes, size, False, pyramid(levels, axes), channels, names_axes=named)


def _coarser_levels(path: Path, datasets: list[Dataset]) -> Iterator[FilePixels]:
    """Yield the levels up to the first that is damaged: the image is whole without them."""
    try:
        for dataset in datasets:
            with damage_told(path):
                level, _ = _level(path, dataset)
            yield level
    except UserError as error:
        if error.code == PROGRAM_ERROR:
            raise


def _no_image(path: Path) -> UserError:
    """Return the error of a group without an image of its own; it names an image in its folders where there is one.

    Plates, the output of bioformats2raw and groups of labels are such groups.
    """
    inside = next(_images_inside(path, _DEEPEST_IMAGE), None)
    if inside is None:
        return unsupported(path, "the Zarr group holds no multiscale image")
    name = inside.relative_to(path).as_posix()
    what = "the Zarr group holds no multiscale image itself, but in its folders"
    return UserError("NU-I12", what, str(path), f"open one of them, such as {name}")


def _images_inside(folder: Path, depth: int) -> Iterator[Path]:
    for part in sorted(path for path in folder.iterdir() if path.is_dir()) if depth else ():
        try:
            with damage_told(part):
                is_image = multiscale_of(read_metadata(folder, part).attributes) is not None
        except UserError as error:
            if error.code == PROGRAM_ERROR:
                raise
            continue
        if is_image:
            yield part
        else:
            yield from _images_inside(part, depth - 1)


def _level(path: Path, dataset: Dataset) -> tuple[FilePixels, list[str]]:
    """Open one resolution; return its pixels and the names of axes that the array itself has."""
    folder = (path / dataset.path).resolve()
    if not folder.is_relative_to(path.resolve()):
        raise unsupported(path, f"the Zarr image points outside of its folder ('{dataset.path}')")
    metadata = read_metadata(path, folder)
    return _array(path, folder, metadata), spoken_names(metadata.axis_names)


def _array(path: Path, folder: Path, metadata: ZarrMetadata) -> FilePixels:
    if not metadata.is_array:
        raise damaged(path, f"{folder.name} is not an array")
    refuse_foreign_code(path, metadata)
    array = zarr.open_array(ContainedStore(path, folder), mode="r", zarr_format=metadata.zarr_format)
    pixels = lazy(path, array)
    refuse_first_chunk(path, pixels, array.chunks)
    return pixels


def _axes(pixels: FilePixels, names: list[str]) -> list[str]:
    """Return the names where they fit the pixels, else a guess from the shape."""
    return names if _fits(pixels, names) else list(guessed_axes(pixels.shape))


def _fits(pixels: FilePixels, names: list[str]) -> bool:
    return len(names) == pixels.ndim and {"y", "x"} <= set(names)
