"""An opened microscope image: planes of y, x, channel pixels, read when asked for."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Num, Shaped

from napari_unet.errors import UserError

LARGE = 8192**2  # px; of a plane with more of them nothing as large as the plane is held in memory
_PIXEL_KINDS = "uif"  # unsigned, signed, floating; no complex, no objects
_FINGERPRINT_ROWS = 16


@dataclass(frozen=True, slots=True)
class PixelSize:
    """Hold the size of one pixel in space, e.g. 0.5 x 0.5 "um" in slices that are 1.5 "um" apart.

    Attributes
    ----------
    y, x : edge lengths of a pixel
    unit : of all three; "pixel" where nothing is known
    z : distance between neighbouring slices; None where it is not known, or there is no unit
    """

    y: float = 1.0
    x: float = 1.0
    unit: str = "pixel"
    z: float | None = None

    @property
    def is_known(self) -> bool:
        """Tell whether lengths and areas can be given in a physical unit."""
        return self.unit != "pixel"

    @property
    def is_possible(self) -> bool:
        """Tell whether all its lengths are finite and above 0."""
        return all(math.isfinite(edge) and edge > 0 for edge in (self.y, self.x, 1.0 if self.z is None else self.z))

    def as_known(self) -> "PixelSize":
        """Return the size without lengths that are not possible: files and layers may have a scale of any number."""
        if self.is_possible:
            return self
        without_distance = replace(self, z=None)
        return without_distance if without_distance.is_possible else PixelSize()

    @property
    def symbol(self) -> str:
        """Return the unit as people write it."""
        return "µm" if self.unit == "um" else self.unit


def encodable(name: str) -> str:
    """Replace characters that cannot be encoded, which names of files may hold."""
    return name.encode(errors="replace").decode()


@dataclass(frozen=True, slots=True)
class Image:
    """Hold an array with named axes, and read it plane by plane.

    Attributes
    ----------
    name : name that the user knows (file stem or layer name)
    pixels : array-like with shape, dtype and slicing (numpy, NPY file, zarr); nothing is read before it is asked for
    axes : one lower-case letter per axis of ``pixels``: "y" and "x" always, "c" for channels, any other letter
        (z, t, ...) for planes that are painted one by one
    pixel_size : of y and x, and the distance between slices
    alpha : the last channel is an alpha channel and is not handed out
    chosen : channels that are handed out, in this order, counted from 0; () for all
    channel_names : of all channels; () where nothing names them
    coarser : the same pixels with fewer rows and columns each time, as ``pixels``; () where the file holds no pyramid
    file_name : name of the file with its ending; "" where the pixels come from no file
    notices : one coded line for each thing that the user should know of how the file was read
    names_axes : a file or a user names the axes; they are guessed from the shape otherwise
    """

    name: str
    pixels: Any = field(repr=False)
    axes: str
    pixel_size: PixelSize = PixelSize()
    alpha: bool = False
    coarser: tuple[Any, ...] = field(default=(), repr=False)
    chosen: tuple[int, ...] = ()
    channel_names: tuple[str, ...] = ()
    file_name: str = ""
    notices: tuple[str, ...] = field(default=(), compare=False)
    names_axes: bool = field(default=True, compare=False)

    def __post_init__(self) -> None:
        # A name of bytes that are no text, as a layer may have it, can be written into no file and no database.
        object.__setattr__(self, "name", encodable(self.name))
        shape = tuple(self.pixels.shape)
        if (
            "y" not in self.axes
            or "x" not in self.axes
            or len(self.axes) != len(shape)
            or len(set(self.axes)) != len(shape)
        ):
            raise UserError(
                "NU-I01",
                f"shape {shape} does not fit the axes '{self.axes}'",
                self.name,
                "use an image with y and x axes, each named once",
            )
        if 0 in shape:
            raise UserError(
                "NU-I02", f"the image has no pixels (shape {shape})", self.name, "open an image with at least one pixel"
            )
        dtype = np.dtype(self.pixels.dtype)
        if dtype != np.bool_ and (dtype.kind not in _PIXEL_KINDS or dtype.itemsize > 8):
            raise UserError(
                "NU-I03",
                f"pixels of type {dtype} cannot be used",
                self.name,
                "convert the image to uint8, uint16 or float32",
            )

    @property
    def is_large(self) -> bool:
        """Tell whether a plane has more pixels than ``LARGE``."""
        return self.height * self.width > LARGE

    def coarse(self, side: int) -> "Image":
        """Return the smallest resolution whose longer side has at least ``side`` pixels, else the image itself.

        Its pixels are not those of the image: for looking at, not for learning from.
        """
        rows, columns = self.axes.index("y"), self.axes.index("x")
        fitting = [level for level in self.coarser if max(level.shape[rows], level.shape[columns]) >= side]
        return replace(self, pixels=fitting[-1], coarser=()) if fitting else self

    @property
    def height(self) -> int:
        """Return the number of pixels along y."""
        return int(self.pixels.shape[self.axes.index("y")])

    @property
    def width(self) -> int:
        """Return the number of pixels along x."""
        return int(self.pixels.shape[self.axes.index("x")])

    @property
    def channels(self) -> int:
        """Return the number of channels that are handed out."""
        return len(self.chosen) or self.all_channels

    @property
    def all_channels(self) -> int:
        """Return the number of channels of the pixels, alpha not counted."""
        if "c" not in self.axes:
            return 1
        return int(self.pixels.shape[self.axes.index("c")]) - int(self.alpha)

    @property
    def channel_numbers(self) -> tuple[int, ...]:
        """Return which channels of the image are handed out, counted from 1 as people count them."""
        return tuple(channel + 1 for channel in self.chosen or range(self.all_channels))

    @property
    def plane_axes(self) -> str:
        """Return the axes that are neither y, x nor c, in order."""
        return "".join(axis for axis in self.axes if axis not in "yxc")

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """Return the sizes of the plane axes; () for a single plane."""
        return tuple(int(self.pixels.shape[self.axes.index(axis)]) for axis in self.plane_axes)

    @property
    def planes(self) -> int:
        """Return the number of planes; plane p has the index ``np.unravel_index(p, plane_shape)``."""
        return int(np.prod(self.plane_shape, dtype=int))

    @property
    def annotation_shape(self) -> tuple[int, ...]:
        """Return the shape of a labels array over the whole image: plane axes, then y, x."""
        return (*self.plane_shape, self.height, self.width)

    def with_context(self, plane: int, context_planes: int) -> tuple[int, ...]:
        """Return a plane and its neighbours on either side along the last plane axis; the ends are repeated."""
        if not self.plane_shape:
            return (plane,) * (2 * context_planes + 1)
        last = self.plane_shape[-1]
        first, place = plane // last * last, plane % last
        return tuple(first + min(max(place + step, 0), last - 1) for step in range(-context_planes, context_planes + 1))

    def read(self, plane: int, rows: slice = slice(None), columns: slice = slice(None)) -> Num[np.ndarray, "y x c"]:
        """Read one plane, or a part of it, as a copy in native byte order; NaN and infinities stay."""
        index = iter(int(i) for i in np.unravel_index(plane, self.plane_shape)) if self.plane_shape else iter(())
        selection = tuple(
            rows if a == "y" else columns if a == "x" else slice(None) if a == "c" else next(index) for a in self.axes
        )
        part = np.asarray(self.pixels[selection])
        kept = [axis for axis in self.axes if axis in "yxc"]
        if "c" not in kept:
            kept.append("c")
            part = part[..., np.newaxis]
        part = part.transpose([kept.index(axis) for axis in "yxc"])[..., : self.all_channels]
        part = part[..., list(self.chosen)] if self.chosen else part
        native = np.dtype(np.uint8 if part.dtype == np.bool_ else part.dtype.newbyteorder("=").str)
        # The 64-bit numbers of a TIFF file are C's "long long", to NumPy a type of its own, which only a cast replaces.
        return part.astype(native, order="C")

    def fingerprint(self) -> str:
        """Return a hash of shape, type, axes and some rows of three planes, which tells two images apart cheaply.

        It is the same whichever channels are chosen.
        """
        digest = hashlib.sha256(
            repr((tuple(self.pixels.shape), np.dtype(self.pixels.dtype).newbyteorder("=").str, self.axes)).encode()
        )
        for rows in self.some_rows():
            digest.update(rows.tobytes())
        return digest.hexdigest()

    def some_rows(self) -> Iterator[Shaped[np.ndarray, "y x c"]]:
        """Read some rows of the first, middle and last plane, all channels: a look at the image at little cost."""
        step = max(1, self.height // _FINGERPRINT_ROWS)
        for plane in sorted({0, self.planes // 2, self.planes - 1}):
            yield replace(self, chosen=()).read(plane, slice(0, None, step))
