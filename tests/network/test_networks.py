"""Laws of the family of networks: every preset is what its paper says, is the same in tiles, and learns."""

import ast
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from skimage import data, filters
from torch import Tensor, nn
from torch.nn import functional

import napari_unet
from napari_unet.config import preset_settings
from napari_unet.errors import UserError
from napari_unet.images.tiles import Region, read_mirrored
from napari_unet.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.network.presets import PRESETS, Preset, preset_named
from napari_unet.network.unet import (
    CHOICES,
    Architecture,
    DeepShallowHead,
    Nails,
    UNet,
    bilinear_kernel,
    build,
    copy_and_crop,
    fold,
    upsampling,
)
from napari_unet.prediction.plane import predict_probabilities, resumable_plane
from napari_unet.prediction.resumable import run_to_end

FLOAT, HALF = Device("cpu", "", False), Device("cpu", "", True)
ROOT = Path(napari_unet.__file__).parents[1]
STEPS = 60
SMALL = {name: replace(preset.architecture, width=8, depth=2) for name, preset in PRESETS.items()}
UNUSUAL = {
    **{f"valid {up}": Architecture(1, 2, 8, 2, padding="valid", up=up, intensities=False) for up in CHOICES["up"]},
    "valid dilated unpooling": Architecture(
        1, 2, 8, 2, padding="valid", up="unpooling", convolution="dilated", intensities=False
    ),
    "valid separable batch": Architecture(1, 2, 8, 2, norm="batch", padding="valid", convolution="separable"),
    "shallow": Architecture(1, 2, 8, 1),
    "experts": Architecture(1, 2, 8, 2, norm="none", head="experts"),
    "experts in colour": Architecture(3, 2, 8, 2, norm="none", head="experts"),
    "shallow valid": Architecture(1, 2, 8, 1, padding="valid"),
}
MEMBERS = SMALL | UNUSUAL


def settled(architecture: Architecture, seed: int = 3) -> UNet:
    """An untrained network that gives both answers; its batch norms have seen something and are not the identity."""
    network = build(architecture, seed)
    side = architecture.input_side(16)
    with torch.no_grad():
        for norm in network.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.weight.uniform_(0.5, 1.5)
                norm.bias.normal_()
        for step in range(3):
            torch.manual_seed(step)
            network(torch.randn(2, architecture.channels, side, side) + 1)
        logits = network.eval()(torch.randn(2, architecture.channels, side, side) + 0.5)
        last = network.head.deep if isinstance(network.head, DeepShallowHead) else network.head
        last.bias -= logits.mean(dim=(0, 2, 3))
    return network


def plane(height: int, width: int, channels: int = 1) -> np.ndarray:
    """Normalised noise, the right half brighter."""
    pixels = np.random.default_rng(7).normal(0, 0.7, (height, width, channels)).astype(np.float32)
    pixels[:, width // 2 :] += 1
    return np.clip(pixels, -3, 3)


# What the papers say


def test_the_network_of_2015_maps_572_pixels_to_388() -> None:
    """Figure 1 of the paper: sizes and channels at every level, and 31 million weights."""
    architecture = PRESETS["unet-2015"].architecture
    with torch.device("meta"):
        network = UNet(architecture).eval()
        seen: list[Tensor] = []
        for block in network.down:
            block.register_forward_hook(lambda _, __, out: seen.append(out))
        features = network.features(torch.empty(1, 1, 572, 572))
    assert [tuple(each.shape[1:]) for each in seen] == [
        (64, 568, 568),
        (128, 280, 280),
        (256, 136, 136),
        (512, 64, 64),
        (1024, 28, 28),
    ]
    assert network.head(features).shape == (1, 2, 388, 388)
    assert (architecture.margin, architecture.input_side(388), architecture.fitting(571)) == (92, 572, 572)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(31.03e6, rel=1e-3)


def written_out(network: UNet, x: Tensor) -> Tensor:
    """The network of 2015 in plain torch functions, for depth 2."""
    w = network.state_dict()

    def pair(x: Tensor, name: str) -> Tensor:
        for index in (0, 3):
            x = functional.conv2d(x, w[f"{name}.{index}.weight"], w[f"{name}.{index}.bias"]).relu()
        return x

    first = pair(x, "down.0")
    second = pair(functional.max_pool2d(first, 2), "down.1")
    y = pair(functional.max_pool2d(second, 2), "down.2")
    for level, (skip, crop) in enumerate([(second, 4), (first, 16)]):
        y = functional.conv_transpose2d(y, w[f"up.{level}.weight"], w[f"up.{level}.bias"], stride=2)
        y = pair(torch.cat([skip[:, :, crop:-crop, crop:-crop], y], dim=1), f"merge.{level}")
    return functional.conv2d(y, w["head.weight"], w["head.bias"])


def test_the_network_of_2015_is_the_paper_s() -> None:
    """Valid 3x3 convolutions with ReLU, 2x2 pooling, 2x2 up-convolutions, copy and crop, 1x1: written out again."""
    network = settled(SMALL["unet-2015"])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)  # biases that are not zero
        x = torch.randn(2, 1, 60, 76)
        assert torch.allclose(network(x), written_out(network, x), atol=1e-5)


