"""Objects as a zip of ImageJ ROIs, for the ROI Manager of ImageJ and Fiji."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from roifile import ROI_TYPE, ImagejRoi, roiread, roiwrite

from napari_unet.errors import UserError
from napari_unet.export.file_stem import file_stem
from napari_unet.export.outlines import Outline, Polygon, Ring, outline_difference, outline_objects
from napari_unet.export.plane_axes import plane_positions
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.export.verified import write_verified

_LARGEST_SIDE = 32767  # px; ROIs keep their place in 16 bits, and programs differ on what is beyond 15
_LONGEST_NAME = 80  # characters of the class's name
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0  # of a path


def write_imagej_roi(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write ``base`` + "-rois.zip": one ROI for each object and plane, in the colour of its class.

    Raises
    ------
    UserError
        NU-E07 when the image is larger than ROIs can tell.
    """
    image = segmentation.image
    if max(image.height, image.width) > _LARGEST_SIDE:
        what = f"ImageJ ROIs reach to {_LARGEST_SIDE} px, the image has {image.height} x {image.width}"
        raise UserError("NU-E07", what, image.name, "export geojson or coco, or a crop of the image")
    outlines = outline_objects(segmentation.objects.numbers)
    named, positions = segmentation.named_objects, plane_positions(image)
    rois = [_roi(o, *named[o.number - 1], positions[o.plane]) for o in outlines]

    def write(temporary: Path) -> None:
        roiwrite(temporary, rois, mode="w")

    def difference(temporary: Path) -> str:
        found = roiread(temporary)
        found = found if isinstance(found, list) else [found]
        if [_described(roi) for roi in found] != [_described(roi) for roi in rois]:
            return "other objects, classes or planes"
        read = (Outline(o.plane, o.number, [_rings(roi)]) for o, roi in zip(outlines, found, strict=True))
        return outline_difference(read, segmentation.objects.numbers)

    return [write_verified(base.with_name(f"{base.name}-rois.zip"), write, difference)]


def _roi(outline: Outline, value: int, style: ClassStyle, position: dict[str, int]) -> ImagejRoi:
    corners = np.concatenate([polygon[0] for polygon in outline.polygons])
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return ImagejRoi(
        name=_name(outline, style, position),
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        stroke_color=bytes([255, *style.colour]),
        group=value,
        **_place(position),
        **_shape(outline.polygons, left, top),
    )


def _name(outline: Outline, style: ClassStyle, position: dict[str, int]) -> str:
    # Unique in the zip, where it is a file name too. roifile cannot write characters beyond the first 65,536.
    kept = "".join(c if ord(c) < 0x10000 else "\N{REPLACEMENT CHARACTER}" for c in file_stem(style.name))
    return f"{kept[:_LONGEST_NAME]} {outline.number:05d}{f' p{outline.plane:03d}' if position else ''}"


def _place(position: dict[str, int]) -> dict[str, Any]:
    """Return where ImageJ shows the ROI, from 1 on: one number in a simple stack, channel, slice and time in others."""
    if len(position) == 1:
        return {"position": next(iter(position.values())) + 1}
    return {f"{letter.lower()}_position": index + 1 for letter, index in position.items()}


def _shape(polygons: list[Polygon], left: int, top: int) -> dict[str, Any]:
    if len(polygons) == 1 and len(polygons[0]) == 1:
        corners = polygons[0][0] - [left, top]
        return {"roitype": ROI_TYPE.TRACED, "integer_coordinates": corners, "n_coordinates": len(corners)}
    path = np.concatenate([_path(ring) for polygon in polygons for ring in polygon])
    return {"roitype": ROI_TYPE.RECT, "multi_coordinates": path, "shape_roi_size": len(path)}


def _path(ring: Ring) -> Float32[np.ndarray, " steps"]:
    steps = np.column_stack([np.full(len(ring), _LINE), ring])
    steps[0, 0] = _MOVE
    return np.append(steps.ravel(), _CLOSE).astype(np.float32)


def _described(roi: ImagejRoi) -> tuple[Any, ...]:
    return roi.name, roi.group, bytes(roi.stroke_color), roi.position, roi.c_position, roi.z_position, roi.t_position


def _rings(roi: ImagejRoi) -> Polygon:
    rings = roi.coordinates(multi=True)
    # The path of a composite repeats its first point at the end.
    return [np.asarray(ring[:-1] if roi.composite else ring, np.int64) for ring in rings]
