"""One request for everything that a prediction to files is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

from napari_unet.errors import UserError
from napari_unet.export.formats import format_named
from napari_unet.export.result_names import PROBABILITIES

_TILE_STEP = 16  # px, as far as the network halves an image


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """State which results are wanted of an image, and how the network is to see it.

    Attributes
    ----------
    formats : names of the formats of the results
    tile : side of the tiles in pixels, a multiple of 16; None for the largest that the memory takes. It changes time
        and memory, never a result.
    probabilities : write them as well, as NPY
    rescale : show the network the image at the pixel size that it was trained on
    channels : names, or numbers from 1 on; () for those that the network was trained on
    axes : one letter for each axis of the images, where their files name them wrongly; None for those that were
        corrected of images like them that the network learned from, or else as the files say

    Raises
    ------
    UserError
        NU-C05 for a tile that does not fit the network.
    """

    formats: Sequence[str] = ("tiff",)
    tile: int | None = None
    probabilities: bool = False
    rescale: bool = False
    channels: Sequence[str] = ()
    axes: str | None = None

    def __post_init__(self) -> None:
        refuse_tile(self.tile)

    @property
    def results(self) -> list[str]:
        """Return the formats, and the probabilities where they are wanted."""
        return [*self.formats, *([PROBABILITIES] if self.probabilities else [])]

    def refuse_unknown_formats(self) -> None:
        """Refuse formats that do not exist, before the long work.

        Raises
        ------
        UserError
            NU-E02
        """
        for name in self.formats:
            format_named(name)


def names_of(given: str | int | Sequence[str | int]) -> list[str]:
    """Return the names of formats, channels or classes as a list of texts: a text is one name and not its letters."""
    return [str(name) for name in ([given] if isinstance(given, str | int | Integral) else given)]


def refuse_tile(tile: int | None) -> None:
    """Refuse a side of tiles, in pixels, that does not fit the network; None fits.

    Raises
    ------
    UserError
        NU-C05
    """
    if tile is not None and (not isinstance(tile, Integral) or tile < _TILE_STEP or tile % _TILE_STEP):
        fix = f"choose a whole number that is a multiple of {_TILE_STEP}"
        raise UserError("NU-C05", f"a tile of {tile!r} px", "tile", fix)
