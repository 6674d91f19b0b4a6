"""Laws of choosing a device: shown to work, not said to."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from napari_unet.errors import UserError
from napari_unet.network import device
from napari_unet.network.device import choose_device, probe, without_graphics

convolve = torch.nn.functional.conv2d


def second_call(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """Let the convolution on the device under test go through ``change``; the CPU's, which comes first, is right."""
    calls = []

    def conv2d(*arguments: Any, **options: Any) -> torch.Tensor:
        calls.append(1)
        found = convolve(*arguments, **options)
        return found if len(calls) % 2 else change(found)

    monkeypatch.setattr(device.functional, "conv2d", conv2d)


def refused(wanted: str) -> str:
    """The refusal's text."""
    with pytest.raises(UserError, match=r"^NU-W01: ") as caught:
        choose_device(wanted)
    return str(caught.value)


def test_the_cpu_works() -> None:
    """The CPU passes its own probe and is chosen by name."""
    assert probe("cpu") is None
    chosen = choose_device("cpu")
    assert chosen.kind == "cpu"
    assert chosen.torch_device == torch.device("cpu")


def test_a_device_that_is_absent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA by name without CUDA is an error that says so; auto takes the CPU and says why."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert "cuda: not present" in refused("cuda")
    chosen = choose_device("auto")
    assert chosen.kind == "cpu"
    assert "no GPU found" in chosen.reason


def test_an_unknown_device_is_refused() -> None:
    """A misspelt name is named."""
    assert "'gpu'" in refused("gpu")


@pytest.mark.parametrize("change", [lambda found: found * 1.1, lambda found: found * torch.nan, torch.zeros_like])
def test_wrong_numbers_are_refused(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """A device whose convolution differs from the CPU's is not used."""
    second_call(monkeypatch, change)
    assert "wrong numbers" in refused("cpu")


def test_rounding_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """TF32's ten bits of mantissa are no wrong numbers."""
    second_call(monkeypatch, lambda found: found * (1 + 2**-11))
    assert probe("cpu") is None


def test_a_crash_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line of what the driver says is passed on."""

    def crash(found: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no kernel image is available\nlong advice")

    second_call(monkeypatch, crash)
    text = refused("cpu")
    assert "no kernel image is available" in text
    assert "\n" not in text


def test_a_precision_is_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the processor multiplies in; what replaces a failed graphics processor keeps it; the name is checked."""
    for precision, bfloat16 in (("float32", False), ("bfloat16", True)):
        chosen = choose_device("cpu", precision)
        assert chosen.bfloat16 is bfloat16
        assert without_graphics(replace(chosen, kind="cuda")).bfloat16 is bfloat16
        monkeypatch.setenv("NAPARI_UNET_PRECISION", precision)
        assert choose_device("cpu").bfloat16 is bfloat16
        assert choose_device("cpu", "float32").bfloat16 is False
    with pytest.raises(UserError, match=r"^NU-C13: .*'half'.* choose one of auto, float32, bfloat16"):
        choose_device("cpu", "half")


@pytest.mark.parametrize("has_it", [True, False])
def test_auto_takes_bfloat16_where_the_processor_multiplies_in_it(
    monkeypatch: pytest.MonkeyPatch, has_it: bool
) -> None:
    """An x86 processor is asked for AMX and AVX512-BF16."""
    monkeypatch.delenv("NAPARI_UNET_PRECISION")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_it)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert choose_device("cpu").bfloat16 is has_it


def test_numbers_are_computed_in_the_precision_that_was_chosen(precision: str) -> None:
    """A convolution under autocast gives that type, on every processor."""
    with choose_device("cpu", precision).autocast():
        found = convolve(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3))
    assert found.dtype == getattr(torch, precision)
