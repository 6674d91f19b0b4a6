"""Pixels of a stroke in its box, packed to bits."""

import math

import numpy as np
from jaxtyping import Bool


def pack(pixels: Bool[np.ndarray, "h w"]) -> bytes:
    """Return the pixels as bits, row after row, with zeros behind the last."""
    return np.packbits(pixels).tobytes()


def packed_size(shape: tuple[int, int]) -> int:
    """Return the bytes that so many rows and columns take."""
    return -(-math.prod(shape) // 8)


def unpack(packed: bytes, shape: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Return the pixels again; raise a ValueError where they are of another shape."""
    if len(packed) != packed_size(shape) or min(shape) < 1:
        raise ValueError(f"a stroke of {shape} pixels in {len(packed)} bytes")
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=math.prod(shape))
    return bits.reshape(shape).astype(bool)
