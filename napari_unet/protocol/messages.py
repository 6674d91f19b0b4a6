"""Everything that window and worker say to each other: frozen structs, msgpack on the wire, never a pickle."""

import math
import zlib
from typing import Literal

import numpy as np
from jaxtyping import Float16, Float32, Int32, UInt8, UInt16

from napari_unet.errors import UserError
from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.evaluation.label_check import Doubt
from napari_unet.evaluation.scores import Score
from napari_unet.images.tiles import Region
from napari_unet.objects.class_counts import ClassCount
from napari_unet.project.area_checks import Origin
from napari_unet.protocol.message import Message

MapKind = Literal["", "probability", "uncertainty", "objects"]
Cell = int | float | str


# From the window to the worker


class Open(Message, frozen=True):
    """Use this project; a trained network in it is loaded and, once something is viewed, shown."""

    folder: str
    seed: int = 0
    base: str = "auto"  # what a new network starts from: "auto", "none" or the path of a checkpoint
    memory_steps: int = 0  # how often less memory is to be asked for than the settings say
    spare_device: bool = False  # the graphics processor failed: do without it
    read_only: bool = False  # the window only looks at it: write no network into it


class Look(Message, frozen=True):
    """Predict the part of a plane that is on screen, then the rest of what is covered."""

    generation: int
    image_id: int
    plane: int
    visible: Region
    map: MapKind = ""  # what is wanted with the classes; "objects" come for the whole plane, as ``Objects``
    class_id: int = 0  # of a probability
    covered: Region | None = None  # the part that layers lie over; None for the whole plane
    small: bool = False  # the image is so small on screen that half the resolution suffices


class Annotated(Message, frozen=True):
    """Read the strokes, classes and settings that were committed to the project."""

    own: bool = True  # the strokes say what the user knows, not what the network said

    def together_with(self, other: "Annotated") -> "Annotated":
        """Return one message for the strokes of two; they are the user's own only if all of them are."""
        return Annotated(own=self.own and other.own)


class Corrected(Message, frozen=True):
    """Read again what the project remembers of an image, which was corrected or removed; a ``Look`` follows."""

    image_id: int | None  # None: of many


class Train(Message, frozen=True):
    """Begin (or go on) training, or pause: the network is scored and saved then."""

    on: bool


class Restore(Message, frozen=True):
    """Go back to the network with the highest held-out Dice."""


class Export(Message, frozen=True):
    """Predict images with the network that is shown and write their results; of several, joint tables too."""

    image_ids: tuple[int, ...]
    folder: str
    formats: tuple[str, ...]


class PauseExport(Message, frozen=True):
    """Leave the export for now, or go on with it."""

    on: bool


class CancelExport(Message, frozen=True):
    """Give the export up; nothing of it is written."""


class ShowWeights(Message, frozen=True):
    """Send the weight map of a plane."""

    image_id: int
    plane: int
    covered: Region | None = None  # the part that is wanted; None for all of it


class Suggest(Message, frozen=True):
    """Say where a stroke would teach most, on the plane on screen or on another one."""

    number: int  # of the question
    image_id: int
    plane: int


class ProposeArea(Message, frozen=True):
    """Say where on a plane the user should check the prediction, and what it is there."""

    number: int  # of the wish
    image_id: int
    plane: int
    origin: Origin  # at random, or where the network is least sure


# From the worker to the window


class Ready(Message, frozen=True):
    """Tell that the worker is up, on this device."""

    device: str
    reason: str


class NetworkChosen(Message, frozen=True):
    """Tell which network learns, from how many tiles of which side at a step, and why it is this one."""

    preset: str
    tile: int
    batch: int
    reason: str  # follows on "because"


class Alive(Message, frozen=True):
    """Tell that the worker lives: it waits for a message or computes."""


class Noticed(Message, frozen=True):
    """Tell the user in one plain line about something that stops nothing."""

    line: str


class OtherPixelSize(Message, frozen=True):
    """Tell how many times as high and wide the pixels of an image are as the nearest of those that were trained on."""

    image_id: int
    factors: tuple[float, float]


class Tile(Message, frozen=True):
    """Carries the predicted class ids of a part of a plane."""

    generation: int
    image_id: int
    plane: int
    region: Region
    labels: bytes
    step: int
    map: bytes = b""  # the map that the Look asked for, 0 to 255 for 0 to 1

    def array(self) -> UInt8[np.ndarray, "h w"]:
        """Return the class ids; UserError NU-W02 when the bytes are not those of such a tile."""
        return _bytes_of(self.labels, self.region)

    def map_array(self) -> UInt8[np.ndarray, "h w"]:
        """Return the values of the map; UserError NU-W02 when the bytes are not those of such a tile."""
        return _bytes_of(self.map, self.region)


