"""Microscope image files, opened as lazily read images; every failure is one coded line."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.readers.axis_letters import letters_of
from napari_unet.images.readers.content import Content
from napari_unet.images.readers.damage import MAX_DECODED_BYTES, changed, damage_told
from napari_unet.images.readers.file_pixels import FilePixels, file_state
from napari_unet.images.readers.formats import SUFFIXES, format_of
from napari_unet.images.readers.npy import open_npy
from napari_unet.images.readers.pictures import open_jpeg, open_png
from napari_unet.images.readers.zarr_metadata import METADATA_FILES as ZARR_METADATA
from napari_unet.images.trial import tried

__all__ = [
    "MAX_DECODED_BYTES",
    "SUFFIXES",
    "ZARR_METADATA",
    "changed",
    "file_state",
    "open_image",
    "refuse_unencodable",
]

_MOST_AXES = 20  # each has a letter of its own


# Zarr, which reads tiles of TIFF files too, takes a third of a second to import: only when such a file comes.
def _open_tiff(path: Path, expand_palette: bool) -> Content:
    from napari_unet.images.readers.tiff import open_tiff

    return open_tiff(path, expand_palette)


def _open_zarr(path: Path, expand_palette: bool) -> Content:
    from napari_unet.images.readers.zarr_folder import open_zarr

    return open_zarr(path, expand_palette)


OPENERS: dict[str, Callable[[Path, bool], Content]] = {
    "tiff": _open_tiff,
    "png": open_png,
    "jpeg": open_jpeg,
    "npy": open_npy,
    "zarr": _open_zarr,
}


def open_image(
    path: str | Path, axes: str | None = None, *, expand_palette: bool = True, keep_named: bool = False
) -> Image:
    """Open an image file; its pixels are read when asked for where the format allows it.

    It is tried first where this process has chosen a trial (``images.trial``).

    Parameters
    ----------
    path : TIFF, PNG, JPEG or NPY file, or a Zarr folder
    axes : one letter per axis, with or without the axes of length 1; overrides what the file says
    expand_palette : colours of a palette PNG, rather than its indices
    keep_named : axes of length 1 stay where ``axes`` names them all, for what was added to a project with them

    Raises
    ------
    UserError
        NU-I01 to NU-I03 where the pixels do not make an image, NU-I10 to NU-I14 where the file cannot be read.
    """
    path = Path(path)
    refuse_unencodable(path)
    tried(path, axes)
    opener = OPENERS[format_of(path)]
    with damage_told(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = opener(path, expand_palette)
    return _image(path, content, axes, keep_named)


def refuse_unencodable(path: Path) -> None:
    """Refuse a path that is no text, such as one in Latin-1 on Linux: results, projects and messages could not name it.

    Raises
    ------
    UserError
        NU-I10
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        what = "the name of the file, or of a folder above it, is not in UTF-8"
        raise UserError("NU-I10", what, str(path), "rename it, or rename many with convmv") from error


def _image(path: Path, content: Content, axes: str | None, keep_named: bool) -> Image:
    shape = tuple(int(size) for size in content.pixels.shape)
    named_all = axes is not None and len(axes) == len(shape)
    names = axes if axes is not None and named_all else content.axes
    keeps_all = named_all and keep_named
    if len(shape) > _MOST_AXES:
        what = f"an image of {len(shape)} axes"
        raise UserError("NU-I01", what, str(path), "use an image with y and x axes, each named once")
    kept = tuple(n for n, size in enumerate(shape) if size != 1 or keeps_all or names[n].lower() in ("y", "x"))
    if axes is None:
        letters = letters_of([names[axis] for axis in kept])
    else:
        letters = "".join(axes[axis] for axis in kept).lower() if named_all else axes.lower()
    alpha = _has_alpha(content, kept, letters)
    levels = (_squeezed(pixels, kept) for pixels in (content.pixels, *content.coarser))
    try:
        pixels, *coarser = levels
        image = Image(path.stem, pixels, letters, content.pixel_size, alpha, tuple(coarser))
        names = _names_of_channels(content, kept, letters)
        named = content.names_axes or axes is not None
        return replace(image, channel_names=names, file_name=path.name, notices=content.notices, names_axes=named)
    except UserError as error:
        # The image knows its name only; the user looks for a file.
        raise UserError(error.code, error.what, str(path), error.fix) from error


def _squeezed(pixels: Any, kept: tuple[int, ...]) -> Any:
    if isinstance(pixels, FilePixels):
        return pixels.with_axes(kept)
    return pixels.reshape([pixels.shape[axis] for axis in kept])


def _has_alpha(content: Content, kept: tuple[int, ...], letters: str) -> bool:
    """Tell whether the axis called c is the one whose last sample the file calls alpha."""
    if not content.alpha or "c" not in letters or len(letters) != len(kept):
        return False
    return content.axes[kept[letters.index("c")]].lower() in ("c", "s")


def _names_of_channels(content: Content, kept: tuple[int, ...], letters: str) -> tuple[str, ...]:
    """Return the names in the file of the channels of axis c; () where that is another axis or a name is missing."""
    if "c" not in letters:
        return ()
    axis, names = kept[letters.index("c")], tuple(name.strip() for name in content.channel_names)
    is_theirs = content.axes[axis].lower() == "c" and len(names) == content.pixels.shape[axis]
    return names if is_theirs and all(names) else ()
