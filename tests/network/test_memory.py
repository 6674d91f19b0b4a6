"""Laws of memory: what one array leaves the next one takes, and a tile takes no more than there is."""

import pytest

from napari_unet.network.memory import free_memory
from napari_unet.network.presets import PRESETS, preset_named
from napari_unet.prediction.plane import largest_tile, tile_memory


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


def test_free_memory_is_known() -> None:
    """Whatever the machine, it has some, and less than a petabyte."""
    assert 0 < free_memory("cpu") < 2**50
