"""Object numbers as TIFF files: label images."""

from pathlib import Path

import numpy as np

from napari_unet.export.mask_tiff import write_imagej_tiff
from napari_unet.export.ome_tiff import write_ome
from napari_unet.export.segmentation import Segmentation

_LARGEST = np.iinfo(np.uint16).max  # ImageJ has no wider whole numbers


def write_object_tiff(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write ``base`` + "-objects.tif": uint16 for ImageJ, or uint32 as OME-TIFF where there are more than 65,535."""
    path = base.with_name(f"{base.name}-objects.tif")
    objects, image = segmentation.objects, segmentation.image
    if objects.count > _LARGEST:
        return [write_ome(path, objects.numbers.astype(np.uint32), image)]
    metadata = {"min": 0, "max": max(1, objects.count)}
    return [write_imagej_tiff(path, objects.numbers.astype(np.uint16), image, metadata)]
