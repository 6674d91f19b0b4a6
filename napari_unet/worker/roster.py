"""All jobs of the worker, wired to each other: a new kind of work gets a line here."""

from dataclasses import dataclass

from napari_unet.worker.jobs.agreement import StrokeAgreement
from napari_unet.worker.jobs.exports import Exports
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.jobs.label_check import StrokeScoring
from napari_unet.worker.jobs.live_objects import LiveObjects
from napari_unet.worker.jobs.questions import answers_to_questions
from napari_unet.worker.jobs.rehearsal import Rehearsal
from napari_unet.worker.jobs.tiles import Tiles
from napari_unet.worker.jobs.training import Training
from napari_unet.worker.jobs.weight_map import WeightMap
from napari_unet.worker.listener import Listener
from napari_unet.worker.open_project import OpenProject
from napari_unet.worker.progress_report import ProgressReport
from napari_unet.worker.time_shares import TimeShares
from napari_unet.worker.unlike_images import UnlikeImages


@dataclass(frozen=True)
class Roster:
    """Lists the jobs of the worker.

    Attributes
    ----------
    jobs : all of them; which one is done next is a matter of their urgency
    listeners : who hears messages, in the order in which one message is heard
    tiles, training, progress : those that the engine asks for something itself
    """

    jobs: tuple[Job, ...]
    listeners: tuple[Listener, ...]
    tiles: Tiles
    training: Training
    progress: ProgressReport


def roster_of(opened: OpenProject) -> Roster:
    """Make all jobs."""
    shares, unlike = TimeShares(), UnlikeImages(opened)
    tiles = Tiles(opened, shares, unlike)
    scoring = StrokeScoring(opened, tiles)
    training = Training(opened, shares, tiles, scoring)
    jobs: tuple[Job, ...] = (
        tiles,
        training,
        *answers_to_questions(opened),
        scoring,
        StrokeAgreement(opened),
        WeightMap(opened),
        Exports(opened, unlike.compare, tiles.show_plane),
        LiveObjects(opened, tiles),
        Rehearsal(opened, tiles),
    )
    progress = ProgressReport(opened, training, tiles)
    return Roster(jobs, (opened, unlike, *jobs, progress), tiles, training, progress)
