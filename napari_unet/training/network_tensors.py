"""The tensors of a network, copied from one to another or to the CPU."""

from collections.abc import Iterable

from torch import Tensor

from napari_unet.network.unet import UNet


def all_tensors(network: UNet) -> list[Tensor]:
    """Return every tensor of a network, those that its head expects of the classes included."""
    return [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]


def copy_network(source: UNet, target: UNet) -> None:
    """Give a network all tensors of another one of the same architecture."""
    copy_tensors(all_tensors(source), all_tensors(target))


def copy_tensors(sources: Iterable[Tensor], targets: Iterable[Tensor]) -> None:
    """Copy tensors one by one, in place."""
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)


def on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return copies on the CPU, as a checkpoint holds them: float32, but whole numbers as they are."""
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor).detach().cpu().contiguous().clone()
        for name, tensor in tensors.items()
    }
