"""The labels inside an OME-Zarr image: in the place of a mask they are meant, and not the pixels of the image."""

import os
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.images.folder import is_zarr
from napari_unet.images.readers.damage import damage_told
from napari_unet.images.readers.zarr_metadata import read_metadata

CREATOR = "napari-unet-live"  # stands in the attributes of an OME-Zarr folder that an export wrote
UNLABELLED = "unlabelled"  # the name of 0 in labels that were saved from a layer
_LABELS, _CLASSES, _OBJECTS = "labels", "classes", "objects"
_NAMED = 3  # of the labels that could be given


def mask_path(path: Path, *, objects: bool, zero_is_unlabelled: bool = False) -> Path:
    """Return the path of the mask that a file or a folder stands for: of an export's OME-Zarr the labels inside.

    Parameters
    ----------
    objects : whether numbers of objects are wanted, and not classes
    zero_is_unlabelled : whether 0 should stand for what nobody labelled, as in labels that were painted

    Raises
    ------
    UserError
        NU-I36 where an OME-Zarr image holds other labels than those that are wanted, NU-I10 and NU-I11 where it
        cannot be read.
    """
    if not is_zarr(path):
        return path
    with damage_told(path):
        creator = read_metadata(path, path).attributes.get("creator")
        names = _labels_of(path)
    if creator == CREATOR and _CLASSES in names:
        return _mask_of_export(path, names, objects, zero_is_unlabelled)
    if names:
        told = " or ".join(f"{_LABELS}/{name}" for name in names[:_NAMED])
        raise _error(path, "this is an image which holds its labels beside its pixels", f"give {told} in the folder")
    return path


def _mask_of_export(path: Path, names: list[str], objects: bool, zero_is_unlabelled: bool) -> Path:
    if objects and _OBJECTS not in names:
        fix = "export the objects too, or say that these are a mask"
        raise _error(path, "this result holds no numbers of objects", fix)
    found = path / _LABELS / (_OBJECTS if objects else _CLASSES)
    if zero_is_unlabelled and not _has_unlabelled(path, found):
        fix = "say that they are a mask or objects, or give labels with 0 for unlabelled"
        raise _error(path, "this result holds class - 1, where 0 is background and not unlabelled", fix)
    return found


def _labels_of(path: Path) -> list[str]:
    folder = path / _LABELS
    return sorted(inside.name for inside in folder.iterdir() if is_zarr(inside)) if os.path.isdir(folder) else []


def _has_unlabelled(path: Path, labels: Path) -> bool:
    """Tell whether 0 is called unlabelled, as it is where somebody saved a layer rather than a prediction."""
    with damage_told(path):
        attributes = read_metadata(path, labels).attributes
    match attributes:
        case {"ome": {"image-label": {"properties": [{"label-value": 0, "class": name}, *_]}}}:
            return bool(name == UNLABELLED)
    return False


def _error(path: Path, what: str, fix: str) -> UserError:
    return UserError("NU-I36", what, str(path), fix)