def test_the_training_of_2015_is_the_paper_s() -> None:
    """SGD with momentum 0.99, w_0 = 10, sigma = 5 pixels, He initialisation, dropout where the contraction ends."""
    preset = preset_named("unet-2015")
    settings = preset_settings("unet-2015")
    assert (settings["border_weight"], settings["border_sigma"]) == (10, 5)
    network = build(replace(preset.architecture, width=16))
    optimiser = preset.optimiser_for(network.parameters())
    assert isinstance(optimiser, torch.optim.SGD)
    assert optimiser.param_groups[0]["momentum"] == 0.99
    weight = network.down[3][3].weight
    assert float(weight.detach().std()) == pytest.approx((2 / (9 * weight.shape[1])) ** 0.5, rel=0.02)
    assert dropouts(network) == {"down.3.5.1": 0.5, "down.4.5.1": 0.5}


def dropouts(network: UNet) -> dict[str, float]:
    """Share of every dropout by its place."""
    return {name: module.p for name, module in network.named_modules() if isinstance(module, nn.Dropout)}


def test_the_elu_variant_drops_more_the_deeper() -> None:
    """0.1 0.1 0.2 0.2 0.3 down and 0.2 0.2 0.1 0.1 up, between the two convolutions; 16 to 256 channels."""
    network = build(PRESETS["elu-dropout"].architecture)
    rates = [0.1, 0.1, 0.2, 0.2, 0.3]
    expected = {f"down.{level}.2.1": rate for level, rate in enumerate(rates)}
    expected |= {f"merge.{index}.2.1": rate for index, rate in enumerate(reversed(rates[:-1]))}
    assert dropouts(network) == pytest.approx(expected)
    assert [block[3].out_channels for block in network.down] == [16, 32, 64, 128, 256]
    assert sum(isinstance(module, nn.ELU) for module in network.modules()) == 18


def test_batch_norm_follows_every_convolution() -> None:
    """Convolution, batch norm, ReLU, twice in each block."""
    network = build(SMALL["unet-2015-batchnorm"])
    for block in [*network.down, *network.merge]:
        assert [type(each) for each in block] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 2


def test_the_default_keeps_its_names() -> None:
    """Files of earlier versions hold weights under these names."""
    names = {name.rsplit(".", 1)[0] for name in build(Architecture(1, 2, 4, 2)).state_dict()}
    blocks = ["down.0", "down.1", "down.2", "merge.0", "merge.1"]
    assert names == {f"{block}.{index}" for block in blocks for index in (0, 1, 3, 4)} | {"up.0", "up.1", "head"}
    assert PRESETS["fast"].architecture == Architecture()


def test_the_network_file_stands_alone() -> None:
    """It imports torch and Python's own library only, so that it can travel inside a model package."""
    source = (ROOT / "napari_unet" / "network" / "unet.py").read_text(encoding="utf-8")
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or node.names[0].name for node in imports}
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"torch"}


def test_unpooling_uses_the_indices_of_the_pooling() -> None:
    """Values come back where the maximum was, as torch's own unpooling puts them, also after a crop."""
    network = build(Architecture(1, 2, 4, 1, up="unpooling"))
    x = torch.randn(2, 4, 12, 8)
    maxima: list[Tensor] = []
    pooled, indices = functional.max_pool2d(x, 2, return_indices=True)
    assert torch.equal(network.pooled(x, maxima), pooled)
    low = torch.randn_like(pooled)
    expected = functional.max_unpool2d(low, indices, 2)
    enlarged = functional.interpolate(low, scale_factor=2)
    assert torch.equal(network.enlarged(enlarged, list(maxima)), expected)
    assert torch.equal(network.enlarged(enlarged[:, :, 2:-2, 2:-2], maxima), expected[:, :, 2:-2, 2:-2])


