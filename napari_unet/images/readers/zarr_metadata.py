"""The JSON files of a Zarr group or array, checked before zarr reads them."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Union

import msgspec

from napari_unet.errors import UserError
from napari_unet.images.readers.contained_files import refuse_outside
from napari_unet.images.readers.damage import damaged, unknown_codec

METADATA_FILES = ("zarr.json", ".zarray", ".zgroup")

_MOST_JSON = 64 * 2**20  # bytes; consolidated metadata of a whole plate may be long
_CODECS = frozenset("blosc zstd gzip zlib lz4 bytes transpose sharding_indexed crc32c".split())
_TYPE = re.compile(r"[<>|]?(bool|b1|u?int(8|16|32|64)|float(16|32|64)|[ui][1248]|f[248])")


class Packing(msgspec.Struct, frozen=True):
    """Hold the configuration of a codec: the codecs inside of a shard."""

    codecs: tuple[Union[str, "Codec", None], ...] = ()
    index_codecs: tuple[Union[str, "Codec", None], ...] = ()


class Codec(msgspec.Struct, frozen=True):
    """Describe one step that packs pixels: Zarr 3 calls it by its name, Zarr 2 by its id."""

    name: str | None = None
    id: str | None = None
    configuration: Packing | None = None


class ZarrMetadata(msgspec.Struct, frozen=True):
    """Describe a group or an array as its metadata file does; types and codecs of pixels are for arrays alone."""

    zarr_format: int
    node_type: str = ""
    shape: tuple[int, ...] | None = None
    data_type: Any = None
    dtype: Any = None
    filters: tuple[str | Codec | None, ...] | None = None
    codecs: tuple[str | Codec | None, ...] | None = None
    compressor: Codec | None = None
    dimension_names: tuple[str | None, ...] | None = None
    attributes: dict[str, Any] = {}

    @property
    def is_array(self) -> bool:
        """Tell whether these are the metadata of an array."""
        return self.node_type == "array" or (not self.node_type and self.shape is not None)

    @property
    def axis_names(self) -> list[str]:
        """Return the names of the axes of an array, or nothing where it has none."""
        xarray = self.attributes.get("_ARRAY_DIMENSIONS")
        names = self.dimension_names or msgspec.convert(xarray, tuple[str | None, ...] | None)
        return [str(name) for name in names or ()]


def read_metadata(path: Path, folder: Path) -> ZarrMetadata:
    """Read the metadata of a folder of the Zarr image at ``path``, with its attributes.

    Raises
    ------
    UserError
        NU-I11 where there are none.
    ValueError, msgspec.ValidationError
        Where they are not as Zarr has them.
    """
    name = next((name for name in METADATA_FILES if (folder / name).is_file()), None)
    if name is None:
        raise damaged(path, f"no metadata in {folder.name}")
    metadata = msgspec.convert(_read_json(path, folder / name), dict[str, Any])
    attributes = folder / ".zattrs"
    if name != "zarr.json" and attributes.is_file():
        metadata["attributes"] = _read_json(path, attributes)
    # By the name, not by what the file claims: zarr must open the very metadata that were checked.
    metadata["zarr_format"] = 3 if name == "zarr.json" else 2
    return msgspec.convert(metadata, ZarrMetadata)


def refuse_foreign_code(path: Path, metadata: ZarrMetadata) -> None:
    """Refuse objects, and codecs that run foreign code, before zarr builds them.

    Raises
    ------
    UserError
        NU-I03 for a type of pixels that is no number, NU-I13 for a codec that is not on the list of safe ones.
    """
    stored = metadata.dtype if metadata.data_type is None else metadata.data_type
    if not isinstance(stored, str) or not _TYPE.fullmatch(stored):
        what, fix = f"pixels of type {stored} cannot be used", "convert the image to uint8, uint16 or float32"
        raise UserError("NU-I03", what, str(path), fix)
    codecs = [*(metadata.filters or ()), *(metadata.codecs or ()), metadata.compressor]
    for codec in _codec_names(codecs):
        if codec.removeprefix("numcodecs.") not in _CODECS:
            raise unknown_codec(path, codec)


def _read_json(image: Path, path: Path) -> Any:
    refuse_outside(image, path)
    if path.stat().st_size > _MOST_JSON:
        raise ValueError(f"{path.name} of {path.stat().st_size} bytes")
    # The module json, not msgspec: fill values may be NaN, which JSON itself does not know.
    return json.loads(path.read_text("utf-8"))


def _codec_names(codecs: Sequence[str | Codec | None]) -> Iterator[str]:
    """Yield every name by which zarr could look a codec up, those inside of shards too."""
    for codec in codecs:
        if isinstance(codec, str):
            yield codec
        elif codec is not None:
            names = [name for name in (codec.name, codec.id) if name is not None]
            yield from names or ["no name"]
            if codec.configuration is not None:
                yield from _codec_names([*codec.configuration.codecs, *codec.configuration.index_codecs])
