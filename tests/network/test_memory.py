"""Laws of memory: what one array leaves the next one takes, and a tile takes no more than there is."""

from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest
import torch

from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.network.memory import free_memory
from napari_unet.network.presets import PRESETS, preset_named
from napari_unet.network.unet import Architecture, build, intensity_channels
from napari_unet.prediction.plane import largest_tile, tile_memory, whole_plane_tile

CPU = Device("cpu", "", False)


@pytest.mark.parametrize("name", PRESETS)
def test_tiles_grow_with_the_memory(name: str) -> None:
    """A tile is never larger than the memory allows, one as large is used, and all lie on the grid of the pooling."""
    architecture = preset_named(name).architecture
    for tile in (512, 1024, 2048):
        enough = tile_memory(architecture, tile)
        assert largest_tile(architecture, enough) == tile
        assert largest_tile(architecture, enough - 1) == tile // 2
        assert tile % architecture.stride == 0
    assert largest_tile(architecture, 0) == 256
    assert largest_tile(architecture, 2**50) == 2048


@pytest.mark.parametrize("name", ["fast", "accurate"])
@pytest.mark.parametrize(("gigabytes", "tile"), [(3, 1024), (12, 2048), (24, 2048), (80, 4096)])
def test_a_graphics_processor_takes_larger_tiles(
    monkeypatch: pytest.MonkeyPatch, name: str, gigabytes: int, tile: int
) -> None:
    """Where half of what is free, or kept by torch from the tile before, is enough; never on a processor."""
    predictor = Predictor(build(replace(preset_named(name).architecture, norm="none")), (1, 2), CPU)
    left = gigabytes * 10**9 // 3
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (left, 10**12))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 3 * left)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: left)
    predictor.device = Device("cuda", "", True)
    wanted = 4096 if (name, gigabytes) == ("fast", 24) else tile
    assert whole_plane_tile(predictor) == wanted
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**12))
    for kind in ("cpu", "mps"):
        predictor.device = Device(kind, "", False)
        assert whole_plane_tile(predictor) == 2048


def test_no_tensor_of_a_tile_is_larger_than_an_index_of_32_bits() -> None:
    """Many channels make the tile smaller, however much memory there is."""
    many = Architecture(channels=9, width=16, head="experts")
    assert 4096**2 * intensity_channels(many) < 2**31 <= 4320**2 * intensity_channels(many)
    assert largest_tile(replace(many, channels=3), 2**50, 4096) == 4096
    assert largest_tile(many, 2**50, 4096) == 2048


def test_free_memory_is_known() -> None:
    """Whatever the machine, it has some, and less than a petabyte."""
    assert 0 < free_memory("cpu") < 2**50
