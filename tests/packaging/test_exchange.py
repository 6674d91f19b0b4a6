"""Laws of weights for other programs: TorchScript and ONNX of every network give its logits, for any size."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from exported_network import from_onnx, from_torchscript
from torch.nn import functional

from napari_unet.network.presets import PRESETS
from napari_unet.network.unet import Architecture, UNet, build, where_largest
from napari_unet.packaging import exchange

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.load. is deprecated:DeprecationWarning")
WHOLE = os.environ.get("FAULTS") == "whole"  # `make faults`; ONNX takes from 10 s to a minute for each
EVERY = [(name, context_planes) for name in PRESETS for context_planes in (0, 1)]
TRACED = EVERY if WHOLE else [(name, 0) for name in PRESETS] + [("fast", 1)]
# The ONNX of "fast" is held by the tests of packages. What was wrong once is tried on a single level of the network.
ONNX = [(name, context_planes, None) for name, context_planes in EVERY] if WHOLE else [("up-unpooling", 1, 1)]


def network_of(name: str, context_planes: int, depth: int | None = None) -> UNet:
    """A narrow network of the preset, that sees so many context planes."""
    architecture = PRESETS[name].architecture_for(1, 2, context_planes)
    return build(replace(architecture, width=4, depth=depth or architecture.depth)).eval()


def inputs(architecture: Architecture) -> list[torch.Tensor]:
    """Of three sizes, the first to be exported with."""
    random = torch.Generator().manual_seed(0)
    sizes = [[architecture.input_side(side) for side in sides] for sides in ((32, 48), (64, 33), (16, 16))]
    return [torch.randn(1, architecture.channels, *size, generator=random) for size in sizes]


@pytest.mark.parametrize(("name", "context_planes"), TRACED)
def test_torchscript_gives_the_logits(name: str, context_planes: int, tmp_path: Path) -> None:
    """For the size that it was traced with and for others, with context planes and without."""
    network = network_of(name, context_planes)
    first, *_ = shown = inputs(network.architecture)
    exchange.write_torchscript(network, first, tmp_path / "weights.torchscript")
    read = from_torchscript(tmp_path)
    for x in shown:
        with torch.no_grad():
            np.testing.assert_allclose(read(x.numpy()), network(x).numpy(), atol=1e-5)


@pytest.mark.parametrize(("name", "context_planes", "depth"), ONNX)
def test_onnx_gives_the_logits(name: str, context_planes: int, depth: int | None, tmp_path: Path) -> None:
    """The same, run by another library."""
    network = network_of(name, context_planes, depth)
    first, *_ = shown = inputs(network.architecture)
    exchange.write_onnx(network, first, tmp_path / "weights.onnx")
    read = from_onnx(tmp_path)
    for x in shown:
        with torch.no_grad():
            np.testing.assert_allclose(read(x.numpy()), network(x).numpy(), atol=1e-3)


def test_the_first_of_equal_pixels_is_the_largest() -> None:
    """As the indices of torch's own pooling say, where many are equal, as behind a ReLU."""
    y = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0)).relu().round(decimals=1)
    pooled, indices = functional.max_pool2d(y, 2, return_indices=True)
    assert (y == 0).float().mean() > 0.4
    assert torch.equal(where_largest(y, pooled), functional.max_unpool2d(torch.ones_like(pooled), indices, [2, 2]))
