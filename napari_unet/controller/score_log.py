"""The history of scores of the open project, with the time that the user has painted."""

from collections.abc import Callable

import msgspec

from napari_unet.controller.annotation_clock import AnnotationClock
from napari_unet.controller.session import Session
from napari_unet.controller.subscriptions import Subscriptions
from napari_unet.errors import UserError
from napari_unet.project.project import Project
from napari_unet.protocol.messages import Noticed, Scored


class ScoreLog:
    """Append every score of trained steps to the history of the project.

    Parameters
    ----------
    clock : seconds, monotonic

    Attributes
    ----------
    annotation_clock : measures how long the user paints
    """

    def __init__(self, session: Session, subscriptions: Subscriptions, clock: Callable[[], float]) -> None:
        self.annotation_clock = AnnotationClock(clock)
        self._session = session
        self._publish = subscriptions.publish
        subscriptions.subscribe(Scored, self._append)

    def go_on(self, project: Project) -> None:
        """Count annotation time on from what the history of a project says."""
        measured = (r["annotation_s"] for r in reversed(project.scores.all()) if "annotation_s" in r)
        self.annotation_clock.set(next(measured, 0.0))

    def _append(self, scored: Scored) -> None:
        project = self._session.project
        if project is None or project.read_only or scored.loss is None:
            return
        record = {"loss": scored.loss, "annotation_s": self.annotation_clock.seconds}
        try:
            project.scores.add(scored.score.step, record | msgspec.to_builtins(scored.score))
        except UserError as error:  # the score is shown all the same, and what else the worker said is heard
            self._publish(Noticed(str(error)))
