"""Prediction of a region of a plane, the same whatever regions the plane is cut into."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from napari_unet.evaluation.dice_sums import DiceSums
from napari_unet.images.plane_pixels import PlanePixels
from napari_unet.images.raw_plane import RawPlane
from napari_unet.images.tiles import Region, read_mirrored
from napari_unet.network.device import Device
from napari_unet.network.dice_tally import dice_tally
from napari_unet.network.raw_upload import upload_normalised
from napari_unet.network.transfer import Download, download, upload
from napari_unet.network.unet import Architecture, UNet

_MIRRORED = 16  # px beyond the rim of the plane that are read, at least; convolutions pad with zeros behind them


class Predictor:
    """A network in evaluation mode on a device.

    Every region is read with a halo as wide as the network sees, but never farther beyond the rim of the plane than a
    few mirrored pixels, or with the margin that valid convolutions use up, all of it mirrored. The end of what is read
    beyond the rim is the same for every region. So a pixel's probabilities depend on the image alone.

    Attributes
    ----------
    cached_branches : gives the logits (branches, k, y, x) of a region from the feature cache, or None where it has none
    sums : grow with every region whose classes are taken, for the estimated Dice; None where nobody wants them
    """

    def __init__(self, network: UNet, class_ids: tuple[int, ...], device: Device) -> None:
        self.network = network
        self.class_ids = class_ids
        self.device = device
        self.cached_branches: Callable[[Region], Tensor | None] = lambda region: None
        self.sums: DiceSums | None = None
        self._ids = torch.tensor(class_ids, dtype=torch.uint8, device=device.torch_device)

    @property
    def context_planes(self) -> int:
        """Return the number of context planes on either side, for ``NormalisedPlanes.with_context``."""
        return self.network.architecture.context_planes

    def probabilities(self, plane: PlanePixels, region: Region) -> Float32[np.ndarray, "k h w"]:
        """Predict the softmax over the classes for a region inside the plane."""
        return torch.softmax(self.logits(plane, region), dim=0).cpu().numpy()

    def classes(self, plane: PlanePixels, region: Region) -> UInt8[np.ndarray, "h w"]:
        """Predict the id of the most probable class of each pixel of a region inside the plane."""
        return self.begin_classes(plane, region).take()

    @torch.inference_mode()
    def begin_classes(self, plane: PlanePixels, region: Region) -> "BegunClasses":
        """Begin ``classes``: on CUDA return while the device still computes, elsewhere when it is done."""
        return self._begun(self.branches(plane, region))

    def classes_and_probabilities(
        self, plane: PlanePixels, region: Region
    ) -> tuple[UInt8[np.ndarray, "h w"], Float32[np.ndarray, "k h w"]]:
        """Predict class ids and probabilities in one forward pass."""
        branches = self.branches(plane, region)
        begun = self._begun(branches)
        return begun.take(), torch.softmax(branches.sum(dim=0), dim=0).cpu().numpy()

    def estimate_anew(self) -> None:
        """Begin to sum for an estimated Dice of what is predicted from now on."""
        self.sums = DiceSums.none(len(self.class_ids))

    def take_sums(self) -> DiceSums:
        """Return the sums since ``estimate_anew``, and sum no more."""
        sums, self.sums = self.sums, None
        return DiceSums.none(len(self.class_ids)) if sums is None else sums

    def logits(self, plane: PlanePixels, region: Region) -> Tensor:
        """Return the logits (k, y, x) of a region inside the plane, float32 on the device."""
        return self.branches(plane, region).sum(dim=0)

    @torch.inference_mode()
    def branches(self, plane: PlanePixels, region: Region) -> Tensor:
        """Return the logits of each branch of the head (branches, k, y, x) of a region, float32 on the device."""
        known = self.cached_branches(region)
        if known is not None:
            return known
        pixels, read = read_for(self.network, plane, region, self.device)
        with self.device.autocast():
            branches = self.network.branches(self.network.head_input(pixels))
        margin = self.network.architecture.margin
        top, left = region.y0 - read.y0 - margin, region.x0 - read.x0 - margin
        height, width = region.shape
        return branches[0, :, :, top : top + height, left : left + width].float()

    @torch.inference_mode()
    def _begun(self, branches: Tensor) -> "BegunClasses":
        """Find the id of the most probable class of each pixel, the first of equals, and sums if wanted."""
        # Not argmax: over the first axis it took 0.77 s for 2 x 2048 x 2048 numbers on a CPU, max takes 0.06 s.
        shown = branches.sum(dim=0).max(0).indices
        ids = self._ids[shown]
        tally = () if self.sums is None else (dice_tally(branches, shown),)
        return BegunClasses(download((ids, *tally), self.device), self._add)

    def _add(self, sums: DiceSums) -> None:
        self.sums = None if self.sums is None else self.sums + sums


@dataclass(frozen=True, slots=True)
class BegunClasses:
    """The class ids of a region that are computed, or on their way from the device.

    Attributes
    ----------
    add : gets the sums for the estimated Dice, if they come along
    """

    coming: Download
    add: Callable[[DiceSums], None]

    def take(self) -> UInt8[np.ndarray, "h w"]:
        """Wait for the class ids and return them; to be called once."""
        ids, *sums = self.coming.arrived()
        for each in sums:
            self.add(DiceSums.of(each))
        return ids


def read_for(network: UNet, plane: PlanePixels, region: Region, device: Device) -> tuple[Tensor, Region]:
    """Read the pixels (1, c, y, x) that a network needs for a region onto the device; also return their region."""
    read = _window(region, network.architecture, *plane.shape[:2])
    pixels = read_mirrored(plane, read)
    if isinstance(plane, RawPlane):
        there = upload_normalised(pixels, plane.joined_normalisation, device)
    else:
        there = upload(pixels, device)
    return there.permute(2, 0, 1)[None], read


def valid_window(region: Region, architecture: Architecture) -> Region:
    """Return the region that a network with valid padding reads: its margin more, and of a side that it can take.

    Nothing beyond the window enters, so all that comes out is right.
    """
    grown, stride = region.grown(architecture.margin), architecture.stride
    y0, x0 = (start // stride * stride for start in (grown.y0, grown.x0))
    return Region(y0, x0, y0 + architecture.fitting(grown.y1 - y0), x0 + architecture.fitting(grown.x1 - x0))


def _window(region: Region, architecture: Architecture, height: int, width: int) -> Region:
    """Return the region to read for a region.

    Origins are multiples of the stride: the pooling grid then lies the same for all.
    """
    if architecture.margin:
        return valid_window(region, architecture)
    stride = architecture.stride
    grown = region.grown(architecture.halo).aligned(stride)
    plane = Region(0, 0, height, width).grown(_MIRRORED).aligned(stride)
    return Region(max(grown.y0, plane.y0), max(grown.x0, plane.x0), min(grown.y1, plane.y1), min(grown.x1, plane.x1))
