"""Objects as COCO annotations, each as run lengths, which keep every pixel."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Int32, Int64
from scipy import ndimage

from napari_unet.export.segmentation import Segmentation, named_values
from napari_unet.export.verified import array_difference, write_verified


def write_coco(segmentation: Segmentation, base: Path) -> list[Path]:
    """Write ``base`` + ".coco.json": one image for each plane (id: plane + 1), one annotation for each object in it."""
    content = _content(segmentation)

    def write(temporary: Path) -> None:
        write_content(temporary, content)

    def difference(temporary: Path) -> str:
        return _content_difference(msgspec.json.decode(temporary.read_bytes()), content, segmentation)

    return [write_verified(base.with_name(f"{base.name}.coco.json"), write, difference)]


def _content(segmentation: Segmentation) -> dict[str, Any]:
    image, objects = segmentation.image, segmentation.objects
    annotations: list[dict[str, Any]] = []
    for plane, numbers in enumerate(objects.numbers):
        for annotation in _annotations(numbers):
            of_object = {"image_id": plane + 1, "category_id": int(objects.values[annotation["object"]])}
            annotations.append({"id": len(annotations) + 1, **of_object, **annotation, "iscrowd": 0})
    place = {"file_name": image.file_name or image.name, "height": image.height, "width": image.width}
    return {
        "images": [{"id": plane + 1, **place, "plane": plane} for plane in range(image.planes)],
        "categories": [{"id": value, "name": s.name} for value, s in named_values(segmentation.classes) if value > 0],
        "annotations": annotations,
    }


def _annotations(numbers: Int32[np.ndarray, "y x"]) -> list[dict[str, Any]]:
    owners, starts, ends = _runs(numbers)
    found = []
    boxes = ndimage.find_objects(numbers)
    of_object = np.flatnonzero(np.diff(owners, prepend=0))
    for first, last in pairwise([*of_object.tolist(), len(owners)]):
        number, begin, end = int(owners[first]), starts[first:last], ends[first:last]
        rows, columns = boxes[number - 1]
        gaps_and_runs = np.diff(np.stack([begin, end], axis=1).ravel(), prepend=0, append=numbers.size)
        segmentation = {"size": list(numbers.shape), "counts": gaps_and_runs.tolist()}
        box = [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start]
        area = int((end - begin).sum())
        found.append({"object": number, "segmentation": segmentation, "area": area, "bbox": box})
    return found


def _runs(numbers: Int32[np.ndarray, "y x"]) -> tuple[Int64[np.ndarray, " runs"], ...]:
    """Return object, start and end of every run of equal numbers down the columns, sorted by object."""
    flat = numbers.ravel(order="F")
    starts = np.flatnonzero(np.diff(flat, prepend=-1))
    ends = np.append(starts[1:], flat.size)
    owners = flat[starts].astype(np.int64)
    order = np.argsort(owners, kind="stable")
    order = order[owners[order] > 0]
    return owners[order], starts[order], ends[order]


def write_content(path: Path, content: dict[str, Any]) -> None:
    """Write the content of a COCO file as JSON."""
    path.write_bytes(msgspec.json.encode(content))


def _content_difference(found: dict[str, Any], content: dict[str, Any], segmentation: Segmentation) -> str:
    if _without_pixels(found) != _without_pixels(content):
        return "other images, categories or objects"
    numbers = segmentation.objects.numbers
    of_plane: list[list[dict[str, Any]]] = [[] for _ in numbers]
    for annotation in found["annotations"]:
        of_plane[annotation["image_id"] - 1].append(annotation)
    for plane, (annotations, wanted) in enumerate(zip(of_plane, numbers, strict=True)):
        wrong = array_difference(_filled(annotations, wanted.shape), wanted.astype(np.int64))
        if wrong:
            return f"plane {plane}: {wrong}"
    return ""


def _without_pixels(content: dict[str, Any]) -> dict[str, Any]:
    annotations = [{**annotation, "segmentation": None} for annotation in content["annotations"]]
    return {**content, "annotations": annotations}


def _filled(annotations: list[dict[str, Any]], shape: tuple[int, ...]) -> Int64[np.ndarray, "y x"]:
    change = np.zeros(shape[0] * shape[1] + 1, np.int64)
    for annotation in annotations:
        places = np.cumsum(annotation["segmentation"]["counts"])
        if annotation["segmentation"]["size"] != list(shape) or places[-1] != shape[0] * shape[1]:
            raise ValueError("run lengths of another size")
        change[places[:-1:2]] += annotation["object"]
        change[places[1::2]] -= annotation["object"]
    return change.cumsum()[:-1].reshape(shape, order="F")
