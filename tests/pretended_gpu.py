"""A GPU that is not there: its tensors are held by the host, and what CUDA refuses is refused.

So whatever the package does on a GPU runs without one, with the numbers of the CPU, and every operation is looked at:
none may take tensors of both memories, none may read the memory of the GPU as an array, and each that makes the host
wait is noted. Not pretended are speed, memory, streams that run beside each other, and numbers of half the size.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils import clip_grad
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from napari_unet.network import transfer

HOST, GPU = torch.device("cpu"), torch.device("cuda", 0)
# Operations that CUDA allows on tensors of both memories: copies, and places that the host names.
_MIXING = {"copy_", "to", "type_as", "__getitem__", "__setitem__", "index_put_", "__get__", "__set__"}
# Questions about memory, which compute nothing.
_QUESTIONS = {"device", "_parse_to", "_has_compatible_shallow_copy_type"}
_WAITING = {"item", "tolist", "cpu", "nonzero", "__bool__", "__float__", "__int__", "__index__"}


class GpuTensor(Tensor):
    """A tensor that says that it lies on the GPU."""

    device = property(lambda tensor: GPU)
    is_cuda = property(lambda tensor: True)
    is_cpu = property(lambda tensor: False)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do an operation where the mode is not asked, as inside of another operation."""
        return PretendedGpu().answer(function, args, kwargs or {})

    def __deepcopy__(self, memo: dict[int, Any]) -> "GpuTensor":
        """Copy a weight with what makes it one, which torch's own way does not for tensors like this."""
        if id(self) not in memo:
            twin = _there(self.detach().clone()).requires_grad_(self.requires_grad)
            twin._is_param = getattr(self, "_is_param", False)
            memo[id(self)] = twin
        return memo[id(self)]


class GpuGenerator(torch.Generator):
    """Random numbers that are drawn on the GPU."""


class Generator(torch.Generator):
    """Takes the place of torch's class: makes a generator of the device that it is told."""

    _host = torch.Generator

    def __new__(cls, device: Any = HOST) -> torch.Generator:  # type: ignore[misc]
        """Return a generator of the GPU or of the host."""
        return GpuGenerator() if _is_gpu(device) else cls._host()


class Stream:
    """A stream, and an event on it, on which everything is done at once."""

    def __init__(self, waits: list[str]) -> None:
        self._waits = waits

    def wait_stream(self, other: "Stream") -> None:
        """Let this stream wait, which the host does not."""

    def record_event(self) -> "Stream":
        """Return what can be waited for."""
        return self

    def synchronize(self) -> None:
        """Note that the host waits."""
        self._waits.append("synchronize")


