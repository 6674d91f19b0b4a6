"""Laws of freed memory: what one array leaves the next one takes, and what nobody takes goes back to the system."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")

# A page that is touched for the first time is a minor fault; 128 MiB are 32,768 pages.
FAULTS = """
import resource, sys
from napari_unet.freed_memory import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()
length = 2**27
for turn in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * length
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults)
"""
# Blocks of which every other one is freed lie between those that stay, where the heap does not shrink by itself.
HOLES = """
import os
from pathlib import Path
from napari_unet.freed_memory import FreedMemory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20

now = 0.0
freed_memory = FreedMemory(10.0, lambda: now)
blocks = [b"x" * 100_000 for _ in range(2000)]
del blocks[::2]
found = [resident()]
for now in (9.0, 10.0):
    freed_memory.give_back()
    found.append(resident())
print(*found)
"""


def faults(how: str) -> int:
    """Page faults of an array of 128 MiB that follows another one."""
    run = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(run.stdout)


def test_freed_memory_is_used_again() -> None:
    """The second array takes hardly a page from the system; it does when nothing was set."""
    assert faults("kept") < 1000 < faults("left alone")


def test_freed_memory_is_given_back_when_it_is_time() -> None:
    """Of 200 MB half is freed; the system has it again after the pause, and not before."""
    run = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    freed, early, due = map(int, run.stdout.split())
    assert early == freed
    assert due < freed - 80
