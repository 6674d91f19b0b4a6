"""Declare every number that a user may set, once: panel, command line, preferences and docs read it here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
from msgspec import Meta

from napari_unet.errors import UserError

LossKind = Literal["cross-entropy", "dice", "tversky", "cross-entropy + dice"]
PresetName = Literal[
    "fast",
    "accurate",
    "light",
    "unet-2015",
    "unet-2015-batchnorm",
    "elu-dropout",
    "up-nearest",
    "up-bilinear",
    "up-bicubic",
    "up-transposed-bilinear",
    "up-unpooling",
    "up-nails",
    "skip-crop",
    "skip-sum",
    "skip-none",
    "dilated",
]
PRESET_NAMES: tuple[PresetName, ...] = get_args(PresetName)
LITERATURE = PRESET_NAMES[3:]  # networks as papers describe them
PresetChoice = Literal["auto", PresetName]
AUTO: PresetChoice = "auto"  # the network that suits the device
BY_DEVICE = 0  # of tile and batch: the size that suits the device


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Say how to learn and predict. Stored in the project as JSON; an absent key takes its default."""

    preset: Annotated[
        PresetChoice,
        Meta(
            title="Network",
            description="auto takes accurate on a GPU and fast on a CPU, and goes on with the one of them that the "
            "project has. Both start from base weights; accurate has twice the channels. light is for weak "
            f"processors, from scratch. From the literature, from scratch: {', '.join(LITERATURE)}. Another choice "
            "starts another network, shown at once; where labels are held out, once it is not clearly worse on them.",
        ),
    ] = AUTO
    tile: Annotated[
        int,
        Meta(
            ge=BY_DEVICE,
            le=1024,
            multiple_of=16,
            title="Training tile",
            extra={"unit": "px", "zero": "auto"},
            description="Side of the square tiles that training steps see, a multiple of 16; 0 for what suits the "
            "device.",
        ),
    ] = BY_DEVICE
    batch: Annotated[
        int,
        Meta(
            ge=BY_DEVICE,
            le=64,
            title="Tiles per step",
            extra={"unit": "tiles", "zero": "auto"},
            description="Tiles that are averaged in one training step; 0 for what suits the device.",
        ),
    ] = BY_DEVICE
    learning_rate: Annotated[
        float,
        Meta(
            ge=1e-6,
            le=0.1,
            title="Learning rate",
            extra={"unit": "per step"},
            description="Size of a training step; lower is slower and steadier.",
        ),
    ] = 1e-3
    weight_decay: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            title="Weight decay",
            extra={"unit": "per step"},
            description="Pull of the network's weights towards zero (AdamW).",
        ),
    ] = 1e-4
    warm_up: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            title="Warm-up",
            extra={"unit": "steps"},
            description="Steps over which the learning rate grows from zero.",
        ),
    ] = 10
    averaging: Annotated[
        float,
        Meta(
            ge=0,
            lt=1,
            title="Moving average",
            extra={"unit": "share kept per step"},
            description="How slowly the predicting network follows the training one.",
        ),
    ] = 0.995
    loss: Annotated[
        LossKind,
        Meta(
            title="Loss",
            description="What a step makes smaller: cross-entropy, dice, tversky (counts missed pixels more than "
            "false ones) or cross-entropy + dice.",
        ),
    ] = "cross-entropy"
    label_smoothing: Annotated[
        float,
        Meta(
            ge=0,
            le=0.4,
            title="Label smoothing",
            extra={"unit": "share"},
            description="Share of each label that is spread over all classes, so that cross-entropy does not ask for "
            "full certainty; dice and tversky do not change.",
        ),
    ] = 0.0
    consistency: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            title="Consistency",
            extra={"unit": "times"},
            description="How strongly unlabelled pixels are held to the network's own moving average, so that a few "
            "strokes are not learned by heart; 0 for not at all. For networks that start from base weights.",
        ),
    ] = 3.0
    pixel_share: Annotated[
        float,
        Meta(
            ge=0.01,
            le=1,
            title="Pixels per step",
            extra={"unit": "share"},
            description="Share of the labelled pixels in the tiles, drawn at random, from which a step learns.",
        ),
    ] = 1.0
    border_weight: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            title="Border weight w0",
            extra={"unit": "times"},
            description="Extra weight of labelled pixels in narrow gaps between labelled objects (Ronneberger 2015).",
        ),
    ] = 5.0
    border_sigma: Annotated[
        float,
        Meta(
            ge=0.5,
            le=50,
            title="Border width sigma",
            extra={"unit": "px"},
            description="How wide a gap may be to count as narrow.",
        ),
    ] = 5.0
    width: Annotated[
        int,
        Meta(
            ge=0,
            le=64,
            title="Network width",
            extra={"unit": "channels", "zero": "auto"},
            description="Channels of the first level of a new network; 0 for the preset's own.",
        ),
    ] = 0
    context_planes: Annotated[
        int,
        Meta(
            ge=0,
            le=2,
            title="Context planes",
            extra={"unit": "on either side", "zero": "none"},
            description="How many planes before and after a plane the network sees with it, along the last axis of a "
            "stack or a time series; 0 for none. Another choice starts another network.",
        ),
    ] = 0
    prediction_tile: Annotated[
        int,
        Meta(
            ge=64,
            le=2048,
            multiple_of=16,
            title="Prediction tile",
            extra={"unit": "px"},
            description="Side of the tiles that come over the image one by one; changes speed, never the result.",
        ),
    ] = 512
    object_split: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            title="Split touching objects",
            extra={"unit": "share of width"},
            description="Touching objects of one class are cut where the neck between them is narrower than this share "
            "of the narrower one's width; 0 leaves connected pieces whole.",
        ),
    ] = 0.6
    object_size: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            title="Typical size",
            extra={"unit": "px across", "zero": "found"},
            description="Diameter of a typical object; 0 takes that of the predicted objects of each class, of which "
            "larger ones count more than specks.",
        ),
    ] = 0
    object_range: Annotated[
        float,
        Meta(
            ge=0,
            le=1000,
            title="Sizes that count",
            extra={"unit": "times"},
            description="Objects whose diameter is below the typical size divided by this, or above it times this, "
            "are left out of counts, tables and object files; masks keep them; 0 counts every size.",
        ),
    ] = 3.0
    object_minimum: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            title="Smallest object",
            extra={"unit": "px"},
            description="Smaller objects are left out of tables and object files; masks keep them.",
        ),
    ] = 20
    object_holes: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            title="Fill holes up to",
            extra={"unit": "px", "zero": "none"},
            description="Holes of at most so many background pixels count as part of their object; 0 for none.",
        ),
    ] = 20
    object_border: Annotated[
        int,
        Meta(
            ge=0,
            le=255,
            title="Border class",
            extra={"unit": "class number", "zero": "none"},
            description="Number of a class that is painted between touching objects: it separates them, is no object "
            "itself, and its pixels go to the objects beside them; 0 for none.",
        ),
    ] = 0
    object_ridge: Annotated[
        int,
        Meta(
            ge=0,
            le=10,
            title="Ridge between objects",
            extra={"unit": "px", "zero": "none"},
            description="Background that separates objects and is at most so wide is given to them: annotation from "
            "numbered objects has 2 px of it between those that touch, and sets this; 0 for none.",
        ),
    ] = 0
    object_link: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            title="Link objects over planes",
            extra={"unit": "smallest IoU"},
            description="Objects of neighbouring slices or times that overlap at least so much get one number; "
            "0 numbers every plane apart.",
        ),
    ] = 0.0
    object_cut: Annotated[
        bool,
        Meta(title="Leave out cut objects", description="Leave out objects that touch the frame of the image."),
    ] = False
    start_by_itself: Annotated[
        bool, Meta(title="Start by itself", description="Begin training with the first stroke of the second class.")
    ] = True
    hold_out: Annotated[
        bool,
        Meta(
            title="Hold out strokes",
            description="Never train on about a fifth of what is painted from now on, in blocks of 64 px, but score "
            "the network there and keep a worse one from being shown. Corrections take longer to be learned. Of labels "
            "from files a fifth is always held out.",
        ),
    ] = False


