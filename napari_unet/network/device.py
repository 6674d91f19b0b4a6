"""The device that networks run on, found by running a convolution on it rather than by asking what is there."""

import gc
import os
import platform
import re
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_unet.errors import UserError

_ABSENT = "not present"
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")
PRECISION_VARIABLE = "NAPARI_UNET_PRECISION"  # in the environment: the precision that "auto" stands for
# torch tells of the processor's memory in a plain RuntimeError, in the words of each system.
# oneDNN says only that a primitive or a memory object could not be created; a primitive *descriptor* that cannot be is
# an operation that it does not know.
_NO_MEMORY = re.compile(
    r"out of memory|not enough memory|can't allocate memory|cannot allocate memory|alloc_failed|bad_alloc"
    r"|could not (create|initialize) a (primitive(?! desc)|memory)",
    re.IGNORECASE,
)
_LOST = re.compile(r"device-side assert|CUDA (driver )?error|cuda.*unknown error|no kernel image|unspecified launch")


@dataclass(frozen=True, slots=True)
class Device:
    """A processor that has shown that it works, and the number format of its convolutions."""

    kind: str  # "cpu", "cuda" or "mps"
    reason: str  # for people
    bfloat16: bool
    precision: str = "auto"  # as it was asked for; "auto" may change where memory is short

    @property
    def torch_device(self) -> torch.device:
        """Return the device as torch names it, for ``Tensor.to``."""
        return torch.device(self.kind)

    def autocast(self) -> torch.autocast:
        """Return a context with mixed precision where it is faster and safe, else one that changes nothing."""
        return torch.autocast(self.kind, dtype=torch.bfloat16, enabled=self.bfloat16)


def choose_device(wanted: str = "auto", precision: str = "auto") -> Device:
    """Return the fastest device that computes one convolution correctly.

    Parameters
    ----------
    wanted : "auto", "cpu", "cuda" or "mps"
    precision : number format of the convolutions, "float32" or "bfloat16", which is emulated and slow where the
        processor does not multiply in it; "auto" for what the environment variable NAPARI_UNET_PRECISION says, and
        without it for bfloat16 where that is faster

    Raises
    ------
    UserError
        NU-W01 when a device is asked for by name and does not work, NU-C13 for an unknown precision.
    """
    if precision == "auto":
        precision = os.environ.get(PRECISION_VARIABLE) or "auto"
    if precision not in PRECISIONS:
        what, fix = f"there is no precision '{precision}'", f"choose one of {', '.join(PRECISIONS)}"
        raise UserError("NU-C13", what, f"precision or {PRECISION_VARIABLE}", fix)
    if wanted not in DEVICES:
        raise UserError("NU-W01", f"there is no device '{wanted}'", "device", f"choose one of {', '.join(DEVICES)}")
    failures: list[str] = []
    for kind in ("cuda", "mps", "cpu") if wanted == "auto" else (wanted,):
        failure = probe(kind)
        if failure is None:
            return Device(kind, _reason(kind, failures), _uses_bfloat16(kind, precision), precision)
        failures.append(f"{kind}: {failure}")
    raise UserError("NU-W01", f"the device does not work ({'; '.join(failures)})", wanted, "choose auto or cpu")


def without_graphics(device: Device) -> Device:
    """Return the CPU, with the precision of a graphics processor that has failed or is too small."""
    reason = f"{_reason('cpu', [])}; not {device.kind}, which failed"
    return Device("cpu", reason, _uses_bfloat16("cpu", device.precision), device.precision)


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error means that the memory is full, so that asking for less would help."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)) is not None


def is_device_lost(error: Exception) -> bool:
    """Tell whether an error means that the graphics processor is of no use to this process any more."""
    return isinstance(error, RuntimeError) and not is_out_of_memory(error) and _LOST.search(str(error)) is not None


def give_back_memory() -> None:
    """Free what nobody holds any more; to be called outside the ``except`` block, whose error holds tensors."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def probe(kind: str) -> str | None:
    """Return why a device cannot be used, or None when its convolution agrees with the CPU's."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[kind]:
        return _ABSENT
    x = torch.linspace(-1, 1, 4 * 32 * 32).reshape(1, 4, 32, 32)
    weight = torch.linspace(-1, 1, 4 * 4 * 9).reshape(4, 4, 3, 3)
    expected = functional.conv2d(x, weight, padding=1)
    try:
        found: Tensor = functional.conv2d(x.to(kind), weight.to(kind), padding=1).cpu()
    except RuntimeError as error:  # "no kernel image", driver too old, out of memory
        return str(error).splitlines()[0]
    # TF32 keeps 10 bits of mantissa.
    agrees = torch.allclose(found, expected, rtol=1e-2, atol=1e-2)
    return None if agrees else "its convolution gives wrong numbers"


def set_threads(count: int | None = None) -> None:
    """Let torch use so many threads, or what ``threads_wanted`` says, or as many as there are cores but one.

    That core is the window's: two torch threads beside a busy process run far slower than one.
    """
    torch.set_num_threads(count or threads_wanted() or max(1, (os.cpu_count() or 1) - 1))


def threads_wanted() -> int | None:
    """Return how many threads OMP_NUM_THREADS asks for, of a list the first number; None where it says nothing."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) or None if first.isdecimal() else None


def _reason(kind: str, failures: list[str]) -> str:
    if kind == "cuda":
        return f"GPU {torch.cuda.get_device_name()}"
    name = "Apple GPU (MPS)" if kind == "mps" else f"CPU ({torch.get_num_threads()} of {os.cpu_count()} cores)"
    broken = [failure for failure in failures if not failure.endswith(_ABSENT)]
    return f"{name}; {'; '.join(broken) or 'no GPU found'}" if failures else name


def _uses_bfloat16(kind: str, precision: str) -> bool:
    return precision == "bfloat16" or (precision == "auto" and _multiplies_in_bfloat16(kind))


def _multiplies_in_bfloat16(kind: str) -> bool:
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if kind == "mps" or platform.machine().lower() not in {"x86_64", "amd64"}:
        return False
    # On x86 only AMX and AVX512_BF16 multiply in this format; elsewhere it is emulated and slower.
    # PyTorch has no public question for either.
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
