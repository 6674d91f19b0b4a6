"""Exports of the window, a tile at a time: tiles on screen and training go on in between."""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from napari_unet.errors import UserError
from napari_unet.export.formats import MODEL_FORMAT
from napari_unet.export.stems import project_stems
from napari_unet.network.device import is_out_of_memory
from napari_unet.packaging.model_package import write_model_package
from napari_unet.packaging.prediction_files import PlaneDone, resumable_prediction, styles
from napari_unet.prediction.plane import whole_plane_tile
from napari_unet.prediction.resumable import Resumable
from napari_unet.protocol.message import Message
from napari_unet.protocol.messages import Export, Exported, Exporting
from napari_unet.training.learner import Learner

_LARGEST_TILE = 1024  # px; larger ones would be quicker in all, and keep a tile on screen waiting for seconds
_EVERY = 0.01  # of the work, between two messages of it


class Exports:
    """What was asked for, one after the other; each with the network that is shown when it begins.

    Parameters
    ----------
    send : takes the messages for the window
    begin : gets the number of the image of an export that begins
    show : gets number of the image, plane and mask of each plane that is predicted
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        begin: Callable[[int], None],
        show: Callable[[int, int, UInt8[np.ndarray, "y x"]], None],
    ) -> None:
        self._send = send
        self._begin = begin
        self._show = show
        self._asked: deque[Export] = deque()
        self._steps: Resumable[list[Path]] | None = None
        self._told = 0.0
        self._is_paused = False

    @property
    def has_work(self) -> bool:
        """Whether ``work`` would do something."""
        return bool(self._asked) and not self._is_paused

    def ask(self, wish: Export) -> None:
        """Take note of an export."""
        self._asked.append(wish)

    def pause(self, *, is_paused: bool) -> None:
        """Do nothing until told to go on; what is predicted is kept."""
        self._is_paused = is_paused

    def cancel(self) -> None:
        """Give all of it up."""
        while self._asked:
            self._end(())
        self._is_paused = False

    def work(self, learner: Learner) -> None:
        """One step of the first export.

        Raises
        ------
        UserError
            NU-E05 without a network, and what ``write_prediction`` raises; this export is given up then. It is begun
            again after an error for lack of memory.
        """
        try:
            if self._steps is None:
                wish = self._asked[0]
                self._begin(wish.image_id)
                self._steps = _steps(learner, wish, partial(self._show, wish.image_id))
                self._told = 0.0
            self._tell(next(self._steps))
        except StopIteration as end:
            self._end(end.value)
        except Exception as error:
            self._steps = None
            if not is_out_of_memory(error):
                self._end(())
            raise

    def _end(self, paths: Sequence[Path]) -> None:
        self._asked.popleft()
        self._steps = None
        self._send(Exported(tuple(str(path) for path in paths)))

    def _tell(self, share: float) -> None:
        if share - self._told >= _EVERY or share == 1:
            self._told = share
            self._send(Exporting(share))


def _steps(learner: Learner, wish: Export, plane_done: PlaneDone) -> Resumable[list[Path]]:
    predictor = learner.predictor
    if predictor is None:
        raise UserError(
            "NU-E05", "there is no trained network to predict with", "export", "paint two classes and train first"
        )
    project, folder = learner.project, Path(wish.folder)
    checkpoint, planes = learner.selection.checkpoint(), learner.annotations.pixels(wish.image_id)
    paths: list[Path] = []
    if MODEL_FORMAT in wish.formats:
        colours = styles(project.classes.all(), max(checkpoint.class_ids) - 1)
        paths.append(write_model_package(folder, project.folder.stem, checkpoint, planes.image, colours))
    formats = [name for name in wish.formats if name != MODEL_FORMAT]
    if formats:
        settings = project.settings.read()  # as they are now: telling objects apart needs no new network
        paths += yield from resumable_prediction(
            predictor,
            checkpoint,
            planes,
            project.classes.all(),
            folder,
            formats,
            min(_LARGEST_TILE, whole_plane_tile(predictor)),
            plane_done,
            stem=project_stems(project)[wish.image_id],
            settings=settings,
        )
    return paths
