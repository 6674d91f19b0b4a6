"""From an image and a network to files: predict every plane, write, and say beside it how it was made."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from napari_unet.export.file_stem import file_stem
from napari_unet.export.formats import export
from napari_unet.export.mask_npy import write_array
from napari_unet.export.provenance import Provenance, quality_in
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.rescaling import UNCHANGED
from napari_unet.packaging.checkpoint_description import describe_checkpoint
from napari_unet.packaging.model import Model
from napari_unet.packaging.prediction_quality import PredictionQuality, doubts, prediction_quality
from napari_unet.prediction.cluster import Cluster
from napari_unet.prediction.large_image import is_large
from napari_unet.prediction.mask import PlaneDone, check_channels, predict_all_probabilities, resumable_mask
from napari_unet.prediction.prediction_request import PredictionRequest
from napari_unet.prediction.resumable import Resumable, run_to_end


@dataclass(frozen=True, slots=True)
class ImagePrediction:
    """Predict an image with a model and write what is requested, and a ``.json`` that says what made it.

    For "ome-zarr" alone a plane larger than ``LARGE`` is never held in memory, and has no objects; rescaled it is.

    Attributes
    ----------
    planes : of the image, with the channels that the network sees
    folder : of the results
    stem : beginning of the file names; the image's name where None
    source : the image's file, if it has one
    resume : write nothing where the files that would be written are there already
    cluster : predicts the ``source``, in place of this process, for "ome-zarr" alone
    is_learned : whether the network has learned from strokes on the image
    warn : told in the end if much less is expected of the image than of those that were learned from
    """

    model: Model
    planes: NormalisedPlanes
    folder: Path
    request: PredictionRequest
    stem: str | None = None
    source: Path | None = None
    resume: bool = False
    cluster: Cluster | None = None
    is_learned: bool = False
    warn: Callable[[str], object] = lambda line: None

    def write(self, tile_done: Callable[[], object] = lambda: None) -> list[Path]:
        """Predict and write everything; ``tile_done`` is called after each tile, or chunk of a large file.

        Raises
        ------
        UserError
            NU-I08 when the network learned another number of channels; NU-E0x as ``export.formats.export``, before
            anything is predicted NU-E01 for a folder that takes no file, and NU-E08 where a file of the name of a
            result lies that no export wrote.
        """
        return run_to_end(self.resumable(), tile_done)

    def resumable(self, plane_done: PlaneDone = lambda plane, mask: None) -> Resumable[list[Path]]:
        """Predict and write a tile or a chunk at a time; writing other files is one step, the last.

        ``plane_done`` gets the mask of every plane that is held in memory, once it is whole.
        """
        self.request.refuse_unknown_formats()
        check_channels(self.model.predictor, self.planes)
        factors = self.model.factors(self.planes, rescale=self.request.rescale)
        provenance = self._provenance(factors)
        stem = file_stem(self.stem or self.planes.image.name)
        note = self.folder / f"{stem}.json"
        done = provenance.finished(note) if self.resume else []
        if done:
            self._tell(quality_in(note)[1])
            return done
        provenance.refuse_foreign(note)
        self.model.predictor.estimate_anew()
        if self._goes_by_chunks(factors):
            from napari_unet.packaging.chunked_prediction import ChunkedPrediction  # brings zarr

            chunks = ChunkedPrediction(
                self.model, self.planes, self.request.tile, self.source, self.cluster, self.request.axes
            )
            written = [self.folder / f"{stem}.ome.zarr"]
            self._say(provenance.keep_changed(note))
            # Absolute, for the processes of a cluster live in other folders.
            yield from chunks.resumable(written[0].absolute(), provenance)
            quality = self._quality(factors)
        else:
            mask = yield from resumable_mask(self.model.predictor, self.planes, self.request.tile, factors, plane_done)
            quality = self._quality(factors)
            self._say(provenance.keep_changed(note))
            provenance.claim(note)
            written = self._written(mask, stem, factors, quality)
        self._tell(quality.expected_drop)
        estimated = quality.by_name(self.model.class_names)
        return [*written, provenance.write(note, written, estimated, quality.expected_drop)]

    def _quality(self, factors: tuple[float, float]) -> PredictionQuality:
        image = self.planes.image
        pixels = image.planes * image.height * image.width  # that the network looks at, unless it is rescaled
        return prediction_quality(self.model, pixels if factors == UNCHANGED else None, is_learned=self.is_learned)

    def _tell(self, expected_drop: float | None) -> None:
        self._say(doubts(expected_drop, str(self.source or self.stem or self.planes.image.name)))

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.warn(line)

    def _provenance(self, factors: tuple[float, float]) -> Provenance:
        described, settings = describe_checkpoint(self.model.checkpoint), self.model.settings
        wanted = self.request.results
        return Provenance(self.planes.image, described, self.model.classes, settings, wanted, factors, self.source)

    def _goes_by_chunks(self, factors: tuple[float, float]) -> bool:
        is_alone = self.request.results == ["ome-zarr"] and factors == UNCHANGED
        return is_alone and (self.cluster is not None or is_large(self.planes.image))

    def _written(
        self,
        mask: UInt8[np.ndarray, "planes y x"],
        stem: str,
        factors: tuple[float, float],
        quality: PredictionQuality,
    ) -> list[Path]:
        segmentation = self.model.segmentation(mask, self.planes.image, quality.estimates)
        written = export(segmentation, self.folder, self.request.formats, stem)
        if self.request.probabilities:
            values = predict_all_probabilities(self.model.predictor, self.planes, self.request.tile, factors)
            written.append(write_array(self.folder / f"{stem}-probabilities.npy", values))
        return written