DEFAULT_SETTINGS = Settings()


@dataclass(frozen=True, slots=True)
class Field:
    """Describe one setting as a form or an option needs it."""

    name: str
    kind: type
    label: str
    unit: str
    help: str
    default: Any
    minimum: int | float | None
    maximum: int | float | None
    step: int | float | None
    choices: tuple[str, ...] = ()  # of a setting that is one of several names
    zero: str = ""  # what 0 stands for, where it is no number


def fields() -> Iterator[Field]:
    """Yield all settings in the order in which they are declared."""
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        kind, choices, meta = _annotation(hints[field.name])
        yield Field(
            name=field.name,
            kind=kind,
            label=str(meta.title),
            unit=str((meta.extra or {}).get("unit", "")),
            help=str(meta.description),
            default=field.default,
            minimum=meta.ge,
            maximum=meta.le if meta.le is not None else meta.lt,
            step=meta.multiple_of,
            choices=choices,
            zero=str((meta.extra or {}).get("zero", "")),
        )


def settings_from(values: dict[str, Any]) -> Settings:
    """Check values against their types and ranges; those of NumPy are taken as Python's.

    Raises
    ------
    UserError
        NU-C01 naming the setting, the value wanted and the value seen.
    """
    unknown = sorted(set(values) - {field.name for field in msgspec.structs.fields(Settings)})
    if unknown:
        raise UserError("NU-C01", f"there is no setting '{unknown[0]}'", "settings", "remove it or correct its name")
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}
    try:
        return msgspec.convert(plain, Settings, strict=False)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`")
        what = f"{name} cannot be {str(values[name])[:40]}"
        raise UserError("NU-C01", what, "settings", f"choose {_wanted(name)}") from error


def _wanted(name: str) -> str:
    """Say in words which values a setting takes."""
    kind, choices, meta = _annotation(get_type_hints(Settings, include_extras=True)[name])
    if choices or kind is bool:
        return f"one of {', '.join(choices)}" if choices else "true or false"
    number = "a number" if kind is float else "a whole number"
    multiple = f" that is a multiple of {meta.multiple_of}" if meta.multiple_of else ""
    return f"{number} from {meta.ge} to {meta.le if meta.lt is None else f'less than {meta.lt}'}{multiple}"


def changed(settings: Settings, values: dict[str, Any]) -> Settings:
    """Return the same settings with these values, checked as ``settings_from`` checks them."""
    return settings_from(msgspec.structs.asdict(settings) | values)


def preset_settings(name: str) -> dict[str, Any]:
    """Return a network by name with the settings that go with it, such as the heavy borders of 2015."""
    return {
        "preset": name,
        "learning_rate": DEFAULT_SETTINGS.learning_rate,
        "border_weight": 10.0 if name.startswith("unet-2015") else DEFAULT_SETTINGS.border_weight,
        "border_sigma": DEFAULT_SETTINGS.border_sigma,
    }


def _annotation(hint: Any) -> tuple[type, tuple[str, ...], Meta]:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"every setting needs a range, a label and help, {hint} has none")
    kind, meta = get_args(hint)
    choices = get_args(kind)
    return str if choices else kind, choices, meta
