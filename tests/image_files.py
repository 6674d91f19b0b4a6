"""Image files that tests of several rooms write."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from napari_unet.images.image import Image


def write_zarr(folder: Path, pixels: np.ndarray, zarr_format: int, **options: Any) -> None:
    array = zarr.create_array(
        folder,
        shape=pixels.shape,
        dtype=pixels.dtype,
        chunks=(*(1,) * (pixels.ndim - 2), 8, 8),
        zarr_format=zarr_format,
        **options,
    )
    array[...] = pixels


def write_ngff(
    folder: Path,
    pixels: np.ndarray,
    version: str,
    level: str = "0",
    scale: list[float] | None = None,
    further: list[Any] | None = None,
) -> None:
    """Write an OME-Zarr of one level, with its scale and that of the whole image."""
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scales = [{"type": "scale", "scale": scale or [1, 1, 3, 0.25, 0.5]}]
    datasets = [{"path": level, "coordinateTransformations": scales}]
    further = [{"type": "scale", "scale": [2.0] * 5}] if further is None else further
    multiscales = [{"axes": axes, "datasets": datasets, "coordinateTransformations": further}]
    write_zarr(folder / "0", pixels, 2 if version == "0.4" else 3)
    if version == "0.4":
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps({"multiscales": multiscales}))
    else:
        ome = {"attributes": {"ome": {"version": version, "multiscales": multiscales}}}
        (folder / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group", **ome}))


def write_pyramid(path: Path, levels: list[np.ndarray]) -> None:
    """Write all levels as OME-Zarr, or as a TIFF with SubIFDs."""
    if path.suffix == ".tif":
        with tifffile.TiffWriter(path) as file:
            file.write(levels[0], tile=(32, 32), subifds=len(levels) - 1)
            for level in levels[1:]:
                file.write(level, tile=(32, 32), subfiletype=1)
        return
    datasets = []
    for number, level in enumerate(levels):
        zarr.save_array(path / str(number), level)
        scale = [1.0 * 2**number] * 2
        datasets.append({"path": str(number), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    axes = [{"name": name, "type": "space"} for name in "yx"]
    group = zarr.open_group(path, mode="a")
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}


def all_planes(image: Image) -> np.ndarray:
    return np.stack([image.read(plane) for plane in range(image.planes)])
