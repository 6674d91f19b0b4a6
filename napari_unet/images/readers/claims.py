"""Compare what an image file claims to hold with the bytes that are there before memory is taken for it."""

from pathlib import Path

from napari_unet.images.readers.damage import damaged

NEVER_REFUSED = 64 * 2**20  # bytes; what expands to no more is decoded, and told if it fails

# How many bytes one byte can become at most, by the number of a TIFF compression: none, LZW, JPEG, deflate (two
# numbers), packed bits. The others (zstd, LZMA, JPEG 2000 ...) have no such bound; zeros in zstd come to 32,768.
_DEFLATE = 8
_MOST = {1: 1, 5: 2800, 7: 5000, _DEFLATE: 1040, 32946: 1040, 32773: 65}
_MOST_OF_OTHERS = 100_000


def refuse_claim(path: Path, decoded: int, stored: int, compression: int = _DEFLATE) -> None:
    """Refuse pixels that cannot be in the bytes that are there.

    Parameters
    ----------
    decoded, stored : bytes of the pixels, and of what is said to hold them
    compression : as TIFF numbers it

    Raises
    ------
    UserError
        NU-I11 with both.
    """
    if decoded > max(NEVER_REFUSED, stored * _MOST.get(compression, _MOST_OF_OTHERS)):
        raise damaged(path, f"it claims {decoded} bytes of pixels and has {stored} bytes to hold them")
