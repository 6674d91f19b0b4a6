"""The U-Net (Ronneberger, Fischer and Brox 2015) and its family, made tile-exact; ``Architecture`` chooses a member.

The default is fed with the pixel's own intensity. This file imports nothing but torch, so that it can travel inside a
model package as the network's source.
"""

import math
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

HEAD_BLURS = (1.0, 2.0, 4.0, 8.0)  # Gaussian sigmas in pixels
HEAD_SHAPES = 3  # blurs, from the finest, whose gradient and curvatures the shallow branch also reads
HIDDEN = 32  # units of the shallow branch
CHOICES = {
    "norm": ("channel", "batch", "none"),
    "activation": ("relu", "elu"),
    "padding": ("same", "valid"),
    "up": ("transposed", "transposed-bilinear", "nearest", "bilinear", "bicubic", "unpooling", "nails"),
    "skip": ("concatenate", "sum", "none"),
    "convolution": ("plain", "dilated", "separable"),
    "head": ("linear", "experts"),
}
STORED_CONTEXT = "context"  # the name of the context planes in every file that was ever written
_UP_REACH = {"transposed-bilinear": 1, "bilinear": 1, "bicubic": 2}  # neighbouring cells that enlarging reads
_UP_RIM = {"transposed-bilinear": 1, "bilinear": 1, "bicubic": 3}  # enlarged pixels whose neighbours are missing


