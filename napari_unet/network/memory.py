"""The memory that a device could still give."""

import psutil
import torch


def free_memory(kind: str) -> int:
    """Return the bytes that a device of this kind ("cpu", "cuda", "mps") could still give."""
    if kind == "cuda":
        kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()  # torch gives it again, to us alone
        return torch.cuda.mem_get_info()[0] + kept
    return int(psutil.virtual_memory().available)  # which Apple's GPU shares
