"""The memory that is free, and what the C library does with memory that is given back."""

import ctypes
import platform

import psutil
import torch

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # numbers of these settings in glibc's malloc.h
_KEPT = 512 * 2**20  # bytes


def keep_freed_memory() -> bool:
    """Let the next large array reuse the memory of the last one; return False without glibc.

    Use it in a process of our own only. By default every array over 32 MiB is asked for anew and cleared by the system
    page by page, which took half of the processor time of a network on a plane of 2048 x 2048 pixels.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_MMAP_MAX, 0)) and bool(library.mallopt(_TRIM_THRESHOLD, _KEPT))


def free_memory(kind: str) -> int:
    """Return the bytes that a device of this kind ("cpu", "cuda", "mps") could still give."""
    # Apple's GPU shares the memory of the processor.
    return torch.cuda.mem_get_info()[0] if kind == "cuda" else int(psutil.virtual_memory().available)
