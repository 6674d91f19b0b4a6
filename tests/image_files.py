"""Image files that tests of several rooms write."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.reading import open_image


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


RANDOM = np.random.default_rng(7)
GREY = RANDOM.integers(0, 60000, (37, 29)).astype(np.uint16)
RGB = RANDOM.integers(0, 256, (37, 29, 3), dtype=np.uint8)
RGBA = RANDOM.integers(0, 256, (37, 29, 4), dtype=np.uint8)
STACK = RANDOM.integers(0, 60000, (2, 3, 2, 17, 13)).astype(np.uint16)


def refused(path: Path, axes: str | None = None) -> str:
    """Code of the one error of opening and reading; the file must stay as it is."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(UserError) as caught:
        all_planes(open_image(path, axes))
    assert "\n" not in str(caught.value)
    assert path.name in caught.value.where
    if before is not None:
        assert path.read_bytes() == before
    return caught.value.code
