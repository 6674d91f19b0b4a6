"""Names of the files that each format writes, known before anything is predicted."""

from collections.abc import Iterable
from pathlib import Path

from napari_unet.export.mask_png import plane_paths

PROBABILITIES = "probabilities"  # no format, but named among those of a record beside results

# What stands behind the beginning of the names. PNG has a file for each plane.
_ENDINGS = {
    "tiff": (".tif",),
    "csv": (".csv", "-summary.csv"),
    "objects": ("-objects.tif",),
    "ome-tiff": (".ome.tif",),
    "ome-zarr": (".ome.zarr",),
    "imagej-roi": ("-rois.zip",),
    "geojson": (".geojson",),
    "coco": (".coco.json",),
    "npy": (".npy", "-objects.npy"),
    "montage": ("-montage.png",),
    PROBABILITIES: ("-probabilities.npy",),
}


def result_names(stem: str, results: Iterable[str], planes: int) -> list[str]:
    """Return the names of the files and folders that an image has in these formats.

    Parameters
    ----------
    stem : beginning of the names, as ``file_stem`` gives it
    results : names of formats, and ``PROBABILITIES``; others add nothing
    planes : of the image
    """
    names = []
    for result in results:
        names += [f"{stem}{ending}" for ending in _ENDINGS.get(result, ())]
        names += [path.name for path in plane_paths(Path(stem), planes)] if result == "png" else []
    return names
