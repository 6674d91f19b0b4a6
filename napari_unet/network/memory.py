"""The memory that a device could still give."""

import psutil
import torch


def free_memory(kind: str) -> int:
    """Return the bytes that a device of this kind ("cpu", "cuda", "mps") could still give."""
    # Apple's GPU shares the memory of the processor.
    return torch.cuda.mem_get_info()[0] if kind == "cuda" else int(psutil.virtual_memory().available)