class Weights(Message, frozen=True):
    """Carries the weight map of a region: one value for each square of ``factor`` pixels, cut off at its end."""

    image_id: int
    plane: int
    region: Region
    factor: int
    data: bytes  # float16

    @classmethod
    def of(
        cls,
        image_id: int,
        plane: int,
        region: Region,
        weights: Float32[np.ndarray, "h w"],
        most_bytes: int,
    ) -> "Weights":
        """Pack the weights of a region; when they are more bytes than allowed, only the largest of each square."""
        factor = 1
        while 2 * math.prod(-(-side // factor) for side in weights.shape) > most_bytes:
            factor += 1
        for axis in range(2 if factor > 1 else 0):
            weights = np.maximum.reduceat(weights, np.arange(0, weights.shape[axis], factor), axis=axis)
        values = np.minimum(weights, np.finfo(np.float16).max).astype(np.float16)
        return cls(image_id, plane, region, factor, values.tobytes())

    def array(self) -> Float16[np.ndarray, "y x"]:
        """Return the values; UserError NU-W02 when the bytes are not those of such a map."""
        height, width = (-(-side // max(self.factor, 1)) for side in self.region.shape)
        if self.factor < 1 or min(height, width) < 1 or len(self.data) != 2 * height * width:
            raise _distorted(f"a weight map of {len(self.data)} bytes for {height} x {width} values")
        return np.frombuffer(self.data, np.float16).reshape(height, width)


class Objects(Message, frozen=True):
    """Carries the separate objects of the plane on screen, and a row of measurements for each."""

    generation: int
    image_id: int
    plane: int
    region: Region  # the whole plane
    numbers: bytes  # uint16, compressed; 0 where no object is
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]  # of the objects 1, 2, ...

    @classmethod
    def of(
        cls,
        generation: int,
        place: tuple[int, int],
        numbers: Int32[np.ndarray, "y x"],
        columns: tuple[str, ...],
        rows: tuple[tuple[Cell, ...], ...],
    ) -> "Objects":
        """Pack numbers up to 65535; the place is image id and plane."""
        packed = zlib.compress(numbers.astype(np.uint16).tobytes(), 1)
        return cls(generation, *place, Region(0, 0, *numbers.shape), packed, columns, rows)

    def array(self) -> UInt16[np.ndarray, "y x"]:
        """Return the number at every pixel; UserError NU-W02 when numbers or rows are not those of such a plane."""
        height, width = self.region.shape
        size = 2 * height * width if min(height, width) > 0 else 0
        try:
            data = zlib.decompressobj().decompress(self.numbers, size + 1)  # never more than is wanted
        except zlib.error:
            data = b""
        is_whole = size > 0 and len(data) == size and all(len(row) == len(self.columns) for row in self.rows)
        numbers = np.frombuffer(data if is_whole else b"", np.uint16)
        if not is_whole or numbers.max() > len(self.rows):
            raise _distorted(f"objects of {len(self.rows)} rows and {len(data)} bytes for {height} x {width} pixels")
        return numbers.reshape(height, width)


class Counted(Message, frozen=True):
    """Tell how many objects the plane on screen has, and how much of it each class covers; or why that is not told."""

    generation: int
    image_id: int
    plane: int
    classes: tuple[ClassCount, ...]
    reason: str = ""


class Progress(Message, frozen=True):
    """Tell how training goes."""

    state: Literal["waiting", "training", "resting", "paused"]
    step: int
    loss: float | None
    waiting_tiles: int
    reason: str = ""
    shown_step: int | None = None  # of the network in the overlay
    behind: bool = False  # strokes or classes came since that network


class Scored(Message, frozen=True):
    """Tell the score on the held-out pixels of the network that is shown."""

    score: Score
    loss: float | None


class Estimated(Message, frozen=True):
    """Tell the Dice that the prediction of a plane can be expected to have, over all pixels that layers cover."""

    generation: int
    image_id: int
    plane: int
    classes: tuple[EstimatedDice, ...]


class Doubted(Message, frozen=True):
    """Name all the strokes that may be wrong."""

    strokes: tuple[Doubt, ...]


class Agreed(Message, frozen=True):
    """Tell how the newest strokes agreed with the network that was on screen when they were painted."""

    share: float | None  # of their pixels, mean over the classes
    strokes: int


class Exporting(Message, frozen=True):
    """Tell how much of an export is predicted."""

    share: float


class Exported(Message, frozen=True):
    """Tell which files an export has written, read again and found equal; none when it was given up."""

    paths: tuple[str, ...]


class Failed(Message, frozen=True):
    """Tell the user in one plain line what went wrong."""

    line: str


class Saved(Message, frozen=True):
    """Tell that the network is on disk as it is: a disk that was full has room again."""


class Suggested(Message, frozen=True):
    """Tell where a stroke would teach most, and why; without a region, why there is no such place."""

    number: int  # of the question that is answered
    reason: str
    image_id: int = 0
    plane: int = 0
    region: Region | None = None


class AreaProposed(Message, frozen=True):
    """Tell where the prediction should be checked, and what it is there; without a region, why there is no place."""

    number: int  # of the wish that is answered
    origin: Origin
    reason: str
    image_id: int = 0
    plane: int = 0
    region: Region | None = None
    labels: bytes = b""

    def array(self) -> UInt8[np.ndarray, "h w"]:
        """Return the class ids in the region; UserError NU-W02 when the bytes are not those of such a region."""
        return _bytes_of(self.labels, self.region or Region(0, 0, 0, 0))


ToWorker = (
    Open
    | Look
    | Annotated
    | Corrected
    | Train
    | Export
    | PauseExport
    | CancelExport
    | ShowWeights
    | Restore
    | Suggest
    | ProposeArea
)
ToWindow = (
    Ready
    | NetworkChosen
    | Alive
    | Noticed
    | OtherPixelSize
    | Tile
    | Weights
    | Objects
    | Counted
    | Progress
    | Scored
    | Estimated
    | Exporting
    | Exported
    | Failed
    | Saved
    | Suggested
    | AreaProposed
    | Doubted
    | Agreed
)


def _distorted(what: str) -> UserError:
    return UserError("NU-W02", what, "worker", "restart the training; painting is saved")


def _bytes_of(data: bytes, region: Region) -> UInt8[np.ndarray, "h w"]:
    height, width = region.shape
    if min(height, width) < 1 or len(data) != height * width:
        raise _distorted(f"a tile of {len(data)} bytes for {height} x {width} pixels")
    return np.frombuffer(data, np.uint8).reshape(height, width)
