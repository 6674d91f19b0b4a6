"""Annotation from label files: checked as a whole before anything is written to the project."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from napari_unet.dataset.image_files import open_image_file, refuse_unlike
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.labels import BACKGROUND, FOREGROUND, MAX_CLASS, frame_and_plane, read_labels
from napari_unet.images.readers.pictures import is_turned
from napari_unet.project.classes import default_name, refuse_new_names
from napari_unet.project.content_hashes import ContentHashes
from napari_unet.project.database import DATABASE
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.object_strokes import give_ridge_back
from napari_unet.project.project import Project

_FITTING = {"mask": "foreground", "objects": "object"}  # names of class 2 by what labels are
_MOST_UNNAMED = 20  # new classes that labels make without names; more are rather numbers of objects


@dataclass(frozen=True, slots=True)
class LabelFiles:
    """Hold image files with their label files, read once and found sound.

    Attributes
    ----------
    pairs : image file and label file
    labels_are, rim : meaning of the numbers, and px that stay unlabelled, as ``read_labels`` takes them
    values : class numbers that occur in each label file, without 0
    fingerprints : of the images
    class_ids : numbers of the classes that the project has once they are added
    axes : of the images where their files name them wrongly
    """

    pairs: Sequence[tuple[Path, Path]]
    labels_are: str
    rim: int
    values: Sequence[frozenset[int]]
    fingerprints: frozenset[str]
    class_ids: frozenset[int] = frozenset()
    axes: str | None = None

    def refuse_unknown_classes(self, known: Collection[int], names: Sequence[str]) -> None:
        """Refuse numbers that are no class and should not become one; see ``refuse_unknown_classes``.

        Parameters
        ----------
        known : class numbers of the project
        names : of the classes 1, 2, ..., as the user gave them
        """
        present = frozenset().union(*self.values)
        if self.labels_are != "classes" and not names:
            known = {*known, BACKGROUND, FOREGROUND}
        for (_, path), values in zip(self.pairs, self.values, strict=True):
            refuse_unknown_classes(values, present | set(known), known, names, str(path))

    def refuse_single_class(self, painted: Collection[int]) -> None:
        """Refuse labels with which the project, where ``painted`` classes have pixels, would have less than two.

        Raises
        ------
        UserError
            NU-T01
        """
        present = frozenset(painted).union(*self.values)
        if not self.pairs or len(present) > 1:
            return
        if self.labels_are != "classes":
            held = "nothing but background" if BACKGROUND in present else "no background"
            fix = "give masks that hold objects and background"
            raise UserError("NU-T01", f"labels hold {held}", str(self.pairs[0][1]), fix)
        held = f"only class {min(present)}" if present else "nothing but 0"
        fix = "label a second class, or say that the labels are a mask if 0 is background"
        raise UserError("NU-T01", f"labels hold {held}; 0 means unlabelled", str(self.pairs[0][1]), fix)

    def add_to(self, project: Project, names: Sequence[str] = ()) -> list[ImageRecord]:
        """Add every image and its annotation to the project, and the classes that are missing.

        Without ``names`` those of masks and objects have the names that fit, where they are free. Classes that are
        there keep theirs, and where ``names`` are others, one of the project's notices says so.

        Raises
        ------
        UserError
            NU-A09 and NU-A18 as ``ensure_classes``
        """
        self._tell_unused(project, names)
        fitting = _FITTING.get(self.labels_are)
        if not names and fitting and fitting not in project.classes.names().values():
            names = (default_name(BACKGROUND), fitting)
        known = project.classes.names()
        ensure_classes(project, max(frozenset().union(*self.values), default=0), names)
        self._tell_unnamed(project, known, names)
        added: list[ImageRecord] = []
        for image, labels in self.pairs:
            file = open_image_file(image, project, self.axes)
            project.notices.extend((*file.opened.notices, *_turned_told(image, labels, file.shown)))
            read = read_labels(labels, file.shown, self.labels_are, self.rim, project.notices.append)
            is_plane = frame_and_plane(labels) is not None
            record = add_annotation(
                project, file.opened, read, names, image, keep_others=is_plane, axes=file.shown.axes
            )
            if not is_plane and record.id in {before.id for before in added}:
                what = "the image was given before, and these labels replace those that came with it"
                project.notices.append(
                    str(UserError("NU-I21", what, str(labels), "give one label file for each image"))
                )
            added.append(record)
        if self.labels_are == "objects":
            give_ridge_back(project.settings)
        return added

    def _tell_unused(self, project: Project, names: Sequence[str]) -> None:
        """Add a notice to the project where its classes are called otherwise than ``names`` say, or are fewer."""
        known = project.classes.names()
        given = dict(enumerate(names, 1))
        settled = known if self.pairs else given  # labels may need classes that are not there yet
        unused = [name for number, name in given.items() if number in settled and known.get(number) != name]
        if unused:
            what = f"classes keep their names ({', '.join(known.values())}); not used: {', '.join(unused)}"
            fix = "rename them in the panel if the others are meant"
            project.notices.append(str(UserError("NU-A21", what, str(project.folder), fix)))

    def _tell_unnamed(self, project: Project, before: Collection[int], names: Sequence[str]) -> None:
        """Add a notice where numbers made classes that nobody named: they may be numbers of objects."""
        made = [f"'{name}'" for number, name in project.classes.names().items() if number not in before]
        if self.labels_are == "classes" and not names and len(made) > FOREGROUND:
            what = f"the numbers in the labels made the classes {', '.join(made)}"
            fix = "name them, or, if these are numbers of objects, say so in a new project"
            project.notices.append(str(UserError("NU-A22", what, str(self.pairs[0][1]), fix)))


def _turned_told(image: Path, labels: Path, shown: Image) -> tuple[str, ...]:
    """Return a line where a photo is turned on reading and its labels are not: many programs draw on it unturned.

    Where height and width are exchanged, labels that were drawn like that are refused for their shape.
    """
    if not is_turned(image, sideways=shown.height == shown.width) or is_turned(labels):
        return ()
    what = "the photo is turned as its EXIF data says, and the labels are taken as drawn on it like that"
    fix = "look at them in the panel; if they lie turned or mirrored, draw them on a copy that is saved upright"
    return (str(UserError("NU-I22", what, str(labels), fix)),)


def read_label_files(
    pairs: Sequence[tuple[Path, Path]],
    labels_are: str = "classes",
    rim: int = 0,
    project: Project | None = None,
    axes: str | None = None,
) -> LabelFiles:
    """Read image files and their label files, and keep which classes occur.

    Parameters
    ----------
    project : that they are for; what it knows of an image says which planes there are to label
    axes : of the images where their files name them wrongly

    Raises
    ------
    UserError
        as ``open_image_file`` and ``read_labels`` do, and NU-I09 for images that cannot be painted together
    """
    values, files = [], []
    for image, labels in pairs:
        file = open_image_file(image, project, axes)
        values.append(_classes_in(read_labels(labels, file.shown, labels_are, rim)))
        files.append(file)
    refuse_unlike([file for file, present in zip(files, values, strict=True) if present], project)
    fingerprints = frozenset(file.opened.fingerprint() for file in files)
    return LabelFiles(pairs, labels_are, rim, values, fingerprints, axes=axes)


def checked_label_files(
    folder: Path,
    pairs: Sequence[tuple[Path, Path]],
    names: Sequence[str],
    labels_are: str,
    rim: int = 0,
    axes: str | None = None,
) -> LabelFiles:
    """Read label files to train the project in ``folder`` on, which need not exist; nothing is written.

    Raises
    ------
    UserError
        NU-A.. for labels that cannot be used and names that no class can have, NU-I.. for images that cannot be used,
        NU-T01 where there would be less than two classes to learn.
    """
    known, painted = dict[int, str](), set[int]()
    if (folder / DATABASE).is_file():
        with Project(folder, read_only=True) as project:
            files = read_label_files(pairs, labels_are, rim, project, axes)
            known = project.classes.names()
            painted = _painted_elsewhere(project, files.fingerprints) & known.keys()
    else:
        files = read_label_files(pairs, labels_are, rim, axes=axes)
    refuse_new_names(names, known, str(folder))
    files.refuse_unknown_classes(known, names)
    files.refuse_single_class(painted)
    highest = max(frozenset().union(*files.values), default=0)
    return replace(files, class_ids=frozenset({*known, *range(1, highest + 1)}))


def _painted_elsewhere(project: Project, replaced: Collection[str]) -> set[int]:
    """Return the classes that are painted on other images than those whose annotation is replaced."""
    pixels = dict(project.strokes.labelled_pixels())
    for record in project.images.all():
        if record.sampled_fingerprint in replaced:
            for plane in project.strokes.painted_planes(record.id):
                for class_id, count in enumerate(np.bincount(project.strokes.plane(record.id, plane).ravel())):
                    pixels[class_id] = pixels.get(class_id, 0) - int(count)
    return {class_id for class_id, count in pixels.items() if count > 0}


def refuse_unknown_classes(
    values: Collection[int], present: Collection[int], known: Collection[int], names: Sequence[str], where: str
) -> None:
    """Refuse class numbers that are not in the project and should not be made for these labels.

    With ``names`` these are the numbers above their count. Without names new numbers have to follow on those
    that are ``present``, and be at most 20 in number.

    Parameters
    ----------
    values : class numbers in the labels
    present : class numbers in all labels that are added together, and in the project
    known : class numbers of the project
    names : of the classes 1, 2, ..., as the user gave them
    where : file of the labels, for the message

    Raises
    ------
    UserError
        NU-A14
    """
    new = set(values) - set(known) - set(range(1, len(names) + 1))
    if not new:
        return
    gaps = set(range(1, max(new))) - set(present)
    if not names and not gaps and len(new) <= _MOST_UNNAMED:
        return
    highest = max(new)
    what = f"labels hold the value {highest}, which is no class"
    if MAX_CLASS in new:
        what = f"0 means unlabelled; {MAX_CLASS} looks like a foreground mask"
        fix = "say that the labels are a mask, or give class numbers 1, 2, ..."
    elif len(new) > _MOST_UNNAMED:
        fix = "say that the labels are objects if these are their numbers, or name every class"
    elif names:
        fix = f"name {highest} classes, or use the numbers 1 to {len(names)}"
    else:
        fix = (
            f"number the classes 1, 2, ... without a gap ({min(gaps)} is missing), name every class, or say that "
            "the labels are objects if these are their numbers"
        )
    raise UserError("NU-A14", what, where, fix)


def add_annotation(
    project: Project,
    image: Image,
    labels: UInt8[np.ndarray, "planes y x"],
    names: Sequence[str] = (),
    source: Path | None = None,
    *,
    keep_others: bool = False,
    axes: str | None = None,
) -> ImageRecord:
    """Add an image with these strokes in the place of all earlier ones, and the classes that are missing.

    Parameters
    ----------
    image : as its file says it is
    labels : 0 unlabelled, 1..K classes, in the planes that the project has of the image
    names : of the classes 1, 2, ...
    source : file of the image; without one its pixels are copied into the project
    keep_others : whether planes without labels keep their earlier strokes
    axes : of the image where its file names them wrongly

    Raises
    ------
    UserError
        NU-A14 for numbers that are no class and should not become one, NU-A09 for the number of a removed class
    """
    known, values = [label.id for label in project.classes.all()], _classes_in(labels)
    refuse_unknown_classes(values, values | set(known), known, names, image.name)
    ensure_classes(project, max(max(values, default=0), len(names)), names)
    record = project.images.add(image, source, axes=axes)
    painted = set() if keep_others else set(project.strokes.painted_planes(record.id))
    with project.strokes.together():
        for plane, of_plane in enumerate(labels):
            if plane in painted or of_plane.any():
                project.strokes.commit(record.id, plane, of_plane, source="import")
    _note_content(project, record)
    return record


def _note_content(project: Project, record: ImageRecord) -> None:
    """Note all bytes of an image file, or tell in one of the project's notices that they are others than before."""
    try:
        told = ContentHashes(project.folder, read_only=False).check(record)
    except UserError as error:  # the disk takes no note; the strokes are stored
        told = error
    if told is not None:
        project.notices.append(str(told))


