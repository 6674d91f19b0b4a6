"""Weights in the formats of other programs: PyTorch state dict, TorchScript and ONNX. They are written, never read."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.jit._trace import TracerWarning  # noqa: TID251 - written for other programs, never read

from napari_unet.errors import UserError
from napari_unet.network.unet import UNet

OPSET = 18


def write_state_dict(network: UNet, example: Tensor, path: Path) -> None:
    """Write names and tensors, to be loaded into ``network.unet.from_fields``."""
    data = BytesIO()  # torch ends the whole process when a disk is full
    torch.save(network.state_dict(), data)  # noqa: TID251 - written for other programs, never read
    path.write_bytes(data.getvalue())


def write_torchscript(network: UNet, example: Tensor, path: Path) -> None:
    """Write the traced network; it takes any size that ``Architecture.fitting`` gives."""
    with warnings.catch_warnings():
        # Deprecated in favour of a format that no other program of microscopy reads; and sizes stay symbolic, which
        # a test holds by giving the traced network other sizes.
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        warnings.filterwarnings("ignore", category=TracerWarning)
        traced = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call] # noqa: TID251
        data = BytesIO()
        torch.jit.save(traced, data)  # noqa: TID251 - never read
    path.write_bytes(data.getvalue())


def write_onnx(network: UNet, example: Tensor, path: Path) -> None:
    """Write one ONNX file whose rows and columns may be of any size that the network takes.

    Needs the packages onnx and onnxscript.

    Raises
    ------
    UserError
        NU-E11 when the exporter of the installed torch cannot translate the network.
    """
    sizes = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings(), _no_chatter():
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)  # torch about itself
        try:
            torch.onnx.export(
                network,
                (example,),
                path,
                input_names=["image"],
                output_names=["logits"],
                dynamic_shapes=(sizes,),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
                custom_translation_table={torch.ops.aten.hypot.default: _hypotenuse()},
            )
        except torch.onnx.OnnxExporterError as error:
            what = f"the network cannot be written as ONNX ({' '.join(str(error).split())[:200]})"
            raise UserError("NU-E11", what, f"torch {torch.__version__}", "install the versions we tested") from error


def writers(network: UNet) -> dict[str, Callable[[UNet, Tensor, Path], None]]:
    """Return the functions that write a network, by the names that bioimage.io has for its formats."""
    return {"pytorch_state_dict": write_state_dict, "onnx": write_onnx, "torchscript": write_torchscript}


@contextmanager
def _no_chatter() -> Iterator[None]:
    """Silence the exporter, which logs dozens of lines about packages that it does not need."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _hypotenuse() -> Callable[[Any, Any], Any]:
    """Return the hypotenuse in ONNX, which has no hypot; squares of normalised gradients do not overflow."""
    from onnxscript import opset18

    def hypotenuse(a: Any, b: Any) -> Any:
        return opset18.Sqrt(opset18.Add(opset18.Mul(a, a), opset18.Mul(b, b)))

    return hypotenuse
