"""One chunk of a mask larger than memory, predicted in any process that sees the same files."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.export.segmentation import ClassStyle
from napari_unet.freed_memory import keep_freed_memory
from napari_unet.images.image import Image
from napari_unet.images.normalisation import Normalisation
from napari_unet.images.reading import open_image
from napari_unet.network.device import choose_device
from napari_unet.network.inference import Predictor
from napari_unet.network.reading import open_network
from napari_unet.prediction.chunk_file import Chunk, ChunkFile
from napari_unet.prediction.cluster import memory_share
from napari_unet.prediction.plane import largest_tile


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """Predicts chunks of one image in any process that sees the same files; holds neither pixels nor a network.

    Attributes
    ----------
    image, image_fingerprint : file, and what it has to hold
    channels : that are seen of it, as in ``Image.chosen``
    axes : of it, as ``open_image`` takes them
    network, network_fingerprint : checkpoint, and what it has to hold
    device, precision : as ``choose_device`` takes them; chosen by each process for itself
    """

    image: Path
    image_fingerprint: str
    channels: tuple[int, ...]
    network: Path
    network_fingerprint: str
    device: str
    normalisation: Normalisation
    path: Path
    classes: tuple[ClassStyle, ...]
    chunk: int
    tile: int | None
    precision: str = "auto"
    axes: str | None = None

    def __call__(self, chunk: Chunk) -> None:
        """Make one chunk.

        Raises
        ------
        UserError
            NU-I15 or NU-M06 when image or network are not what they were, and as ``ChunkFile.write``.
        """
        predictor = _predictor(self.network, self.network_fingerprint, self.device, self.precision)
        image = replace(_image(self.image, self.axes, self.image_fingerprint), chosen=self.channels)
        tile = self.tile or largest_tile(predictor.network.architecture, memory_share(predictor.device.kind))
        ChunkFile(self.path, image, self.classes, self.chunk).write(predictor, self.normalisation, chunk, tile)


@lru_cache(maxsize=1)
def _predictor(network: Path, fingerprint: str, device: str, precision: str) -> Predictor:
    checkpoint = open_network(network)
    if checkpoint.fingerprint() != fingerprint:
        fix = "wait until training has ended, or predict with a copy of the network"
        raise UserError("NU-M06", "the network changed while it was predicting", str(network), fix)
    chosen = choose_device(device, precision)
    keep_freed_memory()  # the process was started for this work
    return Predictor(checkpoint.network().to(chosen.torch_device), checkpoint.class_ids, chosen)


@lru_cache(maxsize=1)
def _image(path: Path, axes: str | None, fingerprint: str) -> Image:
    image = open_image(path, axes)
    if image.fingerprint() != fingerprint:
        fix = "open the image again to use its new content"
        raise UserError("NU-I15", "the file changed after it was opened", str(path), fix)
    return image
