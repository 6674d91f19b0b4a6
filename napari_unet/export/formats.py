"""The file formats a result can be exported to, by name."""

from collections.abc import Callable, Sequence
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.export.coco import write_coco
from napari_unet.export.file_stem import file_stem
from napari_unet.export.geojson import write_geojson
from napari_unet.export.imagej_roi import write_imagej_roi
from napari_unet.export.mask_npy import write_npy
from napari_unet.export.mask_png import write_png
from napari_unet.export.mask_tiff import write_tiff
from napari_unet.export.montage import write_montage
from napari_unet.export.object_table import write_csv
from napari_unet.export.object_tiff import write_object_tiff
from napari_unet.export.ome_tiff import write_ome_tiff
from napari_unet.export.segmentation import Segmentation

# Writes a segmentation to files whose names begin with the given path, and returns them once each was read back.
Writer = Callable[[Segmentation, Path], list[Path]]


def _write_ome_zarr(segmentation: Segmentation, base: Path) -> list[Path]:
    from napari_unet.export.ome_zarr import write_ome_zarr  # zarr takes a third of a second of every start

    return write_ome_zarr(segmentation, base)


FORMATS: dict[str, Writer] = {
    "tiff": write_tiff,
    "png": write_png,
    "csv": write_csv,
    "objects": write_object_tiff,
    "ome-tiff": write_ome_tiff,
    "ome-zarr": _write_ome_zarr,
    "imagej-roi": write_imagej_roi,
    "geojson": write_geojson,
    "coco": write_coco,
    "npy": write_npy,
    "montage": write_montage,
}
MODEL_FORMAT = "bioimageio"  # holds the network, not a result; see ``packaging.model_package``


def export(segmentation: Segmentation, folder: Path, formats: Sequence[str], stem: str | None = None) -> list[Path]:
    """Write a segmentation in every format named; return the files, each read back and compared before it is in place.

    Parameters
    ----------
    segmentation : mask, image, classes and objects
    folder : made where it is missing; files of the same name in it are replaced
    formats : keys of FORMATS
    stem : beginning of the file names; the image's name where None; made safe by ``file_stem``

    Raises
    ------
    UserError
        NU-E01 cannot be written, NU-E02 no such format, NU-E03 file and result differ, NU-E07 too large for a format,
        NU-E08 a foreign folder has the name.
    """
    writers = [format_named(name) for name in dict.fromkeys(formats)]
    base = folder / file_stem(segmentation.image.name if stem is None else stem)
    return [path for write in writers for path in write(segmentation, base)]


def format_named(name: str) -> Writer:
    """Find the writer of a format.

    Raises
    ------
    UserError
        NU-E02 for a format that is unknown, or holds no result.
    """
    if name in FORMATS:
        return FORMATS[name]
    what = f"'{name}' holds a network, no result" if name == MODEL_FORMAT else f"'{name}' is not a format"
    raise UserError("NU-E02", what, "export", f"choose one of {', '.join(FORMATS)}")
