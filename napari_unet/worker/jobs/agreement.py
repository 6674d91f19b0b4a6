"""Judges how the newest strokes agreed with the network that was on screen when they were painted."""

from napari_unet.protocol.messages import Agreed
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.urgency import Urgency


class StrokeAgreement(Job):
    """Judges all new strokes in one slice."""

    def __init__(self, opened: OpenProject) -> None:
        self._opened = opened

    def urgency(self) -> Urgency:
        """Return the urgency of strokes that are not judged yet."""
        learner = self._opened.learner
        return Urgency.AGREEMENT if learner is not None and learner.agreement.waits else Urgency.NOTHING

    def step(self) -> None:
        """Judge the strokes and tell the window."""
        agreement = self._opened.required().agreement
        agreement.judge()
        self._opened.send(Agreed(agreement.share, agreement.strokes))
