"""Opens foreign images, and answers what the window wishes to know of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_unet.decoder.messages import Answer, Draw, Drawn, Inspect, Inspected, Part, Read, Refused, Wish
from napari_unet.errors import UserError, program_errors_told
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.reading import changed, file_state, open_image
from napari_unet.images.thumbnail import thumbnail
from napari_unet.project.image_record import ImageRecord
from napari_unet.project.recorded_image import open_recorded

_PART = 2**20  # bytes of pixels in one message


class Decoder:
    """Answers wishes; keeps the last image open, as parts of one are wished for one after the other."""

    def __init__(self) -> None:
        self._image: Image | None = None
        self._known: tuple[str, str | None, tuple[int, int]] | None = None

    def answers(self, wish: Wish) -> Iterator[Answer]:
        """Yield the parts of what is wished for, or one refusal."""
        try:
            # Without this an error of ours would end the process, and look like one of the file.
            with program_errors_told(wish.path):
                if isinstance(wish, Inspect):
                    yield self._inspect(wish)
                elif isinstance(wish, Read):
                    yield from self._parts(wish)
                else:
                    yield _drawn(wish)
        except UserError as error:
            yield Refused(error.code, error.what, error.where, error.fix)
        except MemoryError:
            what, fix = "there is not enough memory to read the image", "close other programs, then try again"
            yield Refused("NU-S12", what, wish.path, fix)

    def _inspect(self, wish: Inspect) -> Inspected:
        image, state = self._open(wish.path, wish.axes)
        if wish.is_tried:
            image.fingerprint()
        size = image.pixel_size
        levels = (image.pixels, *image.coarser)
        return Inspected(
            image.name,
            image.axes,
            np.dtype(image.pixels.dtype).str,
            tuple(tuple(map(int, level.shape)) for level in levels),
            (size.y, size.x, size.unit, size.z),
            image.alpha,
            image.channel_names,
            image.notices,
            state,
        )

    def _parts(self, wish: Read) -> Iterator[Part]:
        if self._image is None or self._known != (wish.path, wish.axes, wish.state):
            self._open(wish.path, wish.axes)
        image, path = self._image, Path(wish.path)
        if image is None or self._known != (wish.path, wish.axes, wish.state) or _state(path) != wish.state:
            raise changed(path)
        level = (image.pixels, *image.coarser)[wish.level]
        key = tuple(part if isinstance(part, int) else slice(*part) for part in wish.key)
        pixels = np.ascontiguousarray(level[key]).reshape(-1).view(np.uint8)
        for start in range(0, pixels.size, _PART):
            yield Part(pixels[start : start + _PART].tobytes())

    def _open(self, path: str, axes: str | None) -> tuple[Image, tuple[int, int]]:
        self._image = self._known = None  # not two of them in memory
        state = _state(Path(path))
        image = open_image(Path(path), axes, keep_named=True)
        self._image, self._known = image, (path, axes, state)
        return image, state


def _drawn(wish: Draw) -> Drawn:
    record = ImageRecord(
        0, "", Path(wish.path), False, (), "", wish.axes, wish.alpha, PixelSize(), wish.fingerprint, wish.found_axes
    )  # fmt: skip
    picture = thumbnail(open_recorded(record), wish.side)
    return Drawn(picture.shape[0], picture.shape[1], picture.tobytes())


def _state(path: Path) -> tuple[int, int]:
    """Return the state of a file, or one that no file has where it is gone: opening it then tells why."""
    try:
        return file_state(path)
    except OSError:
        return -1, -1
