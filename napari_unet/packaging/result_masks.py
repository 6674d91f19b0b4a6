"""Masks in a folder of results, each once however many formats an export wrote of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from napari_unet.export.earlier_results import FILES, known_files, read_record
from napari_unet.export.provenance import content_hash

_FORMATS = (".tif", ".ome.tif", ".npy", ".png", ".ome.zarr")  # of whole masks; the first that is there is taken


def each_mask_once(folder: Path, found: Sequence[Path], ending: str = "") -> list[Path]:
    """Leave out what an export wrote of an image besides the first format of its mask.

    The records beside results tell what that is. A mask that was changed since then, or is of an earlier export,
    stays: nobody knows whether it is equal.

    Parameters
    ----------
    found : images in the folder
    ending : of the names of masks, before that of the format
    """
    names = {path.name: path for path in found}
    others = {name for record in folder.glob("*.json") for name in _besides_the_mask(record, names, ending)}
    return [path for name, path in names.items() if name not in others]


def _besides_the_mask(record: Path, names: dict[str, Path], ending: str) -> Iterator[str]:
    masks = [f"{record.stem}{ending}{suffix}" for suffix in _FORMATS]
    written = known_files(record).keys() & names.keys()
    there = [name for name in masks if name in written]
    if there:
        yield from written.difference(masks)
    if len(there) > 1:
        hashes = read_record(record).get(FILES)
        known = hashes if isinstance(hashes, dict) else {}
        yield from [name for name in there if known.get(name) == content_hash(names[name])][1:]
