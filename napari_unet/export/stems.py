"""Beginnings of the file names of several images' results, so that none takes another's place."""

import re
from collections import Counter
from collections.abc import Collection, Container, Iterator, Sequence
from itertools import count
from pathlib import Path

from napari_unet.export.file_stem import file_stem
from napari_unet.export.results_pack import CONTENTS
from napari_unet.images.overwriting import image_stem, same_name
from napari_unet.project.project import Project

# What the writers of results put between an image's stem and the ending of a file.
_ADDED = re.compile(r"(-objects|-rois|-summary|-montage|-probabilities|\.ome|\.coco|_p\d+)$")


def distinct_stems(images: Sequence[tuple[str, Path]], taken: Container[str] = ()) -> list[str]:
    """Return the beginning of a file name for each image: its name, and where two have the same, more of its path.

    Tried in this order, for all that still have the same: name, name-ending, folder-name, folder-name-ending, and at
    last number-name, the number being the place in the list. Names that differ in case only count as the same: they
    are one file on Windows and macOS. So does one that results of another image take, such as "cells-objects" beside
    "cells", whatever is written this time.

    Parameters
    ----------
    images : name and path of each
    taken : names, in small letters, that no image may have alone
    """
    tried = [[file_stem(text) for text in _longer_names(name, path)] for name, path in images]
    stems = [names[0] for names in tried]
    for attempt in range(1, len(tried[0]) if tried else 0):
        for i in _clashing(stems, taken):
            stems[i] = tried[i][attempt]
    for i in _clashing(stems, taken):
        stems[i] = file_stem(f"{i + 1}-{images[i][0]}")
    clashing = _clashing(stems)
    others = [stem for i, stem in enumerate(stems) if i not in set(clashing)]
    for i in clashing:  # where somebody else's name is such a number and name
        stems[i] = next(stem for stem in _numbered(i + 1, images[i][0]) if not _takes(stem, others))
        others.append(stems[i])
    return stems


def project_stems(project: Project) -> dict[int, str]:
    """Return a stem for each image of a project, by the image's number.

    An image of ``a.ome.tif`` is called "a.ome". Its results begin with "a", for whatever is called ``a.ome.tif`` is
    taken for an OME-TIFF. No image has the stem "results" alone, for its record would be that of all results.
    """
    records = project.images.all()
    named = [(image_stem(Path(f"{record.name}.tif")), record.path) for record in records]
    stems = distinct_stems(named, taken={Path(CONTENTS).stem})
    return {record.id: stem for record, stem in zip(records, stems, strict=True)}


def _longer_names(name: str, path: Path) -> Iterator[str]:
    ending, folder = path.suffix.removeprefix("."), path.absolute().parent.name
    yield name
    yield f"{name}-{ending}"
    yield f"{folder}-{name}"
    yield f"{folder}-{name}-{ending}"


def _numbered(place: int, name: str) -> Iterator[str]:
    for number in count():
        yield file_stem(f"{place}-{number}-{name}")


def _clashing(stems: Sequence[str], taken: Container[str] = ()) -> list[int]:
    """Return the places of stems that occur twice, are taken, or that results of another one take."""
    found = Counter(map(same_name, stems))
    return [
        i
        for i, stem in enumerate(stems)
        if found[same_name(stem)] > 1 or same_name(stem) in taken or not found.keys().isdisjoint(_shorter(stem))
    ]


def _takes(stem: str, others: Collection[str]) -> bool:
    """Tell whether a further stem and one of the others are in each other's way."""
    return bool(_clashing([*others, stem]))


def _shorter(stem: str) -> Iterator[str]:
    """Give the shorter stems of which one result is called as this stem."""
    shorter = same_name(stem)
    while _ADDED.search(shorter):
        shorter = _ADDED.sub("", shorter)
        yield shorter
