"""Image files as layers that read what is on screen: OME-Zarr dropped on napari, and any of our formats by command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.utils.notifications import show_error, show_warning
from qtpy.QtWidgets import QFileDialog

from napari_unet.errors import UserError
from napari_unet.gui.layers.calibration import scale_and_units
from napari_unet.gui.layers.layer_file import FILE
from napari_unet.gui.layers.layer_pixels import LayerPixels
from napari_unet.gui.plain_text import untagged
from napari_unet.images.image import Image
from napari_unet.images.reading import SUFFIXES, ZARR_METADATA, open_image

LayerData = tuple[Any, ...]
SEEN_WHOLE = 10**7  # px of a plane, above which napari takes the contrast of 62 x 62 px in the middle for that of all
_NO_LAYERS: list[LayerData] = [(None,)]  # napari's sign for: read, and nothing to add


def image_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Return the reader of an OME-Zarr folder, or None for other folders, which napari asks about as well."""
    paths = [path] if isinstance(path, str) else path
    return _read if all(_is_zarr(Path(each)) for each in paths) else None


def open_files() -> None:
    """Ask for image files and show them; napari's own File > Open reads TIFF as a whole.

    To read TIFF by a reader of ours would make napari ask about every TIFF which reader to take: it asks whenever
    several name an ending, before any of them may say no.
    """
    viewer = napari.current_viewer()
    endings = " ".join(f"*{suffix}" for suffix in SUFFIXES)
    names, _ = QFileDialog.getOpenFileNames(None, "Image files", "", f"Images ({endings});;All files (*)")
    for name in names:
        try:
            viewer.add_image(**layer_of(Path(name)))
        except UserError as error:
            show_error(untagged(str(error)))


def layer_of(path: Path) -> dict[str, Any]:
    """Return the arguments of ``viewer.add_image`` for a file: all channels and planes in one layer, a pyramid as such.

    Raises
    ------
    UserError
        NU-I01 to NU-I03 and NU-I10 to NU-I14 when it cannot be read.
    """
    image = open_image(path)
    for line in image.notices:
        show_warning(untagged(line))
    axes, rgb = _shown_axes(image)
    labels = axes.removesuffix("c") if rgb else axes
    scale, units = scale_and_units(labels, image.pixel_size)
    levels = [_in_order(pixels, image.axes, axes) for pixels in (image.pixels, *image.coarser)]
    return {
        "data": levels if image.coarser else levels[0],
        "multiscale": bool(image.coarser),
        "name": image.name,
        "rgb": rgb,
        "scale": scale,
        "units": units,
        "axis_labels": tuple(labels),
        "contrast_limits": _contrast(image),
        "metadata": {FILE: str(path), "channel_names": image.channel_names},
    }


def _read(path: str | list[str]) -> list[LayerData]:
    """Return an image as a layer; in a window, what is wrong with it is told in one line.

    Raises
    ------
    UserError
        As ``layer_of``, and NU-I60 for several images at once, which napari wants to have as one stack.
    """
    try:
        if not isinstance(path, str):
            what = f"{len(path)} images cannot be opened as one stack"
            raise UserError("NU-I60", what, path[0], "drop them without the Shift key: each becomes a layer")
        content = layer_of(Path(path))
    except UserError as error:
        if napari.current_viewer() is None:
            raise
        show_error(untagged(str(error)))
        return _NO_LAYERS
    return [(content.pop("data"), content, "image")]


def _is_zarr(path: Path) -> bool:
    return path.suffix == ".zarr" or any((path / name).is_file() for name in ZARR_METADATA)


def _shown_axes(image: Image) -> tuple[str, bool]:
    """Return the axes with rows and columns last, as napari shows them, and whether colours come after these."""
    rgb = image.axes.endswith("c") and image.pixels.shape[-1] in (3, 4)
    before = "".join(axis for axis in image.axes if axis not in ("yxc" if rgb else "yx"))
    return before + ("yxc" if rgb else "yx"), rgb


def _contrast(image: Image) -> tuple[float, float] | None:
    """Return darkest and brightest value of some rows; None where napari finds out: pyramids, bytes, small images."""
    if image.coarser or image.pixels.dtype == np.uint8 or image.height * image.width <= SEEN_WHOLE:
        return None
    values = np.concatenate([rows[np.isfinite(rows)] for rows in image.some_rows()])
    low, high = (float(edge) for edge in (values.min(initial=np.inf), values.max(initial=-np.inf)))
    return (low, high) if low < high else None


def _in_order(pixels: Any, axes: str, wanted: str) -> Any:
    return pixels if axes == wanted else LayerPixels(pixels, tuple(axes.index(axis) for axis in wanted))
