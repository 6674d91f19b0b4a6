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


def distinct_stems(
    images: Sequence[tuple[str, Path]], taken: Container[str] = (), numbers: Sequence[int] | None = None
) -> list[str]:
    """Return the beginning of a file name for each image: its name, and where two have the same, more of its path.

    Tried in this order, for all that still have the same: name, name-ending, folder-name, folder-name-ending, the
    last ones with the whole ending, such as "ome-tif", and with one folder more each time, and at last number-name.
    No image that is called otherwise counts, so results keep their names when such a one is added. Names that differ
    in case only count as the same: they are one file on Windows and macOS. So does one that results of another image
    take, such as "cells-objects" beside "cells", whatever is written this time.

    Parameters
    ----------
    images : name and path of each
    taken : names, in small letters, that no image may have alone
    numbers : one for each image; its place among those of the same name, sorted by path, where None
    """
    deepest = max((len(_folders(path)) for _, path in images), default=0)
    tried = [list(_longer_names(name, path, deepest)) for name, path in images]
    stems = [file_stem(names[0]) for names in tried]
    for attempt in range(1, len(tried[0]) if tried else 0):
        clashing = _clashing(stems, taken)
        if not clashing:
            return stems
        for i in clashing:
            stems[i] = file_stem(tried[i][attempt])
    return _with_numbers(stems, images, taken, _places(images) if numbers is None else numbers)


def project_stems(project: Project) -> dict[int, str]:
    """Return a stem for each image of a project, by the image's number.

    An image of ``a.ome.tif`` is called "a.ome". Its results begin with "a", for whatever is called ``a.ome.tif`` is
    taken for an OME-TIFF. No image has the stem "results" alone, for its record would be that of all results.
    """
    records = project.images.all()
    named = [(image_stem(Path(f"{record.name}.tif")), record.path) for record in records]
    stems = distinct_stems(named, taken={Path(CONTENTS).stem}, numbers=[record.id for record in records])
    return {record.id: stem for record, stem in zip(records, stems, strict=True)}


def _longer_names(name: str, path: Path, deepest: int) -> Iterator[str]:
    """Give the name, then with ever more of the path before and behind it, up to a number of folders."""
    ending, folders = path.suffix.removeprefix("."), _folders(path)
    whole = path.name[len(image_stem(path)) :].strip(".").replace(".", "-")
    folder = folders[-1] if folders else ""
    yield name
    yield f"{name}-{ending}"
    yield f"{folder}-{name}"
    yield f"{folder}-{name}-{ending}"
    yield f"{name}-{whole}"
    for depth in range(1, deepest + 1):
        longer = "-".join([*folders[-depth:], name])
        yield longer
        yield f"{longer}-{whole}"


def _folders(path: Path) -> tuple[str, ...]:
    return path.absolute().parent.parts[1:]  # without the drive


def _places(images: Sequence[tuple[str, Path]]) -> list[int]:
    """Return the place of each image among those of the same name, from 1 on, whatever order they are given in."""
    counts: Counter[str] = Counter()
    places = [0] * len(images)
    for i in sorted(range(len(images)), key=lambda i: str(images[i][1].absolute())):
        name = same_name(images[i][0])
        counts[name] += 1
        places[i] = counts[name]
    return places


def _with_numbers(
    stems: Sequence[str], images: Sequence[tuple[str, Path]], taken: Container[str], numbers: Sequence[int]
) -> list[str]:
    """Return the stems with numbers for all that are still in the way of another one."""
    stems = list(stems)
    for i in _clashing(stems, taken):
        stems[i] = file_stem(f"{numbers[i]}-{images[i][0]}")
    clashing = _clashing(stems)
    others = [stem for i, stem in enumerate(stems) if i not in set(clashing)]
    for i in clashing:  # where somebody else's name is such a number and name
        stems[i] = next(stem for stem in _numbered(numbers[i], images[i][0]) if not _takes(stem, others))
        others.append(stems[i])
    return stems


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
