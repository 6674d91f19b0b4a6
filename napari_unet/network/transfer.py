"""Copies between host and device, which on CUDA go on while the device computes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Num, Shaped
from torch import Tensor

from napari_unet.network.device import Device

# Torch computes with few unsigned types, so their bits travel as the signed type of the same size.
SIGNED = {np.dtype(np.uint16): np.int16, np.dtype(np.uint32): np.int32, np.dtype(np.uint64): np.int64}


@dataclass(frozen=True, slots=True)
class Download:
    """Tensors on their way to the host.

    Attributes
    ----------
    wait : returns when they are there
    """

    tensors: tuple[Tensor, ...]
    wait: Callable[[], object] = lambda: None

    def arrived(self) -> tuple[Num[np.ndarray, "..."], ...]:
        """Wait until all are on the host and return them as arrays."""
        self.wait()
        return tuple(tensor.numpy() for tensor in self.tensors)


def on_device(values: Shaped[np.ndarray, "*shape"], device: torch.device) -> Shaped[Tensor, "*shape"]:
    """Return a small array as a tensor on a device.

    On a GPU it goes through memory that the GPU reads by itself, so that nobody waits for what is computed before.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def upload(array: Num[np.ndarray, "..."], device: Device) -> Tensor:
    """Copy an array to a device; unsigned types of more than 8 bits become signed ones of the same bits.

    On CUDA the copy goes on while the device computes what it was given before.
    """
    bits = array.view(SIGNED[array.dtype]) if array.dtype in SIGNED else array
    host = torch.from_numpy(bits)
    if device.kind != "cuda":
        return host.to(device.torch_device)
    up, now = _stream("up"), torch.cuda.current_stream()
    with torch.cuda.stream(up):
        there = host.pin_memory().to(device.torch_device, non_blocking=True)
    now.wait_stream(up)
    there.record_stream(now)  # so that its memory is not given away before what is computed from it is done
    return there


@torch.inference_mode()
def download(tensors: Sequence[Tensor], device: Device) -> Download:
    """Begin to copy tensors to the host; on CUDA without waiting until they are computed."""
    if device.kind != "cuda":
        return Download(tuple(tensor.cpu() for tensor in tensors))
    down = _stream("down")
    down.wait_stream(torch.cuda.current_stream())
    hosts = []
    with torch.cuda.stream(down):
        for tensor in tensors:
            host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            hosts.append(host.copy_(tensor, non_blocking=True))
            tensor.record_stream(down)
        return Download(tuple(hosts), down.record_event().synchronize)


@cache
def _stream(name: str) -> "torch.cuda.Stream":
    """Return a stream of its own for each direction: else an upload would wait for the download before it."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]
