"""The images that a network was trained on: facts of its checkpoint, compared with an image to predict."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from napari_unet.dataset.corrected_axes import CorrectedAxes
from napari_unet.errors import UserError
from napari_unet.images.image import Image, PixelSize, encodable
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.project.image_record import ImageRecord

FACT = "trained_on"
LEARNED = "learned_fingerprints"  # fact of a network: how the fingerprints of the images begin that it has learned from
# Images that a checkpoint remembers at most: its description is limited to a megabyte, and each image is looked into.
MOST_IMAGES = 64
_MOST_NAMES = 300  # characters of all channel names of an image that are remembered, for the same reason
_MOST_FINGERPRINTS = 2**12  # that a checkpoint remembers, for the same reason
_DIGITS = 16  # of each: enough to tell images apart
_PIXEL_SIZE_FACTOR = 1.25  # largest ratio of pixel sizes, either way, that augmentation has shown the network
_RANGE_FACTOR = 10.0  # largest ratio of ranges, either way; each image is normalised, so a smaller one says nothing
_MOST_RESCALING = 16.0  # and its inverse
_SIZES = (1e-9, 1e9)  # micrometres that a pixel can have; others are mistakes in a file
_PACKAGES = ("napari-unet-live", "torch", "numpy")
_MICROMETRES = {
    "pm": 1e-6,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "um": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "inch": 25.4e3,
    "m": 1e6,
}


class TrainingImage(msgspec.Struct, frozen=True):
    """The facts of one image that a network was trained on.

    Attributes
    ----------
    name, channels : as in the project; channels are those that the network saw
    pixel_size : y and x, in ``unit``; "pixel" where nothing is known
    low, high : per channel, the percentiles of the raw values that normalisation takes to -1 and +1
    all_channels : of the image; 0 in files from before this was remembered
    chosen : which of them the network saw, counted from 0; () for all
    channel_names : of those that the network saw; () where nothing names them
    corrected : the axes that the user corrected; None where they are as its file says
    """

    name: str
    channels: int
    pixel_size: tuple[float, float]
    unit: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    all_channels: int = 0
    chosen: tuple[int, ...] = ()
    channel_names: tuple[str, ...] = ()
    corrected: CorrectedAxes | None = None

    def __post_init__(self) -> None:
        sizes = {len(each) for each in (self.chosen, self.channel_names)}
        if not sizes <= {0, self.channels} or not set(self.chosen) <= set(range(self.all_channels)):
            raise ValueError("channels that cannot be")


def training_image(planes: NormalisedPlanes, corrected: CorrectedAxes | None = None) -> TrainingImage:
    """Describe an image, and the axes that were ``corrected``; reads a sample of it the first time."""
    image, bounds = planes.image, planes.normalisation
    size = image.pixel_size
    return TrainingImage(
        image.name, image.channels, (size.y, size.x), size.unit, bounds.low, bounds.high,
        image.all_channels, image.chosen, _names(image), corrected,
    )  # fmt: skip


def as_fact(images: Sequence[TrainingImage]) -> dict[str, Any]:
    """Return the images and the versions at work for the facts of a checkpoint."""
    return {
        FACT: {
            "images": msgspec.to_builtins(images),
            "versions": {name: version(name) for name in _PACKAGES},
        }
    }


def learned_fact(fingerprints: Iterable[str]) -> dict[str, Any]:
    """Return the fingerprints of images that were learned from (``Image.fingerprint``) for the facts of a checkpoint.

    No more than the first 4096, and the first 16 digits of each: they tell an image that one has, and show none.
    """
    return {LEARNED: [each[:_DIGITS] for each in fingerprints][:_MOST_FINGERPRINTS]}


def is_learned(facts: dict[str, Any], image: Image) -> bool:
    """Tell whether a network has learned from labels on an image; False where its file is older than this record.

    Parameters
    ----------
    image : opened as its file says
    """
    return image.fingerprint()[:_DIGITS] in facts.get(LEARNED, ())


def remembered(facts: dict[str, Any]) -> tuple[TrainingImage, ...]:
    """Return the images that a checkpoint remembers; () for older files, and where the record makes no sense."""
    try:
        return msgspec.convert(facts[FACT]["images"], tuple[TrainingImage, ...])
    except (KeyError, TypeError, msgspec.ValidationError):
        return ()


def sizes_by_name(records: Sequence[ImageRecord]) -> dict[str, PixelSize]:
    """Return the pixel sizes of the images of a project by name, without names that several have."""
    names = Counter(record.name for record in records)
    return {record.name: record.pixel_size for record in records if names[record.name] == 1}


def with_sizes(images: Sequence[TrainingImage], sizes: Mapping[str, PixelSize]) -> tuple[TrainingImage, ...]:
    """Return images that a network was trained on with the pixel sizes that their project knows by now.

    The user may have corrected them since. The size of an image whose name is not among them stays.
    """
    found = [(image, sizes.get(image.name)) for image in images]
    return tuple(
        image if size is None else msgspec.structs.replace(image, pixel_size=(size.y, size.x), unit=size.unit)
        for image, size in found
    )


def difference(
    trained: Sequence[TrainingImage], planes: NormalisedPlanes, *, rescaled: bool = False, where: str = ""
) -> str:
    """Return one coded line when an image is unlike all that was trained on; else "".

    Compared are the names of channels, the pixel size and the range of intensities.

    Parameters
    ----------
    rescaled : for prediction, so that the pixel size does not count
    where : file of the image, for the line; its name where ""
    """
    same_kind = [each for each in trained if each.channels == planes.image.channels]
    if not same_kind:
        return ""
    found = training_image(planes)
    size = "" if rescaled else _size_difference(same_kind, found)
    parts = [part for part in (_name_difference(same_kind, found), size, _range_difference(same_kind, found)) if part]
    if not parts:
        return ""
    rescale = "rescale it to the trained pixel size, and " if size else ""
    fix = f"{rescale}look at the result closely"
    return str(
        UserError("NU-I16", f"the image is unlike those trained on ({'; '.join(parts)})", where or found.name, fix)
    )


def rescaling(trained: Sequence[TrainingImage], planes: NormalisedPlanes) -> tuple[float, float]:
    """Return the factors of height and width that bring an image to the nearest pixel size that was trained on.

    Raises
    ------
    UserError
        NU-I17 when one of the pixel sizes is not known, or they have nothing to do with each other.
    """
    found = training_image(planes)
    ratios = _ratios(trained, found)
    fix = "predict it without rescaling"
    if not ratios:
        what = "the pixel size of the image or of those trained on is not known"
        raise UserError("NU-I17", what, found.name, fix)
    nearest = min(ratios, key=_farness)
    if _farness(nearest) > math.log(_MOST_RESCALING):
        what = f"a pixel is {nearest[1]:.4g} times as large as those trained on"
        raise UserError("NU-I17", what, found.name, f"check the pixel sizes, or {fix}")
    return nearest


def comparable(name: str) -> str:
    """Return a channel's name without spaces around it and without capitals, for comparing."""
    return name.strip().casefold()


