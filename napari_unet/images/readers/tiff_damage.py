"""Refusals of TIFF files that tifffile would read with zeros or without some of their planes."""

import contextlib
import logging
import math
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_unet.images.readers.claims import refuse_claim
from napari_unet.images.readers.damage import damaged, unknown_codec
from napari_unet.images.readers.limited_xml import read_elements
from napari_unet.images.readers.ome_xml import read_ome, refuse_claims

# None, LZW, JPEG, deflate (two numbers), packed bits, JPEG 2000 (three of Aperio's), LZMA, zstd (two), WebP, JPEG XL.
_TIFF_CODECS = frozenset((1, 5, 7, 8, 32946, 32773, 34712, 33003, 33004, 33005, 34925, 34926, 50000, 50001, 50002))

# After these messages tifffile reads on, and hands out zeros or fewer planes.
_LOGGED_DAMAGE = re.compile(
    r"invalid page offset|corrupted|zeroed|failed to read|is missing|failed to reshape|out of range"
)

# Python prints records of a logger without any handler on stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


@contextlib.contextmanager
def log_told(path: Path) -> Iterator[None]:
    """Refuse a file when tifffile logs that it replaces or drops a part of it."""
    records = _Records()
    logger = logging.getLogger("tifffile")
    logger.addHandler(records)
    try:
        yield
    finally:
        logger.removeHandler(records)
    for message in records.messages:
        if _LOGGED_DAMAGE.search(message):
            raise damaged(path, message)


class _Records(logging.Handler):
    """Keep what tifffile logs in this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        if record.thread == self.thread:
            self.messages.append(record.getMessage())


def refuse_codec(path: Path, page: Any) -> None:
    """Refuse a page that is packed with a codec that is not on the list of those tried.

    Raises
    ------
    UserError
        NU-I13 with the name of the codec.
    """
    if page.compression not in _TIFF_CODECS:
        raise unknown_codec(path, getattr(page.compression, "name", str(page.compression)))


def refuse_description(path: Path, file: Any) -> None:
    """Refuse a description that would take long to read, or that claims what no file holds, before tifffile reads it.

    Raises
    ------
    ValueError
        As ``read_elements`` and ``refuse_claims``.
    UserError
        NU-I11 for a part of the image that is no file but a device, say, which reading could wait for.
    """
    if file.is_scn or file.is_philips:
        read_elements(file.pages.first.description, lambda name, attributes: None)
    if not file.is_ome:
        return
    described = read_ome(file.ome_metadata or "")
    refuse_claims(described, len(file.pages))
    for name in described.file_names:
        part = path.parent / name
        if part.exists() and not part.is_file():
            raise damaged(path, f"its part {name} is no file")


def refuse_missing_bytes(path: Path, series: Any) -> None:
    """Refuse strips and tiles that lie behind the end of the file (they would read as zeros), or claim too much.

    Raises
    ------
    UserError
        NU-I11 with the page.
    """
    if series.dataoffset is not None:
        extents = [(series.keyframe, series.dataoffset, series.nbytes)]
    else:
        pages = list(series.pages)
        if any(page is None for page in pages):
            raise damaged(path, f"{pages.count(None)} of {len(pages)} planes are missing")
        if not all(page.dataoffsets for page in pages):
            raise damaged(path, "a TIFF page does not say where its pixels are")
        if len(pages) * series.keyframe.size < series.size:
            raise damaged(path, f"{series.size} pixels in {len(pages)} pages of {series.keyframe.size}")
        extents = [
            (page, offset, count)
            for page in pages
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
        ]
    for page, offset, count in extents:
        if count and offset + count > page.parent.filehandle.size:
            raise damaged(path, f"TIFF page {page.index} ends behind the end of the file")
        if count:
            refuse_claim(path, _bytes_of_part(series), count, int(series.keyframe.compression))


def _bytes_of_part(series: Any) -> int:
    """Return the bytes of a strip or tile once it is decoded; of the whole series where that is one piece."""
    if series.dataoffset is not None:
        return int(series.nbytes)
    page = series.keyframe
    # A damaged tag may be a tuple where a number belongs.
    bits = page.bitspersample if isinstance(page.bitspersample, int) else 8 * series.dtype.itemsize
    return math.prod(size for size in page.chunks if isinstance(size, int)) * bits // 8