@dataclass(frozen=True, slots=True)
class Architecture:
    """All choices that define a network; part of every checkpoint.

    Attributes
    ----------
    channels : of the input: those of the image, once for every plane that is seen
    classes : outputs
    width : channels after the first convolution; doubles at every level
    depth : how often the image is halved
    norm : after each 3x3 convolution: "channel" (over the channels of a pixel), "batch" (Ioffe and Szegedy 2015) or
        "none", in which case the convolutions have a bias
    activation : "relu" or "elu" (Clevert et al. 2016)
    padding : "same", or "valid": convolutions give only what they can compute, and skips are cropped to fit
    up : how a level is enlarged: "transposed" (2x2, learned), "transposed-bilinear" (4x4, learned from a bilinear
        start), "nearest", "bilinear", "bicubic", "unpooling" (to where the maximum was) or "nails" (among zeros); all
        but the first with a 1x1 convolution
    skip : how a level of the contracting path joins: "concatenate", "sum" or "none"
    convolution : "plain", "dilated" (the second of each pair sees every other pixel) or "separable"
    dropout_top, dropout_bottom : share dropped between two convolutions at the first and at the last level; it rises
        every second level
    dropout_contracted : share dropped at the end of the contracting path, after each of its last two levels
    intensities : whether the head also reads the intensities and their blurs
    head : "linear" (one 1x1 convolution), or "experts", the two branches of ``DeepShallowHead``
    context_planes : planes on either side of the predicted one that the network sees; files call it "context"

    Raises
    ------
    ValueError
        For a choice that does not exist or a number that makes no sense.
    """

    channels: int = 1
    classes: int = 2
    width: int = 16
    depth: int = 4
    norm: str = "channel"
    activation: str = "relu"
    padding: str = "same"
    up: str = "transposed"
    skip: str = "concatenate"
    convolution: str = "plain"
    dropout_top: float = 0.0
    dropout_bottom: float = 0.0
    dropout_contracted: float = 0.0
    intensities: bool = True
    head: str = "linear"
    context_planes: int = field(default=0, repr=False)  # no part of the hash of a network without

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} {getattr(self, name)!r} is none of {', '.join(known)}")
        if min(self.channels, self.classes, self.width, self.depth) < 1:
            raise ValueError("channels, classes, width and depth are at least 1")
        if self.context_planes < 0 or self.channels % (2 * self.context_planes + 1):
            raise ValueError(f"{self.channels} channels are not those of {2 * self.context_planes + 1} planes")
        if not all(0 <= rate < 1 for rate in (self.dropout_top, self.dropout_bottom, self.dropout_contracted)):
            raise ValueError("a dropout rate is at least 0 and below 1")
        if self.head == "experts" and (self.padding == "valid" or not self.intensities):
            raise ValueError("a head of two branches reads intensities and needs same padding")

    def is_like(self, other: "Architecture") -> bool:
        """Tell whether two networks differ at most in their classes."""
        return replace(self, classes=other.classes) == other

    @property
    def image_channels(self) -> int:
        """Return the number of channels of one plane."""
        return self.channels // (2 * self.context_planes + 1)

    @property
    def stride(self) -> int:
        """Return the pixels of which tile origins and halos are multiples."""
        return int(2**self.depth)

    @property
    def halo(self) -> int:
        """Return the pixels around a region on which its logits depend, rounded up to a multiple of the stride."""
        pooling = self.stride - 1
        enlarging = _UP_REACH.get(self.up, 0) * 2 * (self.stride - 1)
        reach = max(self._convolved + pooling + enlarging, self._blurred)
        return math.ceil(reach / self.stride) * self.stride

    @property
    def lost(self) -> int:
        """Return the pixels that convolutions take from every side: 92 for the network of 2015, 0 with same padding."""
        rims = _UP_RIM.get(self.up, 0) * (self.stride - 1)
        return 0 if self.padding == "same" else self._convolved + rims

    @property
    def margin(self) -> int:
        """Return the pixels by which the logits are smaller than the input on every side; 0 with same padding."""
        return 0 if self.padding == "same" else max(self.lost, self._blurred)

    @property
    def rim(self) -> int:
        """Return the pixels that are computed with a region on every side: halo and margin."""
        return self.halo + self.margin

    def fitting(self, side: int) -> int:
        """Return the smallest side of an input, at least ``side``, that every pooling divides without a remainder."""
        odd = 0 if self.padding == "same" else -2 * self._block
        return side + (odd - side) % self.stride

    def input_side(self, output_side: int) -> int:
        """Return the smallest side of an input whose logits have at least ``output_side`` pixels a side.

        They have ``input_side - 2 * margin`` pixels a side and lie in the middle of the input.
        """
        return self.fitting(output_side + 2 * self.margin)

    def dropout(self, level: int) -> float:
        """Return the share dropped between the two convolutions of a level, 0 being the first."""
        share = (level // 2) / max(1, self.depth // 2)
        return self.dropout_top + (self.dropout_bottom - self.dropout_top) * share

    @property
    def _block(self) -> int:
        """Return the pixels that two 3x3 convolutions read on either side."""
        return 3 if self.convolution == "dilated" else 2

    @property
    def _convolved(self) -> int:
        """Return the pixels that all convolutions together read on either side: each level twice, the last once."""
        return self._block * (3 * self.stride - 2)

    @property
    def _blurred(self) -> int:
        """Return the pixels that the widest blur of the head reads on either side."""
        derivative = 1 if self.head == "experts" else 0
        return math.ceil(3 * max(HEAD_BLURS)) + derivative if self.intensities else 0


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel: stable with tiny batches, and blind to the rest of the tile."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, c, y, x) to the same shape; in channels_last memory both permutes are free."""
        y = functional.layer_norm(x.permute(0, 2, 3, 1), (x.shape[1],), self.weight, self.bias)
        return y.permute(0, 3, 1, 2)


class Depthwise(nn.Conv2d):
    """A 3x3 filter for every channel alone, in full precision on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, c, y, x) to as many channels, smaller by 2 pixels without padding."""
        if x.device.type != "cpu":
            return super().forward(x)
        # Depthwise convolutions in bfloat16 took minutes instead of milliseconds on one CPU tried.
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


class Separable(nn.Sequential):
    """A 3x3 convolution in two cheap ones: each channel alone, then 1x1 across the channels (Howard et al. 2017)."""

    def __init__(self, architecture: Architecture, inputs: int, outputs: int) -> None:
        biased, padding = architecture.norm == "none", int(architecture.padding == "same")
        super().__init__(
            Depthwise(inputs, inputs, 3, padding=padding, groups=inputs, bias=biased),
            norm(architecture, inputs),
            activation(architecture),
            nn.Conv2d(inputs, outputs, 1, bias=biased),
        )


class Nails(nn.Module):
    """Enlarging to twice the size: every value at the top left of its four pixels, zeros at the other three."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, c, y, x) to (b, c, 2y, 2x)."""
        batch, channels, height, width = x.shape
        bed = x.new_zeros((batch, channels, 2 * height, 2 * width)).contiguous(memory_format=torch.channels_last)
        bed[:, :, ::2, ::2] = x
        return bed


class HeadInput(NamedTuple):
    """The input of the head.

    Attributes
    ----------
    levels : decoder levels (b, c, y, x), the finest first, every next one with half the sides
    filters : pixels, blurs and shapes (b, c, y, x), see ``UNet.intensities``
    """

    levels: list[Tensor]
    filters: list[Tensor]

    def features(self) -> Tensor:
        """Join everything to one tensor (b, feature_channels, y, x)."""
        deep = [self.levels[0], *(twice(level) for level in self.levels[1:])]
        return torch.cat([*deep, *(copy_and_crop(each, deep[0]) for each in self.filters)], dim=1)


class DeepShallowHead(nn.Module):
    """A head of two branches whose logits add, so that each can veto the other (product of experts, Hinton 2002).

    The deep branch is linear in the two finest decoder levels; it carries what the network has learned elsewhere. The
    shallow branch is a small network of the pixel's own filter responses; it needs no training elsewhere, as a random
    forest on such filters needs none. Both read features that are standardised with fixed numbers.

    ``prior`` (classes,) is the part of the deep branch's bias by which a class is expected more often than an equal
    share, as a logarithm. Predicting needs only the bias, so the prior is no weight of the network.
    """

    mean: Tensor
    deviation: Tensor
    prior: Tensor

    def __init__(self, deep: int, shallow: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.split = deep
        self.register_buffer("mean", torch.zeros(deep + shallow))
        self.register_buffer("deviation", torch.ones(deep + shallow))
        self.register_buffer("prior", torch.zeros(classes), persistent=False)
        self.deep = nn.Conv2d(deep, classes, 1)
        self.hidden = nn.Conv2d(shallow, HIDDEN, 1)
        self.shallow = nn.Conv2d(HIDDEN, classes, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (b, f, y, x) to logits (b, classes, y, x)."""
        standard = (features - self.mean[:, None, None]) / self.deviation[:, None, None]
        return self.deep_logits(standard[:, : self.split]) + self.shallow_logits(standard[:, self.split :])

    @torch.no_grad()
    def expect(self, prior: Tensor) -> None:
        """Replace the prior (classes,), and change the bias by as much."""
        self.deep.bias.add_(prior - self.prior)  # type: ignore[union-attr]
        self.prior.copy_(prior)

    def deep_logits(self, standard: Tensor) -> Tensor:
        """Compute the logits of the deep branch from standardised decoder levels."""
        logits: Tensor = self.deep(standard)
        return logits

    def shallow_logits(self, standard: Tensor) -> Tensor:
        """Compute the logits of the shallow branch from standardised filter responses."""
        logits: Tensor = self.shallow(functional.relu(self.hidden(standard)))
        return logits

    def on_levels(self, levels: list[Tensor], filters: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Compute the logits of both branches from decoder levels and filters, never holding all features at full size.

        A linear map may come before the enlarging, and the standardisation is part of the weights.
        """
        weight, bias = standardising(self.deep, self.mean[: self.split], self.deviation[: self.split])
        parts = torch.split(weight, [level.shape[1] for level in levels], dim=1)
        logits = across_last(levels[0], parts[0], bias)
        for level, part in zip(levels[1:], parts[1:], strict=True):
            logits = logits + twice(across_last(level, part))
        weight, bias = standardising(self.hidden, self.mean[self.split :], self.deviation[self.split :])
        hidden = across_first(torch.cat(filters, dim=1), weight, bias).relu_()
        shallow = across_first(hidden, self.shallow.weight[:, :, 0, 0], self.shallow.bias)  # type: ignore[arg-type]
        return logits, shallow


def standardising(convolution: nn.Conv2d, mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight (outputs, inputs) and bias of a 1x1 convolution for raw features instead of standardised ones."""
    weight = convolution.weight[:, :, 0, 0] / deviation
    return weight, convolution.bias - weight @ mean  # type: ignore[operator]


def across_last(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve (b, c, y, x) in channels_last memory 1x1; as a matrix product it takes a third of the time."""
    return functional.linear(x.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2)


def across_first(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve (b, c, y, x) in contiguous memory 1x1."""
    y = torch.baddbmm(bias[:, None], weight.expand(len(x), -1, -1), x.flatten(2))
    return y.reshape(len(x), -1, *x.shape[2:])


def twice(x: Tensor) -> Tensor:
    """Enlarge to twice the sides, bilinear."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def intensity_channels(architecture: Architecture) -> int:
    """Return the number of channels that ``UNet.intensities`` gives."""
    if not architecture.intensities:
        return 0
    shapes = 3 * HEAD_SHAPES if architecture.head == "experts" else 0
    return (1 + len(HEAD_BLURS) + shapes) * architecture.channels


def norm(architecture: Architecture, channels: int) -> nn.Module:
    """Make the norm that follows a 3x3 convolution; with none, a place-holder keeps the positions."""
    if architecture.norm == "none":
        return nn.Identity()
    return nn.BatchNorm2d(channels) if architecture.norm == "batch" else ChannelNorm(channels)


def activation(architecture: Architecture, dropout: float = 0.0) -> nn.Module:
    """Make the nonlinearity, and dropout in the same position where there is any."""
    rectifier = nn.ELU(inplace=True) if architecture.activation == "elu" else nn.ReLU(inplace=True)
    return nn.Sequential(rectifier, nn.Dropout(dropout)) if dropout else rectifier


def convolution(architecture: Architecture, kind: str, inputs: int, outputs: int) -> nn.Module:
    """Make one 3x3 convolution, "plain", "dilated" or "separable"."""
    if kind == "separable":
        return Separable(architecture, inputs, outputs)
    dilation = 2 if kind == "dilated" else 1
    padding = dilation if architecture.padding == "same" else 0
    biased = architecture.norm == "none"
    return nn.Conv2d(inputs, outputs, 3, padding=padding, dilation=dilation, bias=biased)


def double_convolution(
    architecture: Architecture, inputs: int, outputs: int, between: float = 0.0, after: float = 0.0, first: bool = False
) -> nn.Sequential:
    """Make two 3x3 convolutions, each normalised and rectified, with these shares dropped in training.

    The ``first`` pair reads the image itself, which is never convolved channel by channel.
    """
    separable = architecture.convolution == "separable" and not first
    return nn.Sequential(
        convolution(architecture, "separable" if separable else "plain", inputs, outputs),
        norm(architecture, outputs),
        activation(architecture, between),
        convolution(architecture, architecture.convolution, outputs, outputs),
        norm(architecture, outputs),
        activation(architecture, after),
    )


def upsampling(kind: str, inputs: int, outputs: int) -> nn.Module:
    """Make the layers that give twice the size and ``outputs`` channels.

    The 1x1 convolution comes before the enlarging: the result is the same for a quarter of the work, since weights of
    an interpolation sum to 1.
    """
    if kind == "transposed":
        return nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
    across = nn.Conv2d(inputs, outputs, 1)
    if kind == "transposed-bilinear":
        return nn.Sequential(across, nn.ConvTranspose2d(outputs, outputs, 4, stride=2, padding=1))
    if kind == "nails":
        return nn.Sequential(across, Nails())
    if kind in {"bilinear", "bicubic"}:
        return nn.Sequential(across, nn.Upsample(scale_factor=2, mode=kind, align_corners=False))
    return nn.Sequential(across, nn.Upsample(scale_factor=2, mode="nearest"))  # unpooling clears what was no maximum


def where_largest(y: Tensor, pooled: Tensor) -> Tensor:
    """Mark the first of the largest of each 2x2 pixels with 1, all others with 0.

    As ``max_unpool2d`` makes of ones, which neither torch.jit nor ONNX translate rightly.
    """
    height, width = pooled.shape[2:]
    four = [y[:, :, i::2, j::2][:, :, :height, :width] == pooled for i in range(2) for j in range(2)]
    free = torch.ones_like(four[0])
    first = []
    for largest in four:
        first.append((largest & free).float())
        free = free & ~largest
    return functional.pixel_shuffle(torch.stack(first, dim=2).flatten(1, 2), 2)


class UNet(nn.Module):
    """The U-Net: a contracting path, an expanding path with skips, and a head that may also see the intensities.

    The channel norm removes how bright a pixel is; on fluorescence that is most of the answer, so the normalised
    intensity and its Gaussian blurs join the features before the head.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        depth, widths = architecture.depth, [architecture.width * 2**level for level in range(architecture.depth + 1)]
        merged = 2 if architecture.skip == "concatenate" else 1
        self.down = nn.ModuleList(
            double_convolution(
                architecture,
                architecture.channels if level == 0 else widths[level - 1],
                widths[level],
                architecture.dropout(level),
                architecture.dropout_contracted if level >= depth - 1 else 0.0,
                first=level == 0,
            )
            for level in range(depth + 1)
        )
        upward = range(depth - 1, -1, -1)
        self.up = nn.ModuleList(upsampling(architecture.up, 2 * widths[level], widths[level]) for level in upward)
        self.merge = nn.ModuleList(
            double_convolution(architecture, merged * widths[level], widths[level], architecture.dropout(level))
            for level in upward
        )
        self.head = self.fresh_head(architecture.classes)
        for index, sigma in enumerate(HEAD_BLURS if architecture.intensities else ()):
            self.register_buffer(f"gaussian_{index}", gaussian_kernel(sigma), persistent=False)
        self.apply(_initialise)

    @property
    def feature_channels(self) -> int:
        """Return the channels that the head reads: decoder levels, then intensities and what is computed from them."""
        shallow = intensity_channels(self.architecture)
        return self.architecture.width * (3 if self.architecture.head == "experts" else 1) + shallow

    def fresh_head(self, classes: int) -> "nn.Conv2d | DeepShallowHead":
        """Make an untrained head for so many classes."""
        if self.architecture.head == "experts":
            return DeepShallowHead(3 * self.architecture.width, intensity_channels(self.architecture), classes)
        return nn.Conv2d(self.feature_channels, classes, 1)

    @property
    def head_weight(self) -> Tensor:
        """Return a parameter of the head, which tells on what device it is and whether it learns."""
        return next(self.head.parameters())

    def features(self, x: Tensor) -> Tensor:
        """Map normalised pixels (b, c, y, x) to (b, feature_channels, y - 2 margin, x - 2 margin).

        Sides must be ones that ``Architecture.fitting`` gives: multiples of the stride with same padding.
        """
        return self.head_input(x).features()

    def head_input(self, x: Tensor) -> HeadInput:
        """Compute from normalised pixels (b, c, y, x) what the head reads, in float32."""
        return HeadInput([level.float() for level in self.decoded(x)], self.intensities(x))

    def decoded(self, x: Tensor) -> list[Tensor]:
        """Map normalised pixels (b, c, y, x) to the decoder levels that the head reads, the finest first.

        The last decoder level has (b, width, y - 2 margin, x - 2 margin), the one before it twice the channels and
        half the sides.
        """
        skips: list[Tensor] = []
        maxima: list[Tensor] = []
        levels: list[Tensor] = []
        y = x
        for level, block in enumerate(self.down):
            if level:
                skips.append(y)
                y = self.pooled(y, maxima)
            y = block(y)
        for up, merge in zip(self.up, self.merge, strict=True):
            levels.append(y)
            y = merge(self.joined(skips.pop(), self.enlarged(up(y), maxima)))
        y = trimmed(y, self.architecture.margin - self.architecture.lost)
        return [y, levels[-1]] if self.architecture.head == "experts" else [y]

    def pooled(self, y: Tensor, maxima: list[Tensor]) -> Tensor:
        """Take the largest of each 2x2 pixels; for unpooling, add to ``maxima`` where it was (1 there, 0 elsewhere)."""
        if self.architecture.up != "unpooling":
            return functional.max_pool2d(y, 2)
        pooled = functional.max_pool2d(y, 2)
        maxima.append(where_largest(y, pooled))
        return pooled

    def enlarged(self, y: Tensor, maxima: list[Tensor]) -> Tensor:
        """Finish an enlarged level: keep the maxima when unpooling, take off a rim that lacked neighbours."""
        if maxima:
            return y * copy_and_crop(maxima.pop(), y).to(y.dtype)
        return trimmed(y, _UP_RIM.get(self.architecture.up, 0)) if self.architecture.padding == "valid" else y

    def joined(self, skip: Tensor, y: Tensor) -> Tensor:
        """Join a level (b, c, y, x) of the contracting path, cropped to fit, with the enlarged level below it."""
        if self.architecture.skip == "none":
            return y
        skip = copy_and_crop(skip, y)
        return skip + y if self.architecture.skip == "sum" else torch.cat([skip, y], dim=1)

    def intensities(self, x: Tensor) -> list[Tensor]:
        """Compute what the head reads beside the decoded features, at the size of ``x``: pixels, blurs, shapes."""
        if not self.architecture.intensities:
            return []
        blurred = self.blurred(x)
        shapes = HEAD_SHAPES if self.architecture.head == "experts" else 0
        with torch.autocast(x.device.type, enabled=False):
            shaped = [shape_responses(blurred[index], HEAD_BLURS[index]) for index in range(shapes)]
        return [x, *blurred, *shaped]

    def blurred(self, x: Tensor) -> list[Tensor]:
        """Blur every channel with each Gaussian, replicated at the rim; each has the shape of ``x``."""
        # In full precision: depthwise convolutions in bfloat16 took minutes instead of milliseconds on one CPU tried.
        with torch.autocast(x.device.type, enabled=False):
            return [separable_blur(x, getattr(self, f"gaussian_{index}")) for index in range(len(HEAD_BLURS))]

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised pixels (b, c, y, x) to logits (b, classes, y - 2 margin, x - 2 margin)."""
        return self.branches(self.head_input(x)).sum(dim=1)

    def branches(self, head_input: HeadInput) -> Tensor:
        """Compute the logits of each branch of the head, (b, branches, classes, y, x); their sum is the answer."""
        # Eight bits of mantissa would blur the intensities that the head is given.
        with torch.autocast(head_input.levels[0].device.type, enabled=False):
            if isinstance(self.head, DeepShallowHead):
                return torch.stack(self.head.on_levels(head_input.levels, head_input.filters), dim=1)
            logits: Tensor = self.head(head_input.features())
        return logits[:, None]


def build(architecture: Architecture, seed: int = 0) -> UNet:
    """Build a fresh network in channels_last memory whose weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UNet(architecture).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def attribute_names(record: dict[str, Any]) -> dict[str, Any]:
    """Return an architecture as files store it under the names of the attributes."""
    return {"context_planes" if name == STORED_CONTEXT else name: value for name, value in record.items()}


def stored_names(architecture: Architecture) -> dict[str, Any]:
    """Return the fields of an architecture under the names by which files store them."""
    return {STORED_CONTEXT if name == "context_planes" else name: value for name, value in asdict(architecture).items()}


def from_fields(**fields: int | float | bool | str) -> UNet:
    """Build an untrained network from its stored architecture; the description of a model package calls this."""
    return UNet(Architecture(**attribute_names(fields)))


@torch.no_grad()
def fold(network: UNet) -> UNet:
    """Fold batch norm into the convolutions, with its running statistics and scales; the function stays the same.

    Returns a new network with ``norm="none"`` in evaluation mode on the same device.

    Raises
    ------
    ValueError
        For a network whose norm is not "batch".
    """
    if network.architecture.norm != "batch":
        raise ValueError(f"a network with norm {network.architecture.norm!r} has no statistics to fold")
    weights = dict(network.state_dict())
    for name, block in network.named_modules():
        if not isinstance(block, nn.Sequential):
            continue
        for (index, before), (next_index, after) in pairwise(block.named_children()):
            if isinstance(after, nn.BatchNorm2d):
                last = f".{len(before) - 1}" if isinstance(before, Separable) else ""
                _fold_into(weights, f"{name}.{index}{last}", f"{name}.{next_index}", after.eps)
    folded = UNet(replace(network.architecture, norm="none")).to(network.head_weight.device)
    folded.load_state_dict(weights)
    return folded.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def copy_and_crop(x: Tensor, like: Tensor) -> Tensor:
    """Cut the middle of (b, c, y, x) as large as ``like``: the skip of valid padding (Ronneberger et al. 2015)."""
    height, width = like.shape[-2:]
    top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
    return x[..., top : top + height, left : left + width]


def trimmed(x: Tensor, rim: int) -> Tensor:
    """Cut ``rim`` pixels off every side of (b, c, y, x)."""
    return x[..., rim:-rim, rim:-rim] if rim else x


def gaussian_kernel(sigma: float) -> Tensor:
    """Sample a Gaussian out to three sigmas; the numbers sum to 1."""
    radius = math.ceil(3 * sigma)
    # On the processor even where the network is built without memory: there it took half a second the first time.
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32, device="cpu")
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return weights / weights.sum()


def separable_blur(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolve every channel of (b, c, y, x) with ``kernel`` along y and x; rims are replicated."""
    channels, radius = x.shape[1], len(kernel) // 2
    rows = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    y = functional.conv2d(functional.pad(x, (0, 0, radius, radius), mode="replicate"), rows, groups=channels)
    columns = rows.transpose(2, 3)
    return functional.conv2d(functional.pad(y, (radius, radius, 0, 0), mode="replicate"), columns, groups=channels)


def shape_responses(blurred: Tensor, sigma: float) -> Tensor:
    """Compute gradient magnitude and both eigenvalues of the Hessian of (b, c, y, x), as (b, 3c, y, x), times sigma.

    Central differences of an image that was blurred with ``sigma``; rims are replicated.
    """
    p = functional.pad(blurred, (1, 1, 1, 1), mode="replicate")
    up, down, left, right = p[..., :-2, 1:-1], p[..., 2:, 1:-1], p[..., 1:-1, :-2], p[..., 1:-1, 2:]
    gradient = torch.hypot((down - up) / 2, (right - left) / 2)
    yy, xx = down - 2 * blurred + up, right - 2 * blurred + left
    xy = (p[..., 2:, 2:] - p[..., 2:, :-2] - p[..., :-2, 2:] + p[..., :-2, :-2]) / 4
    middle, half = (yy + xx) / 2, torch.hypot((yy - xx) / 2, xy)
    return torch.cat([gradient * sigma, (middle + half) * sigma**2, (middle - half) * sigma**2], dim=1)


def bilinear_kernel(channels: int) -> Tensor:
    """Return weights (channels, channels, 4, 4) for a transposed convolution of stride 2 that interpolates bilinearly.

    Each channel goes to itself (Long, Shelhamer and Darrell 2015).
    """
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    return torch.eye(channels)[:, :, None, None] * torch.outer(line, line)


def _fold_into(weights: dict[str, Tensor], convolved: str, normed: str, epsilon: float) -> None:
    scale = weights.pop(f"{normed}.weight") / torch.sqrt(weights.pop(f"{normed}.running_var") + epsilon)
    weights[f"{convolved}.weight"] = weights[f"{convolved}.weight"] * scale[:, None, None, None]
    weights[f"{convolved}.bias"] = weights.pop(f"{normed}.bias") - weights.pop(f"{normed}.running_mean") * scale
    del weights[f"{normed}.num_batches_tracked"]


def _initialise(module: nn.Module) -> None:
    """Initialise after He et al. 2015; a transposed 4x4 convolution starts as bilinear interpolation."""
    if any(parameter.is_meta for parameter in module.parameters(recurse=False)):
        return  # nothing to fill, and trying to took more than a second the first time
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, nn.ConvTranspose2d) and module.kernel_size == (4, 4):
        with torch.no_grad():
            module.weight.copy_(bilinear_kernel(module.in_channels))