class PretendedGpu(TorchFunctionMode):
    """Looks at every operation of torch.

    Attributes
    ----------
    waits : operations for which the host waited, in their order
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do an operation as a GPU would, or refuse it."""
        return self.answer(function, args, kwargs or {})

    def answer(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Return what an operation gives, in the memory in which that lies; raise what CUDA raises."""
        name = getattr(function, "__name__", str(function))
        if name in _QUESTIONS:
            with torch._C.DisableTorchFunctionSubclass():
                return function(*args, **kwargs)
        gives_there = _gives_there(name, args, kwargs)
        self._look(name, args, kwargs, gives_there=gives_there)
        if name == "pin_memory":
            return args[0].clone()
        held_args, held_kwargs = tree_map(_on_host, (tuple(args), kwargs))
        held_kwargs.pop("pin_memory", None)
        with torch._C.DisableTorchFunctionSubclass():
            found = function(*held_args, **held_kwargs)
        if name == "to" and isinstance(args[0], GpuTensor) != gives_there and found is args[0]:
            found = found.clone()  # the other memory holds a copy
        placed = _there if gives_there else _here
        return tree_map(lambda leaf: placed(leaf) if isinstance(leaf, Tensor) else leaf, found)

    def _look(self, name: str, args: Any, kwargs: dict[str, Any], *, gives_there: bool) -> None:
        """Refuse what CUDA refuses, and note what the host waits for."""
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        on_gpu = _has_gpu(tensors)
        on_host = any(not isinstance(tensor, GpuTensor) and tensor.dim() > 0 for tensor in tensors)
        by_index = name in {"__getitem__", "__setitem__"} and not isinstance(args[0], GpuTensor) and _has_gpu(args[1])
        if on_gpu and on_host and (name not in _MIXING or by_index):
            raise RuntimeError(f"{name}: expected all tensors to be on the same device, but found cuda:0 and cpu")
        if on_gpu and name in {"numpy", "__array__", "data_ptr", "pin_memory"}:
            raise TypeError(f"{name}: a tensor of cuda:0 is not in the memory of the host")
        generator = kwargs.get("generator")
        if generator is not None and isinstance(generator, GpuGenerator) != gives_there:
            raise RuntimeError(f"{name}: expected a generator of the device on which numbers are drawn")
        comes_back = name in {"to", "copy_"} and not gives_there and not kwargs.get("non_blocking")
        if on_gpu and (name in _WAITING or comes_back or (name == "__getitem__" and _has_mask(args[1:]))):
            self.waits.append(name)


@contextmanager
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedGpu]:
    """Make the package believe that there is a GPU, in this thread, and yield what looks at its operations."""
    gpu = PretendedGpu()
    there = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "get_device_name": lambda *_: "that is pretended",
        "is_bf16_supported": lambda **_: False,
        "memory_reserved": lambda *_: 0,
        "memory_allocated": lambda *_: 0,
        "mem_get_info": lambda *_: (2**33, 2**34),
        "empty_cache": lambda: None,
        "current_stream": lambda *_: Stream(gpu.waits),
        "stream": lambda _: nullcontext(),
        "_lazy_init": lambda: None,
    }
    with monkeypatch.context() as patch, warnings.catch_warnings():
        for name, found in there.items():
            patch.setattr(torch.cuda, name, found)
        patch.setattr(transfer, "_stream", lambda _: Stream(gpu.waits))
        patch.setattr(torch, "Generator", Generator)
        patch.setattr(Tensor, "record_stream", _held_for)
        patch.setattr(clip_grad, "_group_tensors_by_device_and_dtype", _grouped)
        warnings.filterwarnings("ignore", message=".*CUDA is not available.*")
        swaps = torch.__future__.get_swap_module_params_on_conversion()
        torch.__future__.set_swap_module_params_on_conversion(True)  # so that a network on the GPU has weights of it
        try:
            with gpu:
                yield gpu
        finally:
            torch.__future__.set_swap_module_params_on_conversion(swaps)


def _gives_there(name: str, args: Any, kwargs: dict[str, Any]) -> bool:
    """Tell whether what an operation gives lies on the GPU."""
    if name == "cpu":
        return False
    wanted = [leaf for leaf in tree_leaves((args, kwargs)) if _is_device(leaf)]
    if wanted:
        return _is_gpu(wanted[0])
    if name == "copy_":
        return isinstance(args[0], GpuTensor)
    if name in {"to", "type_as"} and len(args) > 1 and isinstance(args[1], Tensor):
        return isinstance(args[1], GpuTensor)
    return _has_gpu((args, kwargs))


def _there(tensor: Tensor) -> GpuTensor:
    with torch._C.DisableTorchFunctionSubclass():
        return tensor if isinstance(tensor, GpuTensor) else tensor.as_subclass(GpuTensor)


def _here(tensor: Tensor) -> Tensor:
    """Return a tensor of the host, which shares nothing with one of the GPU."""
    with torch._C.DisableTorchFunctionSubclass():
        return tensor.as_subclass(Tensor).clone() if isinstance(tensor, GpuTensor) else tensor


def _is_device(leaf: object) -> bool:
    return isinstance(leaf, torch.device) or (isinstance(leaf, str) and leaf.split(":")[0] in {"cpu", "cuda"})


def _is_gpu(device: object) -> bool:
    return _is_device(device) and torch.device(device).type == GPU.type  # type: ignore[arg-type]


def _on_host(leaf: Any) -> Any:
    return HOST if _is_gpu(leaf) else leaf


def _has_mask(place: Any) -> bool:
    return any(isinstance(leaf, Tensor) and leaf.dtype == torch.bool for leaf in tree_leaves(place))


def _has_gpu(given: Any) -> bool:
    return any(isinstance(leaf, GpuTensor) for leaf in tree_leaves(given))


def _held_for(tensor: Tensor, stream: Stream) -> None:
    if not isinstance(tensor, GpuTensor):
        raise RuntimeError("record_stream: a tensor of the host is used by no stream")


def _grouped(tensors: list[list[Tensor]]) -> dict[Any, Any]:
    """Group tensors as torch does, whose own way looks behind the pretence."""
    return {(tensors[0][0].device, tensors[0][0].dtype): (tensors, list(range(len(tensors[0]))))}
