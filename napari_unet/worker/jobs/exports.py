"""Writes the files of images, a tile at a time: tiles on screen and training go on in between."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from napari_unet.network.device import is_out_of_memory
from napari_unet.prediction.resumable import Resumable
from napari_unet.protocol.messages import CancelExport, Export, Exported, Exporting, Noticed, PauseExport
from napari_unet.worker.image_export import ExportListener, export_images
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.listener import Hears
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.urgency import Urgency

_EVERY = 0.01  # share of the work between two messages about it


class Exports(Job):
    """Does one export after the other, each with the network that is shown when it begins.

    Parameters
    ----------
    begin : gets the id of each image whose export begins
    show : gets the id of the image, the plane and the mask of each plane that is predicted
    """

    def __init__(
        self,
        opened: OpenProject,
        begin: Callable[[int], None],
        show: Callable[[int, int, UInt8[np.ndarray, "y x"]], None],
    ) -> None:
        self._opened = opened
        self._begin = begin
        self._show = show
        self._asked: deque[Export] = deque()
        self._steps: Resumable[list[Path]] | None = None
        self._told = 0.0
        self._is_paused = False
        self._is_last_try = False  # of the first export: it lacked memory before

    def hears(self) -> Hears:
        """Return the methods for an export, its pauses and its end."""
        return {Export: self._asked.append, PauseExport: self._pause, CancelExport: self._cancel}

    def urgency(self) -> Urgency:
        """Return the urgency of an export that is not paused."""
        return Urgency.EXPORT if self._asked and not self._is_paused else Urgency.NOTHING

    def step(self) -> None:
        """Do one step of the first export.

        Raises
        ------
        UserError
            NU-E05 without a network, and what ``ImagePrediction`` raises; this export is given up then.
        RuntimeError, MemoryError
            For lack of memory at the first try; the export is begun once more with what the worker can free.
        """
        learner = self._opened.required()
        try:
            if self._steps is None:
                listener = ExportListener(self._begin, self._show, self._notice)
                self._steps = export_images(learner, self._asked[0], listener, is_last_try=self._is_last_try)
                self._told = 0.0
            self._tell(next(self._steps))
        except StopIteration as end:
            self._end(end.value)
        except Exception as error:
            self._steps = None
            if is_out_of_memory(error) and not self._is_last_try:
                self._is_last_try = True
            else:
                self._end(())
            raise

    def _pause(self, message: PauseExport) -> None:
        """Do nothing until told to go on; what is predicted is kept. A pause that comes too late holds up no other."""
        self._is_paused = message.on and bool(self._asked)

    def _cancel(self, _: CancelExport) -> None:
        """Give all exports up."""
        while self._asked:
            self._end(())
        self._is_paused = False

    def _end(self, paths: Sequence[Path]) -> None:
        self._asked.popleft()
        self._steps = None
        self._is_last_try = False
        self._opened.send(Exported(tuple(str(path) for path in paths)))

    def _notice(self, line: str) -> None:
        self._opened.send(Noticed(line))  # not Failed, which ends the training in the window

    def _tell(self, share: float) -> None:
        if share - self._told >= _EVERY or share == 1:
            self._told = share
            self._opened.send(Exporting(share))
