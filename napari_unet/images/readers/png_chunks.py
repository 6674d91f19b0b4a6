"""The chunks of a PNG file, and interlaced pixels put in order.

libpng writes warnings of its own to the terminal, for interlaced pixels and for chunks that say nothing of them, such
as colour profiles. It is given no others than plain pixels here.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from napari_unet.images.readers.damage import damaged

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = (b"PLTE", b"tRNS")  # what a decoder needs beside the header and the pixels
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by the type of colour
# The seven passes of Adam7: first row and column, and the steps between rows and columns.
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunks_of(path: Path, data: bytes) -> dict[bytes, bytes]:
    """Return the content of every kind of chunk, the first of its kind; all of the pixels are one.

    Raises
    ------
    UserError
        NU-I11 for a file without its end, or with a chunk that was changed.
    """
    found: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    offset = len(SIGNATURE)
    while b"IEND" not in found:
        if offset + 12 > len(data):
            raise damaged(path, "the PNG ends too early")
        length, kind = struct.unpack_from(">I4s", data, offset)
        content, end = data[offset + 8 : offset + 8 + length], offset + 8 + length
        if end + 4 > len(data):
            raise damaged(path, "the PNG ends too early")
        if kind in (b"IHDR", b"IDAT", *_NEEDED) and zlib.crc32(content, zlib.crc32(kind)) != _number(data, end):
            raise damaged(path, f"the checksum of {kind.decode()} differs")
        if kind == b"IDAT":
            pixels.append(content)
        found.setdefault(kind, content)
        offset = end + 4
    if b"IHDR" not in found or len(found[b"IHDR"]) != 13:
        raise damaged(path, "the PNG has no header")
    return found | {b"IDAT": b"".join(pixels)}


def plain_png(chunks: dict[bytes, bytes]) -> bytes:
    """Return a PNG with the header, the pixels and the palette alone."""
    kinds = [b"IHDR", *(kind for kind in _NEEDED if kind in chunks), b"IDAT"]
    return SIGNATURE + b"".join(_chunk(kind, chunks[kind]) for kind in kinds) + _chunk(b"IEND", b"")


def is_interlaced(chunks: dict[bytes, bytes]) -> bool:
    """Tell whether the pixels lie in the seven passes of Adam7."""
    return chunks[b"IHDR"][12] == 1


def put_in_order(
    chunks: dict[bytes, bytes], decode: Callable[[bytes], Shaped[np.ndarray, "..."]]
) -> Shaped[np.ndarray, "y x *c"]:
    """Decode each pass of an interlaced PNG as a picture of its own, and lay its pixels where they belong."""
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    whole: Shaped[np.ndarray, "y x *c"] | None = None
    for place, part in _passes(chunks, height, width):
        pixels = decode(plain_png(part))
        if whole is None:
            whole = np.empty((height, width, *pixels.shape[2:]), pixels.dtype)
        whole[place] = pixels
    if whole is None:
        raise ValueError("a PNG without pixels")
    return whole


def _passes(
    chunks: dict[bytes, bytes], height: int, width: int
) -> Iterator[tuple[tuple[slice, slice], dict[bytes, bytes]]]:
    """Yield where the pixels of each pass belong, and the chunks of a picture of these pixels."""
    depth, colour = chunks[b"IHDR"][8:10]
    bits = depth * SAMPLES[colour]
    sizes = [(-(-(height - y) // down), -(-(width - x) // across)) for y, x, down, across in _PASSES]
    lengths = [rows * (1 + -(-columns * bits // 8)) if rows > 0 < columns else 0 for rows, columns in sizes]
    # No more than the header promises: a few bytes could unpack to gigabytes.
    raw = zlib.decompressobj().decompress(chunks[b"IDAT"], sum(lengths))
    if len(raw) < sum(lengths):
        raise EOFError("the PNG has fewer pixels than it says")
    start = 0
    for (y, x, down, across), (rows, columns), length in zip(_PASSES, sizes, lengths, strict=True):
        if length:
            header = struct.pack(">II", columns, rows) + chunks[b"IHDR"][8:12] + b"\0"
            packed = zlib.compress(raw[start : start + length], 1)
            yield (slice(y, None, down), slice(x, None, across)), chunks | {b"IHDR": header, b"IDAT": packed}
        start += length


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _number(data: bytes, offset: int) -> int:
    return int(struct.unpack_from(">I", data, offset)[0])