def test_a_bed_of_nails_has_one_value_in_four() -> None:
    """At the top left of each four pixels."""
    expected = torch.tensor([[1.0, 0, 2, 0], [0, 0, 0, 0]])
    assert torch.equal(Nails()(torch.tensor([[[[1.0, 2.0]]]])), expected[None, None])


def test_the_transposed_convolution_starts_bilinear() -> None:
    """Its first weights interpolate as torch does, but for the rim; and they are the initial ones of the network."""
    x = torch.randn(1, 3, 6, 7)
    found = functional.conv_transpose2d(x, bilinear_kernel(3), stride=2, padding=1)
    expected = functional.interpolate(x, scale_factor=2, mode="bilinear")
    assert torch.allclose(found[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-6)
    network = build(SMALL["up-transposed-bilinear"])
    assert torch.equal(network.up[0][1].weight, bilinear_kernel(16))


@pytest.mark.parametrize("kind", ["nearest", "bilinear", "bicubic"])
def test_a_1x1_convolution_may_come_before_the_interpolation(kind: str) -> None:
    """The order that costs a quarter gives the same."""
    layers = upsampling(kind, 6, 3)
    x = torch.randn(1, 6, 8, 8)
    align = {} if kind == "nearest" else {"align_corners": False}
    with torch.no_grad():
        expected = layers[0](functional.interpolate(x, scale_factor=2, mode=kind, **align))
        assert torch.allclose(layers(x), expected, atol=1e-5)


def test_skips_join_as_they_are_named() -> None:
    """Concatenated, added, or not at all; larger ones are cropped to the middle."""
    skip, y = torch.arange(36.0).view(1, 1, 6, 6), torch.ones(1, 1, 2, 2)
    middle = torch.tensor([[14.0, 15.0], [20.0, 21.0]])[None, None]
    assert torch.equal(copy_and_crop(skip, y), middle)
    for kind, expected in {"concatenate": torch.cat([middle, y], dim=1), "sum": middle + 1, "none": y}.items():
        assert torch.equal(build(Architecture(1, 2, 4, 1, skip=kind)).joined(skip, y), expected)


def test_the_light_network_is_light() -> None:
    """Separable convolutions but for the first one, and a sixth of the weights of the default."""
    sizes = {name: parameters(PRESETS[name]) for name in ("light", "fast", "accurate")}
    assert sizes["light"] < sizes["fast"] / 6
    assert sizes["fast"] < sizes["accurate"]
    network = build(PRESETS["light"].architecture)
    plain = [n for n, m in network.named_modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert [name for name in plain if network.get_submodule(name).groups == 1] == ["down.0.0"]


def parameters(preset: Preset) -> int:
    """Number of trainable numbers, counted without making them."""
    with torch.device("meta"):
        return sum(p.numel() for p in UNet(preset.architecture).parameters())


# The law of tiles


@pytest.mark.parametrize("name", MEMBERS)
def test_tiling_changes_nothing(name: str) -> None:
    """Classes bit for bit and probabilities to 1e-5, whatever regions a plane is cut into, in both number formats."""
    network = settled(MEMBERS[name])
    pixels = plane(57, 75, network.architecture.channels)
    for device in (FLOAT, HALF):
        predictor = Predictor(network, (1, 2), device)
        expected, probabilities = (
            run_to_end(resumable_plane(predictor, pixels, 512)),
            predict_probabilities(predictor, pixels, 512),
        )
        assert len(np.unique(expected)) == 2
        for tile in (17, 32):
            np.testing.assert_array_equal(run_to_end(resumable_plane(predictor, pixels, tile)), expected)
            np.testing.assert_allclose(predict_probabilities(predictor, pixels, tile), probabilities, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, member in MEMBERS.items() if member.padding == "valid"])
def test_valid_padding_sees_mirrored_borders(name: str) -> None:
    """Predicting a plane is predicting the middle of the plane continued by its mirror image."""
    network = settled(MEMBERS[name])
    pixels, around = plane(32, 40), network.architecture.stride * 20
    wide = np.pad(pixels, ((around, around), (around, around), (0, 0)), mode="symmetric")
    found = predict_probabilities(Predictor(network, (1, 2), FLOAT), pixels, 512)
    region = Region(around, around, around + 32, around + 40)
    np.testing.assert_allclose(Predictor(network, (1, 2), FLOAT).probabilities(wide, region), found, atol=1e-5)


def furthest(network: UNet) -> int:
    """Measure how far a change of one pixel reaches in the logits, over all positions in the pooling grid."""
    architecture = network.architecture
    side = architecture.fitting(2 * (architecture.halo + architecture.margin) + 4 * architecture.stride)
    height = architecture.input_side(8)
    with torch.inference_mode():
        for name, parameter in network.named_parameters():
            if name.endswith("weight") and parameter.ndim == 4:
                parameter.abs_()  # nothing cancels
        x = torch.from_numpy(plane(height, side, network.architecture.channels)).permute(2, 0, 1)[None]
        before, reached = network(x), 0
        for phase in range(architecture.stride):
            column = side // 2 // architecture.stride * architecture.stride + phase
            changed = x.clone()
            changed[:, :, :, column] += 50
            seen = (network(changed) != before).any(dim=2).any(dim=1)[0].nonzero().ravel() + architecture.margin
            reached = max(reached, int((seen - column).abs().max()))
    return reached


@pytest.mark.parametrize("name", MEMBERS)
def test_the_halo_is_as_wide_as_the_network_sees(name: str) -> None:
    """Nothing beyond it changes a logit, and it is no wider than the rounding to the stride needs."""
    network = settled(MEMBERS[name])
    reached, halo = furthest(network), network.architecture.halo
    assert reached <= halo
    assert reached > halo - 2 * network.architecture.stride


@pytest.mark.parametrize("name", MEMBERS)
def test_sides_are_told_right(name: str) -> None:
    """An input of the told side gives at least the wanted logits, less than a stride more, and the least possible."""
    architecture = MEMBERS[name]
    network = settled(architecture)
    for wanted in (1, 6, 17):
        side = architecture.input_side(wanted)
        with torch.inference_mode():
            out = network(torch.zeros(1, architecture.channels, side, side)).shape[-1]
        assert out == side - 2 * architecture.margin
        assert wanted <= out < wanted + architecture.stride


def test_dropout_is_off_when_predicting() -> None:
    """Two predictions are the same; two training passes are not."""
    for name in ("unet-2015", "elu-dropout"):
        network = settled(SMALL[name])
        side = network.architecture.input_side(8)
        x = torch.randn(1, 1, side, side)
        with torch.no_grad():
            assert torch.equal(network(x), network(x))
            network.train()
            assert not torch.equal(network(x), network(x))


# Folding


@pytest.mark.parametrize("convolution", CHOICES["convolution"])
@pytest.mark.parametrize("padding", CHOICES["padding"])
@pytest.mark.parametrize("activation", CHOICES["activation"])
def test_folding_changes_no_output(convolution: str, padding: str, activation: str) -> None:
    """A network without norm gives the logits of the one with batch norm, and the latter is left as it was."""
    network = settled(
        Architecture(3, 2, 4, 2, norm="batch", convolution=convolution, padding=padding, activation=activation)
    )
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    folded = fold(network)
    assert folded.architecture == replace(network.architecture, norm="none")
    assert not folded.training
    side = network.architecture.input_side(32)
    x = torch.randn(2, 3, side, side)
    with torch.inference_mode():
        expected = network(x)
        assert torch.allclose(folded(x), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_only_batch_norm_can_be_folded() -> None:
    """The channel norm depends on the pixel."""
    with pytest.raises(ValueError, match="no statistics"):
        fold(build(Architecture(1, 2, 4, 2)))


# Learning


@pytest.fixture(scope="module")
def glands() -> tuple[np.ndarray, np.ndarray]:
    """Stained colon, 96 x 96 pixels in colour, and where its glands are by a blurred threshold."""
    picture = data.immunohistochemistry()
    grey = filters.gaussian(picture.mean(2), 6)
    rows, columns = slice(272, 368), slice(224, 320)
    pixels = picture[rows, columns].astype(np.float32)
    return normalised(pixels), (grey < filters.threshold_otsu(grey))[rows, columns]


def normalised(pixels: np.ndarray) -> np.ndarray:
    """Channels between -1 and +1, as images are normalised for the network."""
    low, high = np.percentile(pixels, [0.2, 99.8], axis=(0, 1))
    return np.clip((pixels - low) / (high - low) * 2 - 1, -3, 3).astype(np.float32)


def mean_dice(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean Dice of both classes."""
    return float(
        np.mean([2 * ((found == k) & (truth == k)).sum() / ((found == k).sum() + (truth == k).sum()) for k in (0, 1)])
    )


def reduced(preset: Preset) -> Architecture:
    """Half the channels, 12 at most, and three levels: fast enough to train in a test."""
    width = min(preset.architecture.width // 2, 12)
    return replace(preset.architecture_for(3, 2), width=width, depth=3)


def train(network: UNet, preset: Preset, pixels: np.ndarray, truth: np.ndarray, strokes: np.ndarray) -> None:
    """Balanced cross-entropy on the strokes of one mirrored tile, with the preset's own optimiser."""
    architecture, side = network.architecture, truth.shape[0]
    end = architecture.input_side(side) - architecture.margin
    tile = read_mirrored(pixels, Region(-architecture.margin, -architecture.margin, end, end))
    x = torch.from_numpy(tile).permute(2, 0, 1)[None].contiguous(memory_format=torch.channels_last)
    target = torch.from_numpy(truth.astype(np.int64))[None]
    weights = np.where(truth, 1 / (strokes & truth).sum(), 1 / (strokes & ~truth).sum()) * strokes / 2
    optimiser = preset.optimiser_for(network.parameters())
    network.train()
    for _ in range(STEPS):
        logits = network(x)[..., :side, :side]
        loss = (functional.cross_entropy(logits, target, reduction="none") * torch.from_numpy(weights)).sum()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    network.eval()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_learns_a_real_image(name: str, glands: tuple[np.ndarray, np.ndarray]) -> None:
    """From thin slanted lines, one pixel in 29, on the pixels 6 and more away from them along a row.

    Slanted, because lines at one position in the pooling grid would teach the others nothing.
    """
    pixels, truth = glands
    y, x = np.indices(truth.shape)
    distance = (x + 2 * y) % 29
    unseen = (distance >= 6) & (distance <= 23)
    torch.manual_seed(0)
    network = build(reduced(PRESETS[name]))
    predictor, whole = Predictor(network, (0, 1), FLOAT), Region(0, 0, *truth.shape)

    def score() -> float:
        return mean_dice(predictor.classes(pixels, whole)[unseen], truth[unseen])

    network.eval()
    untrained = score()
    train(network, PRESETS[name], pixels, truth, distance == 0)
    trivial = max(mean_dice(np.full(unseen.sum(), k), truth[unseen]) for k in (0, 1))
    assert trivial < 0.5
    assert score() > max(untrained, trivial) + 0.25


# Names


def test_an_unknown_preset_is_told_in_one_line() -> None:
    """With the names that there are."""
    for name in ("magic", "two\nlines", "long" * 1000):
        with pytest.raises(UserError, match=r"^NU-C03: .*fast, accurate, light, unet-2015") as caught:
            preset_named(name)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500


def test_presets_are_known_by_their_names() -> None:
    """Each under its own name; every choice of the family is some preset's, or that of the base weights."""
    assert all(preset_named(name).name == name for name in PRESETS)
    assert len({(p.architecture, p.optimiser) for p in PRESETS.values()}) == len(PRESETS)
    for choice, values in CHOICES.items():
        used = {getattr(preset.architecture, choice) for preset in PRESETS.values()}
        assert used | ({"experts"} if choice == "head" else set()) == set(values)
    fitted = preset_named("light").architecture_for(3, 5)
    assert (fitted.channels, fitted.classes, fitted.convolution) == (3, 5, "separable")


def test_every_preset_is_in_the_book() -> None:
    """docs/networks.md lists each with its halo and number of weights and has a paragraph on it."""
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("not a checkout")
    book = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    for name, preset in PRESETS.items():
        assert f"\n## {name}\n" in book
        row = next(line for line in book.splitlines() if line.startswith(f"| [{name}](#{name}) |"))
        a = preset.architecture
        halo = f"{a.halo} ({a.margin})" if a.margin else f"{a.halo}"
        assert row.endswith(f"| {halo} | {parameters(preset):,} |"), f"{name}: {halo}, {parameters(preset):,}"


# Files


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_a_file(name: str, tmp_path: Path) -> None:
    """The same architecture and the same logits bit for bit."""
    network = settled(SMALL[name])
    checkpoint = Checkpoint(network.architecture, (1, 2), ("a", "b"), 3, dict(network.state_dict()))
    save_checkpoint(checkpoint, tmp_path / "best.safetensors")
    loaded = load_checkpoint(tmp_path / "best.safetensors")
    assert loaded.architecture == network.architecture
    side = network.architecture.input_side(8)
    x = torch.randn(1, 1, side, side)
    with torch.inference_mode():
        assert torch.equal(loaded.network()(x), network(x))


def rewritten(path: Path, changes: Any, version: int = 2, only: tuple[str, ...] = ()) -> Path:
    """A sound file whose record of the architecture was changed afterwards."""
    network = build(Architecture(1, 2, 4, 2))
    save_checkpoint(Checkpoint(network.architecture, (1, 2), ("a", "b"), 3, dict(network.state_dict())), path)
    path.with_suffix(".json").unlink()
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        record = json.loads(file.metadata()["napari_unet"])
    kept = record["architecture"] if not only else {name: record["architecture"][name] for name in only}
    record |= {"architecture": kept | changes if isinstance(changes, dict) else changes, "format": version}
    save_file(tensors, path, metadata={"napari_unet": json.dumps(record)})
    return path


def test_files_of_the_first_format_are_read(tmp_path: Path) -> None:
    """They name channels, classes, width and depth; everything else was what is now the default."""
    path = rewritten(tmp_path / "old.safetensors", {}, 1, ("channels", "classes", "width", "depth"))
    assert load_checkpoint(path).architecture == Architecture(1, 2, 4, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"up": "magic"},
        {"up": None},
        {"up": ["nearest"]},
        {"up": "nearest"},
        {"norm": "batch"},
        {"norm": 3},
        {"activation": "relu\n"},
        {"padding": ""},
        {"skip": "sum"},
        {"convolution": {"plain": 1}},
        {"convolution": "separable"},
        {"dropout_top": -0.1},
        {"dropout_bottom": 1.0},
        {"dropout_contracted": float("nan")},
        {"dropout_contracted": "0.5"},
        {"dropout_top": True},
        {"intensities": False},
        {"intensities": 1},
        {"depth": True},
        {"depth": 7},
        {"width": 4.0},
        {"width": 10**30},
        {"more": 1},
        [],
        "fast",
        None,
    ],
)
def test_hostile_architectures_are_refused(tmp_path: Path, changes: Any) -> None:
    """Unknown names, wrong types and contradictions with the weights are damage, told in one line."""
    with pytest.raises(UserError, match=r"^NU-M02: ") as caught:
        load_checkpoint(rewritten(tmp_path / "bad.safetensors", changes))
    assert "\n" not in str(caught.value)


def test_a_negative_variance_is_refused(tmp_path: Path) -> None:
    """It is finite, but the logits would not be."""
    network = build(SMALL["unet-2015-batchnorm"])
    weights = dict(network.state_dict())
    weights["down.0.1.running_var"] -= 5
    path = tmp_path / "bad.safetensors"
    save_checkpoint(Checkpoint(network.architecture, (1, 2), ("a", "b"), 3, weights), path)
    with pytest.raises(UserError, match=r"^NU-M02: .*running_var"):
        load_checkpoint(path)


@pytest.mark.parametrize("changes", [{"norm": "magic"}, {"width": 0}, {"depth": -1}, {"dropout_top": 1.0}])
def test_an_architecture_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    """Before anything is built."""
    with pytest.raises(ValueError, match=r"is none of|at least"):
        Architecture(**changes)


def test_experts_give_the_same_from_levels_as_from_features() -> None:
    """Enlarging after the linear map, and standardising inside the weights, change nothing."""
    network = settled(MEMBERS["experts in colour"])
    assert isinstance(network.head, DeepShallowHead)
    random = torch.Generator().manual_seed(0)
    network.head.mean.normal_(generator=random)
    network.head.deviation.uniform_(0.5, 2, generator=random)
    x = torch.randn(1, 3, 32, 48, generator=random)
    with torch.inference_mode():
        assert torch.allclose(network(x), network.head(network.features(x)), atol=1e-4)


@pytest.mark.parametrize("changes", [{"padding": "valid"}, {"intensities": False}])
def test_a_head_of_two_branches_needs_what_it_reads(changes: dict[str, Any]) -> None:
    """Intensities, at the size of the decoder levels."""
    with pytest.raises(ValueError, match="two branches"):
        Architecture(head="experts", **changes)