def ensure_classes(project: Project, highest: int, names: Sequence[str] = ()) -> None:
    """Make classes until ``highest`` exists; ``names[i]`` names class i + 1.

    Raises
    ------
    UserError
        NU-A09 where one of them was removed from the project, NU-A18 for names that new classes cannot have; no class
        is made then
    """
    known = project.classes.names()
    refuse_new_names(names, known, str(project.folder))
    missing = [class_id for class_id in range(1, highest + 1) if class_id not in known]
    newest = max(project.classes.ids_ever(), default=0)
    if missing and missing[0] <= newest:  # numbers are given in turn, so this one was given before
        raise _removed(missing[0], project)
    for class_id in missing:
        made = project.classes.add(names[class_id - 1] if class_id <= len(names) else None)
        if made.id != class_id:  # a damaged database has lost the row of a class
            raise _removed(class_id, project)


def _removed(class_id: int, project: Project) -> UserError:
    what = f"class {class_id} was removed from the project and its number is not used again"
    return UserError("NU-A09", what, str(project.folder), "use another number in the label file")


def _classes_in(labels: UInt8[np.ndarray, "planes y x"]) -> frozenset[int]:
    return frozenset(int(value) for plane in labels for value in np.flatnonzero(np.bincount(plane.ravel()))) - {0}
