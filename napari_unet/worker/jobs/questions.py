"""The jobs that answer where the user should go: to paint, and to check."""

from napari_unet.worker.jobs.area_proposal import AreaProposal
from napari_unet.worker.jobs.job import Job
from napari_unet.worker.jobs.where_next import WhereNext
from napari_unet.worker.open_project import OpenProject


def answers_to_questions(opened: OpenProject) -> tuple[Job, ...]:
    """Make them, the more often asked one first."""
    return WhereNext(opened), AreaProposal(opened)
