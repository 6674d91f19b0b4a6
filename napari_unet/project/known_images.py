"""Tell whether an image is in a project already; the few rows of its fingerprint alone do not tell two images apart."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from napari_unet.errors import PROGRAM_ERROR, UserError
from napari_unet.images.image import LARGE, Image
from napari_unet.project.content_hashes import ContentHashes
from napari_unet.project.damage import damage_told
from napari_unet.project.database import Database
from napari_unet.project.image_record import SELECT_IMAGES, ImageRecord, image_record
from napari_unet.project.recorded_image import open_recorded

OpenRecorded = Callable[[ImageRecord], Image]
_SALT = 16  # hexadecimal digits of the hash of all pixels, put before the fingerprint of a second image that has it


class Recognised(NamedTuple):
    """Tell what a project knows of an image.

    Attributes
    ----------
    record : of the image; None where the project does not have it
    fingerprint : under which the project remembers it, or would
    is_moved : the file that the record names does not hold the image any more, and the one that was shown does
    """

    record: ImageRecord | None
    fingerprint: str
    is_moved: bool = False


def recognised(
    database: Database, image: Image, source: Path | None, open_known: OpenRecorded = open_recorded
) -> Recognised:
    """Look an image up in a project.

    All pixels are compared where another file, or none, has the rows that the fingerprint reads: sparse images may
    have equal ones. Of two images with the same fingerprint the second is remembered under a salted one.

    Parameters
    ----------
    source : file of the image; None where it lives in memory
    open_known : opens an image of the project
    """
    fingerprint = image.fingerprint()
    alike = _with_fingerprint(database, fingerprint)
    same = _of_file(alike, source)
    if same is not None:
        return Recognised(same, same.fingerprint)
    if not alike:
        return Recognised(None, fingerprint)
    digest = _digest(image)
    compared = [(record, _holds(record, digest, open_known)) for record in alike]
    for record, holds in compared:
        if holds:
            return Recognised(record, record.fingerprint, source is not None and not os.path.exists(record.path))
    # A file that cannot be read any more may have held this image: then it was moved, or copied back from elsewhere.
    hashes = ContentHashes(database.folder, read_only=True)
    for record, holds in compared:
        if holds is None and (source is None or hashes.check(replace(record, path=source)) is None):
            return Recognised(record, record.fingerprint, source is not None)
    taken = {record.fingerprint for record in alike}
    return Recognised(None, f"{digest[:_SALT]}-{fingerprint}" if fingerprint in taken else fingerprint)


def same_image(
    records: Iterable[ImageRecord], image: Image, source: Path | None, open_known: OpenRecorded = open_recorded
) -> ImageRecord | None:
    """Return the record of an image among these; one that cannot be read any more may be it.

    Parameters
    ----------
    source : file of the image; None where it lives in memory
    open_known : opens an image of the project
    """
    fingerprint = image.fingerprint()
    alike = [record for record in records if record.sampled_fingerprint == fingerprint]
    same = _of_file(alike, source)
    if same is not None or not alike:
        return same
    digest = _digest(image)
    compared = [(record, _holds(record, digest, open_known)) for record in alike]
    found = [record for record, holds in compared if holds] or [record for record, holds in compared if holds is None]
    return found[0] if found else None


@damage_told
def _with_fingerprint(database: Database, fingerprint: str) -> list[ImageRecord]:
    query = f"{SELECT_IMAGES} WHERE fingerprint = :whole OR fingerprint LIKE '%-' || :whole ORDER BY id"
    return [image_record(row, database.folder) for row in database.execute(query, {"whole": fingerprint})]


def _of_file(records: Iterable[ImageRecord], path: Path | None) -> ImageRecord | None:
    """Return the record whose file this is."""
    for record in records:
        with contextlib.suppress(OSError, ValueError):  # it is not there, or its name is none
            if path is not None and os.path.samefile(record.path, path):
                return record
    return None


def _holds(record: ImageRecord, digest: str, open_known: OpenRecorded) -> bool | None:
    """Tell whether an image of the project has the pixels of this digest; None where it cannot be read."""
    salt = record.fingerprint.removesuffix(record.sampled_fingerprint)
    if salt:
        return salt == f"{digest[:_SALT]}-"
    try:
        # With the axes that it was added with: those that the user corrected would give the pixels another order.
        return _digest(replace(open_known(record), axes=record.found_axes, alpha=record.alpha)) == digest
    except UserError as error:
        if error.code == PROGRAM_ERROR:
            raise
        return None


def _digest(image: Image) -> str:
    """Return a hash of all pixels, of all channels but alpha."""
    whole = replace(image, chosen=())
    rows = image.height if not image.is_large else max(1, LARGE // image.width)
    digest = hashlib.sha256()
    for plane in range(image.planes):
        for row in range(0, image.height, rows):
            digest.update(whole.read(plane, slice(row, row + rows)).tobytes())
    return digest.hexdigest()
