"""Objects as GeoJSON for QuPath: one feature each, outlined along pixel edges."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from napari_unet.export.outlines import Outline, outline_difference, outline_objects
from napari_unet.export.plane_axes import plane_positions
from napari_unet.export.segmentation import ClassStyle, Segmentation
from napari_unet.export.verified import write_verified

Feature = dict[str, Any]


def write_geojson(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write ``base`` + ".geojson": a collection of detections with class, colour and plane, in pixels of the image."""
    outlines = outline_objects(segmentation.objects.numbers)
    named, positions = segmentation.named_objects, plane_positions(segmentation.image)
    features = [_feature(o, named[o.number - 1][1], positions[o.plane]) for o in outlines]

    def write(temporary: Path) -> None:
        write_features(temporary, features)

    def difference(temporary: Path) -> str:
        found = msgspec.json.decode(temporary.read_bytes())["features"]
        if [_described(feature) for feature in found] != [_described(feature) for feature in features]:
            return "other objects, classes or planes"
        read = (Outline(o.plane, o.number, _polygons(f)) for o, f in zip(outlines, found, strict=True))
        return outline_difference(read, segmentation.objects.numbers)

    return [write_verified(base.with_name(f"{base.name}.geojson"), write, difference)]


def _feature(outline: Outline, style: ClassStyle, position: dict[str, int]) -> Feature:
    polygons = [[[*ring.tolist(), ring[0].tolist()] for ring in polygon] for polygon in outline.polygons]
    single = len(polygons) == 1
    geometry: dict[str, Any] = {"type": "Polygon" if single else "MultiPolygon"}
    geometry["coordinates"] = polygons[0] if single else polygons
    if position:
        # QuPath's own member: without it everything would lie in the first plane.
        geometry["plane"] = {"c": position.get("C", -1), "z": position.get("Z", 0), "t": position.get("T", 0)}
    classification = {"name": style.name, "color": list(style.colour)}
    properties = {"objectType": "detection", "name": str(outline.number), "classification": classification}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def write_features(path: Path, features: list[Feature]) -> None:
    """Write features as one GeoJSON collection."""
    path.write_bytes(msgspec.json.encode({"type": "FeatureCollection", "features": features}))


def _described(feature: Feature) -> tuple[Feature, Any]:
    return feature["properties"], feature["geometry"].get("plane")


def _polygons(feature: Feature) -> list[list[Any]]:
    geometry = feature["geometry"]
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return [[np.array(ring[:-1], np.int64) for ring in polygon] for polygon in polygons]
