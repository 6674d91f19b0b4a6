"""Laws of copies between host and device: bits arrive as they are, and on CUDA nobody waits before it must."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from napari_unet.network import transfer
from napari_unet.network.device import Device
from napari_unet.network.transfer import download, upload

CPU = Device("cpu", "", False)
CUDA = Device("cuda", "", False)


class FakeStream:
    """Notes what is asked of it."""

    def __init__(self, name: str, noted: list[str]) -> None:
        self.name, self.noted = name, noted

    def wait_stream(self, other: "FakeStream") -> None:
        self.noted.append(f"{self.name} waits for {other.name}")

    def record_event(self) -> "FakeStream":
        self.noted.append(f"event on {self.name}")
        return self

    def synchronize(self) -> None:
        self.noted.append("host waits")


class FakeCuda:
    """Takes the place of CUDA and notes, in order, what is asked of it; copies happen on the host."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.noted: list[str] = []
        self.now = FakeStream("main", self.noted)
        streams = {name: FakeStream(name, self.noted) for name in ("up", "down")}
        empty = torch.empty

        def pinned(tensor: torch.Tensor) -> torch.Tensor:
            self.noted.append(f"pinned on {self.now.name}")
            return tensor.clone()

        def made(shape: torch.Size, dtype: torch.dtype, pin_memory: bool) -> torch.Tensor:
            self.noted.append("pinned" if pin_memory else "pageable")
            return empty(shape, dtype=dtype)

        def held(tensor: torch.Tensor, stream: FakeStream) -> None:
            self.noted.append(f"held for {stream.name}")

        monkeypatch.setattr(transfer, "_stream", streams.__getitem__)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: self.now)
        monkeypatch.setattr(torch.cuda, "stream", self.stream)
        monkeypatch.setattr(Device, "torch_device", torch.device("cpu"))
        monkeypatch.setattr(torch.Tensor, "pin_memory", pinned)
        monkeypatch.setattr(torch.Tensor, "record_stream", held)
        monkeypatch.setattr(torch, "empty", made)

    @contextmanager
    def stream(self, stream: FakeStream) -> Iterator[None]:
        """Make a stream the current one for a while."""
        before, self.now = self.now, stream
        yield
        self.now = before


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64, np.int16, np.float32])
def test_bits_arrive_as_they_are(dtype: Any) -> None:
    """There and back, of any type that images have."""
    array = np.frombuffer(np.random.default_rng(0).bytes(8 * 24), np.uint8).view(np.uint64).astype(dtype).reshape(4, 6)
    (back,) = download([upload(array, CPU)], CPU).arrived()
    np.testing.assert_array_equal(back.view(dtype), array)


def test_on_cuda_the_host_waits_when_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads and downloads are pinned and on streams of their own, each tensor is held for whoever reads it."""
    cuda = FakeCuda(monkeypatch)
    array = np.arange(12, dtype=np.uint8)
    there = upload(array, CUDA)
    assert cuda.noted == ["pinned on up", "main waits for up", "held for main"]
    cuda.noted.clear()
    coming = download([there], CUDA)
    assert cuda.noted == ["down waits for main", "pinned", "held for down", "event on down"]
    cuda.noted.clear()
    np.testing.assert_array_equal(coming.arrived()[0], array)
    assert cuda.noted == ["host waits"]
    assert cuda.now.name == "main"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_cuda_brings_back_what_it_was_given() -> None:
    """Many copies at once, while the device computes, each of its own numbers."""
    arrays = [np.full((512, 512), value, np.uint8) for value in range(20)]
    coming = [download([upload(array, CUDA) + 1], CUDA) for array in arrays]
    for array, each in zip(arrays, coming, strict=True):
        np.testing.assert_array_equal(each.arrived()[0], array + 1)
