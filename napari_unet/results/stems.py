"""Beginnings of the file names of several images' results, so that none takes another's place."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from napari_unet.annotations.project import Project
from napari_unet.results.file_stem import file_stem


def distinct_stems(images: Sequence[tuple[str, Path]]) -> list[str]:
    """A file name's beginning for each image: its name, and where two have the same, more of its path.

    Tried in this order, for all that still have the same: name, name-ending, folder-name, folder-name-ending, and at
    last number-name, the number being the place in the list. Names that differ in case only count as the same: they
    are one file on Windows and macOS.

    Parameters
    ----------
    images : name and path of each
    """
    tried = [[file_stem(text) for text in _longer_names(name, path)] for name, path in images]
    stems = [names[0] for names in tried]
    for attempt in range(1, len(tried[0]) if tried else 0):
        for i in _repeated(stems):
            stems[i] = tried[i][attempt]
    for i in _repeated(stems):
        stems[i] = file_stem(f"{i + 1}-{images[i][0]}")
    taken = {_as_file(stem) for i, stem in enumerate(stems) if i not in set(_repeated(stems))}
    for i in _repeated(stems):  # where somebody else's name is such a number and name
        numbered = (file_stem(f"{i + 1}-{number}-{images[i][0]}") for number in range(len(stems) + 1))
        stems[i] = next(stem for stem in numbered if _as_file(stem) not in taken)
        taken.add(_as_file(stems[i]))
    return stems


def project_stems(project: Project) -> dict[int, str]:
    """A stem for each image of a project, by its number."""
    records = project.images()
    stems = distinct_stems([(record.name, record.path) for record in records])
    return {record.id: stem for record, stem in zip(records, stems, strict=True)}


def _longer_names(name: str, path: Path) -> Iterator[str]:
    ending, folder = path.suffix.removeprefix("."), path.absolute().parent.name
    yield name
    yield f"{name}-{ending}"
    yield f"{folder}-{name}"
    yield f"{folder}-{name}-{ending}"


def _repeated(stems: Sequence[str]) -> list[int]:
    count = Counter(_as_file(stem) for stem in stems)
    return [i for i, stem in enumerate(stems) if count[_as_file(stem)] > 1]


def _as_file(stem: str) -> str:
    return unicodedata.normalize("NFC", stem).casefold()
