"""Masks as PNG files with indexed colours: programs see the classes' values, people their colours."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngImageFile

from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.export.verified import array_difference, write_verified


def write_png(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write ``base`` + ".png", or one file for each plane of a stack (``base`` + "_p003.png", from 0)."""
    palette = _palette(segmentation)
    return [
        _write_plane(path, plane, palette)
        for path, plane in zip(plane_paths(base, len(segmentation.mask)), segmentation.mask, strict=True)
    ]


def plane_paths(base: Path, planes: int) -> list[Path]:
    """Return the file of each plane; the numbers have the same width, so that names sort like planes."""
    if planes == 1:
        return [base.with_name(f"{base.name}.png")]
    digits = max(3, len(str(planes - 1)))
    return [base.with_name(f"{base.name}_p{plane:0{digits}}.png") for plane in range(planes)]


def _palette(segmentation: Segmentation) -> UInt8[np.ndarray, "256 3"]:
    # All 256 entries: with 16 or fewer Pillow packs several pixels into a byte, which ImageJ opens as RGB.
    palette = np.zeros((256, 3), dtype=np.uint8)
    styles: list[ClassStyle] = list(segmentation.classes)
    palette[: len(styles)] = [style.colour for style in styles]
    return palette


def _write_plane(path: Path, plane: UInt8[np.ndarray, "y x"], palette: UInt8[np.ndarray, "256 3"]) -> Path:
    def write(temporary: Path) -> None:
        image = PillowImage.fromarray(plane)
        image.putpalette(palette.tobytes())
        image.save(temporary, format="PNG")

    def difference(temporary: Path) -> str:
        return _plane_difference(temporary, plane, palette)

    return write_verified(path, write, difference)


def _plane_difference(path: Path, plane: UInt8[np.ndarray, "y x"], palette: UInt8[np.ndarray, "256 3"]) -> str:
    # Not PillowImage.open: it refuses images over 179 megapixels as bombs, and this file is our own.
    with PngImageFile(path) as image:
        if image.mode != "P":
            return f"colour mode {image.mode} instead of indexed colours"
        if image.getpalette("RGB") != palette.ravel().tolist():
            return "other class colours"
        return array_difference(np.asarray(image), plane)
