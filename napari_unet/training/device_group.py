"""Processes that train one network together, one device each, as if the whole batch were on one device.

Every process draws all tiles of a step with the same random numbers and computes its share of them. Sums over pixels
are taken over all processes before anything is divided, and gradients are added up, never averaged: the loss is
normalised by the sum of the weights, which differs from share to share.
"""

import logging
import os
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from napari_unet.config import Settings
from napari_unet.errors import UserError
from napari_unet.network.device import Device
from napari_unet.network.presets import preset_named
from napari_unet.network.unet import UNet
from napari_unet.training.network_tensors import all_tensors


class Alone:
    """The one process of a training on one device: nothing is shared."""

    rank = 0
    size = 1

    def own(self, values: Tensor) -> Tensor:
        """Return the share of a batch, along its first axis, that this process computes."""
        return values

    def total(self, part: Tensor) -> Tensor:
        """Sum over all processes; the gradient is that of the own part."""
        return part

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the gradients of all."""

    def agree(self, networks: Iterable[UNet]) -> None:
        """Give the networks of every process the tensors of the first process's."""

    def decided(self, yes: bool) -> bool:
        """Return what the first process says."""
        return yes


ALONE = Alone()


class DeviceGroup(Alone):
    """Several processes, started by Lightning Fabric: the others run the same command line as this one.

    Parameters
    ----------
    devices : how many
    device : of what kind

    Raises
    ------
    UserError
        NU-T10 when Lightning Fabric is not installed; NU-T11 when the step or the network cannot be shared by so many;
        NU-T12 when there are fewer devices.
    """

    def __init__(self, devices: int, device: Device, settings: Settings) -> None:
        _refuse_what_cannot_be_shared(devices, device, settings)
        try:
            from lightning_fabric import Fabric
        except ImportError as error:
            fix = 'pip install "napari-unet-live[multi]"'
            raise UserError("NU-T10", "training on several devices needs Lightning Fabric", "devices", fix) from error
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
        self._fabric: Any = Fabric(accelerator=device.kind, devices=devices, strategy="ddp")
        self._fabric.launch()
        self.rank = int(self._fabric.global_rank)
        self.size = int(self._fabric.world_size)

    def own(self, values: Tensor) -> Tensor:
        """Return every ``size``-th tile of the batch."""
        return values[self.rank :: self.size]

    def total(self, part: Tensor) -> Tensor:
        """Sum over all processes; the gradient is that of the own part."""
        return part + (self._sum(part.detach().clone()) - part.detach())

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the gradients of all, added up in one message."""
        learning = [parameter for parameter in parameters if parameter.requires_grad]
        grads = [torch.zeros_like(each) if each.grad is None else each.grad for each in learning]
        summed = self._sum(torch.cat([grad.flatten() for grad in grads]))
        for parameter, grad in zip(learning, torch.split(summed, [grad.numel() for grad in grads]), strict=True):
            # In the memory order of the parameter, which a fused optimiser takes for granted.
            parameter.grad = torch.empty_like(parameter).copy_(grad.view_as(parameter))

    def agree(self, networks: Iterable[UNet]) -> None:
        """Give the networks of every process the tensors of the first process's."""
        for tensor in (tensor for network in networks for tensor in all_tensors(network)):
            tensor.copy_(self._sum(tensor.detach().clone() if self.rank == 0 else torch.zeros_like(tensor)))

    def decided(self, yes: bool) -> bool:
        """Return what the first process says."""
        return bool(self._sum(torch.tensor(float(yes and self.rank == 0), device=self._fabric.device)) > 0)

    def _sum(self, tensor: Tensor) -> Tensor:
        summed: Tensor = self._fabric.all_reduce(tensor, reduce_op="sum")
        return summed


def is_further_process() -> bool:
    """Tell whether this process was started to help another one train."""
    return os.environ.get("LOCAL_RANK", "0") != "0"


def _refuse_what_cannot_be_shared(devices: int, device: Device, settings: Settings) -> None:
    if devices > settings.batch:
        what = f"{settings.batch} tiles per step cannot be shared by {devices} devices"
        raise UserError("NU-T11", what, "devices", f"take {devices} tiles per step or more, or fewer devices")
    if preset_named(settings.preset).architecture.norm == "batch":
        what = f"the network '{settings.preset}' has a batch norm, whose statistics are those of one device"
        raise UserError("NU-T11", what, "devices", "train on one device, or choose another preset")
    found = {"cuda": torch.cuda.device_count(), "cpu": devices}.get(device.kind, 1)
    if devices > found:
        what = f"there are not {devices} devices of the kind {device.kind}, but {found}"
        raise UserError("NU-T12", what, "devices", f"ask for {found}, or for the device cpu")
