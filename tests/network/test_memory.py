"""Laws of memory: what one array leaves the next one takes, and a tile takes no more than there is."""

import platform
import subprocess
import sys

import pytest

from napari_unet.network.memory import free_memory
from napari_unet.network.presets import PRESETS, preset_named
from napari_unet.prediction.plane import largest_tile, tile_memory

# A page that is touched for the first time is a minor fault; 128 MiB are 32,768 pages.
FAULTS = """
import resource, sys
from napari_unet.network.memory import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()
length = 2**27
for turn in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * length
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults)
"""


def faults(how: str) -> int:
    """Page faults of an array of 128 MiB that follows another one."""
    run = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this setting")
def test_freed_memory_is_used_again() -> None:
    """The second array takes hardly a page from the system; it does when nothing was set."""
    assert faults("kept") < 1000 < faults("left alone")


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
