"""The prediction of an image of any size into one OME-Zarr, a chunk at a time, here or on a cluster."""

from dataclasses import dataclass
from pathlib import Path

from napari_unet.export.provenance import Provenance
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.packaging.model import Model
from napari_unet.prediction.chunk_file import CHUNK, ChunkFile
from napari_unet.prediction.chunk_task import ChunkTask
from napari_unet.prediction.cluster import Cluster
from napari_unet.prediction.resumable import Resumable


@dataclass(frozen=True, slots=True)
class ChunkedPrediction:
    """Predict an image with a model chunk by chunk, so that no plane is held in memory.

    Attributes
    ----------
    planes : of the image, with the channels that the network sees
    tile : side of a tile in px; chosen by the predictor where None
    source : the image's file, if it has one
    cluster : predicts the ``source``, in place of this process
    axes : of the ``source``, where its file names them wrongly
    """

    model: Model
    planes: NormalisedPlanes
    tile: int | None = None
    source: Path | None = None
    cluster: Cluster | None = None
    axes: str | None = None

    def resumable(self, path: Path, provenance: Provenance) -> Resumable[Path]:
        """Predict the chunks that are missing in a file, and return its path."""
        file = ChunkFile(path, self.planes.image, tuple(self.model.styles), CHUNK)
        file.begin(provenance.origin)
        if self.cluster is None or self.source is None:
            missing = list(file.missing())
            for done, chunk in enumerate(missing, 1):
                file.write(self.model.predictor, self.planes.normalisation, chunk, self.tile)
                yield done / len(missing)
        else:
            task = self._task(file, self.cluster, self.source, provenance)
            yield from self.cluster.run(task, file.missing())
        return file.finish()

    def _task(self, file: ChunkFile, cluster: Cluster, source: Path, provenance: Provenance) -> ChunkTask:
        return ChunkTask(
            image=source.resolve(),
            image_fingerprint=provenance.origin["image_fingerprint"],
            channels=file.image.chosen,
            network=cluster.network,
            network_fingerprint=provenance.origin["network"],
            device=cluster.device,
            precision=cluster.precision,
            normalisation=self.planes.normalisation,
            path=file.path,
            classes=tuple(file.classes),
            chunk=file.chunk,
            tile=self.tile,
            axes=self.axes,
        )
