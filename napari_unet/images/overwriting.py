"""Refusal of results that would take the place of the image they were made from."""

from pathlib import Path

from napari_unet.errors import UserError

_DOUBLE_ENDINGS = (".ome.tif", ".ome.tiff", ".ome.zarr")


def image_stem(path: Path) -> str:
    """Return a file name without its ending; endings like ``.ome.tif`` count as one."""
    for ending in _DOUBLE_ENDINGS:
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)]
    return path.stem


def refuse_overwriting(source: Path, folder: Path, stem: str) -> None:
    """Refuse an export that would put a mask in the place of the user's image.

    Raises
    ------
    UserError
        NU-E06 with the image.
    """
    if source.parent.resolve() == folder.resolve() and stem == image_stem(source):
        raise UserError(
            "NU-E06", "the mask would take the name of the image itself", str(source), "choose another folder"
        )