def _names(image: Image) -> tuple[str, ...]:
    """Return the names of the channels that are handed out; () where they are missing or too long to be remembered."""
    names = [encodable(name) for name in image.channel_names[: image.all_channels]]
    seen = tuple(names[number] for number in image.chosen or range(len(names))) if names else ()
    return seen if sum(map(len, seen)) <= _MOST_NAMES else ()


def _name_difference(trained: Sequence[TrainingImage], found: TrainingImage) -> str:
    known = [[comparable(name) for name in each.channel_names] for each in trained]
    mine = [comparable(name) for name in found.channel_names]
    if not mine or not all(known) or mine in known:
        return ""
    return f"channels {', '.join(found.channel_names)}, trained on {', '.join(trained[0].channel_names)}"


def other_pixel_size(trained: Sequence[TrainingImage], planes: NormalisedPlanes) -> tuple[float, float] | None:
    """Return the factors of ``rescaling`` where ``difference`` tells another pixel size, else None."""
    nearest = _nearest([each for each in trained if each.channels == planes.image.channels], training_image(planes))
    return nearest if _is_other(nearest) and _farness(nearest) <= math.log(_MOST_RESCALING) else None


def _nearest(trained: Sequence[TrainingImage], found: TrainingImage) -> tuple[float, float]:
    return min(_ratios(trained, found), key=_farness, default=(1.0, 1.0))


def _is_other(ratios: tuple[float, float]) -> bool:
    return _farness(ratios) > math.log(_PIXEL_SIZE_FACTOR) + 1e-9


def _size_difference(trained: Sequence[TrainingImage], found: TrainingImage) -> str:
    nearest = _nearest(trained, found)
    if not _is_other(nearest):
        return ""
    (y, x), unit = found.pixel_size, found.unit
    return f"pixels of {y:.4g} x {x:.4g} {unit}, trained on {y / nearest[0]:.4g} x {x / nearest[1]:.4g} {unit}"


def _ratios(trained: Sequence[TrainingImage], found: TrainingImage) -> list[tuple[float, float]]:
    """Divide the edge lengths of a pixel by those of each image trained on, where both are known."""
    mine = _micrometres(found)
    theirs = [_micrometres(each) for each in trained]
    return [(mine[0] / each[0], mine[1] / each[1]) for each in theirs if each and mine] if mine else []


def _micrometres(image: TrainingImage) -> tuple[float, float] | None:
    factor = _MICROMETRES.get(image.unit, 0.0)
    sizes = image.pixel_size[0] * factor, image.pixel_size[1] * factor
    return sizes if all(_SIZES[0] < size < _SIZES[1] for size in sizes) else None


def _farness(ratios: tuple[float, float]) -> float:
    return max(abs(math.log(ratio)) for ratio in ratios)


def _range_difference(trained: Sequence[TrainingImage], found: TrainingImage) -> str:
    for channel in range(found.channels):
        mine = found.high[channel] - found.low[channel]
        bounds = [pair for each in trained for pair in list(zip(each.low, each.high, strict=False))[channel:][:1]]
        theirs = [high - low for low, high in bounds]
        known = [spread for spread in theirs if spread > 0]
        if not known or (mine <= 0 and len(known) < len(theirs)):  # constant as another one that was trained on
            continue
        which = f" of channel {channel + 1}" if found.channels > 1 else ""
        if mine <= 0:
            return f"intensities{which} are the same everywhere, trained on a span of {min(known):.4g}"
        farness = {spread: abs(math.log(mine) - math.log(spread)) for spread in known}
        nearest = min(known, key=farness.__getitem__)
        if farness[nearest] > math.log(_RANGE_FACTOR) + 1e-9:
            return f"intensities{which} span {mine:.4g}, trained on {nearest:.4g}"
    return ""
