"""Everything that the window and the decoder say to each other."""

from napari_unet.protocol.message import Message


class Inspect(Message, frozen=True):
    """Open an image file."""

    path: str
    axes: str | None  # as for ``open_image``; those of length 1 stay where all are named
    is_tried: bool  # read some of its pixels


class Read(Message, frozen=True):
    """Read a part of an image file that was inspected before, by this process or by one before it."""

    path: str
    axes: str | None
    state: tuple[int, int]
    level: int  # 0 for the finest
    key: tuple[int | tuple[int, int, int], ...]  # for each axis an index, or start, stop and step


class Draw(Message, frozen=True):
    """Make the thumbnail of an image that a project remembers."""

    path: str
    axes: str
    alpha: bool
    fingerprint: str
    found_axes: str
    side: int  # px


class Inspected(Message, frozen=True):
    """Carries the parts of an ``Image``, as an image file holds them."""

    name: str
    axes: str
    dtype: str
    shapes: tuple[tuple[int, ...], ...]  # of the pixels, the finest resolution first
    pixel_size: tuple[float, float, str, float | None]  # y, x, unit, z
    alpha: bool
    channel_names: tuple[str, ...]
    notices: tuple[str, ...]
    state: tuple[int, int]  # of the file


class Part(Message, frozen=True):
    """Carries the next bytes of the pixels that were wished for."""

    pixels: bytes


class Drawn(Message, frozen=True):
    """Carries a thumbnail: uint8 (height, width, 3)."""

    height: int
    width: int
    pixels: bytes


class Refused(Message, frozen=True):
    """Carries the parts of a UserError."""

    code: str
    what: str
    where: str
    fix: str


Wish = Inspect | Read | Draw
Answer = Inspected | Part | Drawn | Refused
