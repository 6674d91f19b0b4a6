"""Networks as other programs load them, from the files that the package of a model holds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

Network = Callable[[np.ndarray], np.ndarray]


def from_torchscript(folder: Path) -> Network:
    """Load the TorchScript file without any source."""
    network = torch.jit.load(folder / "weights.torchscript")
    return lambda x: network(torch.from_numpy(x)).detach().numpy()


def from_onnx(folder: Path) -> Network:
    """Load the ONNX file, to be run by another library."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "weights.onnx", options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"image": x})[0]
