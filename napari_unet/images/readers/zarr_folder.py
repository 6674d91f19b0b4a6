"""Zarr folders: arrays, and OME-Zarr images with their resolutions."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import zarr
from zarr.storage import LocalStore

from napari_unet.errors import UserError
from napari_unet.images.image import PixelSize
from napari_unet.images.readers.axis_letters import guessed_axes
from napari_unet.images.readers.content import Content
from napari_unet.images.readers.damage import DAMAGE, damaged, unknown_codec, unsupported
from napari_unet.images.readers.file_pixels import lazy, pyramid, refuse_first_chunk
from napari_unet.images.readers.length_units import UNKNOWN
from napari_unet.images.readers.ngff import axis_names, channel_names, pixel_size

_ZARR_CODECS = frozenset("blosc zstd gzip zlib lz4 bytes transpose sharding_indexed crc32c".split())

_ZARR_TYPE = re.compile(r"[<>|]?(bool|b1|u?int(8|16|32|64)|float(16|32|64)|[ui][1248]|f[248])")
_DEEPEST_IMAGE = 3  # folders below a plate: row, column, field


def open_zarr(path: Path, expand_palette: bool) -> Content:
    """Open a Zarr array, or the first multiscale image of an OME-Zarr group."""
    metadata = _zarr_metadata(path, path)
    if _is_array(metadata):
        return _zarr_array(path, path, metadata, None, UNKNOWN)
    attributes = metadata["attributes"]
    scales = attributes.get("ome", attributes).get("multiscales")
    if not scales:
        raise _no_image(path)
    finest, *others = scales[0]["datasets"]
    names = axis_names(scales[0])
    size = pixel_size(scales[0], names) if names else UNKNOWN
    content = _zarr_level(path, finest, names, size)
    levels = [content.pixels]
    for each in others:
        try:
            levels.append(_zarr_level(path, each, names, size).pixels)
        except (UserError, *DAMAGE):
            break  # the image is whole without it
    names = channel_names(attributes.get("ome", attributes))
    return replace(content, coarser=pyramid(levels, content.axes), channel_names=names)


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
            attributes = _zarr_metadata(folder, part)["attributes"]
        except (UserError, *DAMAGE):
            continue
        if attributes.get("ome", attributes).get("multiscales"):
            yield part
        else:
            yield from _images_inside(part, depth - 1)


def _zarr_level(path: Path, dataset: dict[str, Any], names: list[str] | None, pixel_size: PixelSize) -> Content:
    level = _level_folder(path, str(dataset["path"]))
    return _zarr_array(path, level, _zarr_metadata(path, level), names, pixel_size)


def _zarr_array(
    path: Path, folder: Path, metadata: dict[str, Any], names: list[str] | None, pixel_size: PixelSize
) -> Content:
    if not _is_array(metadata):
        raise damaged(path, f"{folder.name} is not an array")
    _refuse_zarr_types(path, metadata)
    array = zarr.open_array(LocalStore(folder, read_only=True), mode="r", zarr_format=metadata["zarr_format"])
    pixels = lazy(path, array)
    refuse_first_chunk(path, pixels)
    own = metadata.get("dimension_names") or metadata["attributes"].get("_ARRAY_DIMENSIONS")
    names = names or ([str(name) for name in own] if own else None)
    if names is None or len(names) != len(array.shape) or not {"y", "x"} <= {name.lower() for name in names}:
        return Content(pixels, guessed_axes(array.shape), pixel_size)
    return Content(pixels, names, pixel_size)


def _is_array(metadata: dict[str, Any]) -> bool:
    return str(metadata.get("node_type", "array" if "shape" in metadata else "group")) == "array"


def _zarr_metadata(path: Path, folder: Path) -> dict[str, Any]:
    """Read the JSON of a group or an array with its "attributes", without zarr."""
    for name in ("zarr.json", ".zarray", ".zgroup"):
        if (folder / name).is_file():
            metadata = json.loads((folder / name).read_text("utf-8"))
            break
    else:
        raise damaged(path, f"no metadata in {folder.name}")
    attributes = folder / ".zattrs"
    if name != "zarr.json" and attributes.is_file():
        metadata["attributes"] = json.loads(attributes.read_text("utf-8"))
    metadata.setdefault("attributes", {})
    # By the name, not by what the file claims: zarr must open the very metadata that were checked.
    metadata["zarr_format"] = 3 if name == "zarr.json" else 2
    return dict(metadata)


def _level_folder(path: Path, name: str) -> Path:
    level = (path / name).resolve()
    if not level.is_relative_to(path.resolve()):
        raise unsupported(path, f"the Zarr image points outside of its folder ('{name}')")
    return level


def _refuse_zarr_types(path: Path, metadata: dict[str, Any]) -> None:
    """Refuse objects and codecs that run foreign code before zarr builds them."""
    stored = metadata.get("data_type", metadata.get("dtype"))
    if not isinstance(stored, str) or not _ZARR_TYPE.fullmatch(stored):
        raise UserError(
            "NU-I03",
            f"pixels of type {stored} cannot be used",
            str(path),
            "convert the image to uint8, uint16 or float32",
        )
    codecs = [*(metadata.get("filters") or ()), *(metadata.get("codecs") or ()), metadata.get("compressor")]
    for codec in _codec_names(codecs):
        if codec.removeprefix("numcodecs.") not in _ZARR_CODECS:
            raise unknown_codec(path, codec)


def _codec_names(codecs: Sequence[Any]) -> Iterator[str]:
    for codec in codecs:
        if isinstance(codec, str):
            yield codec
        elif codec is not None:
            yield str(codec.get("name", codec.get("id")))
            inner = codec.get("configuration") or {}
            yield from _codec_names([*inner.get("codecs", ()), *inner.get("index_codecs", ())])
