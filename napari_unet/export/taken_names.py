"""Refusal of results whose names are taken by files that no export may replace."""

from collections.abc import Collection
from pathlib import Path

from napari_unet.export.stems import project_stems
from napari_unet.images.overwriting import refuse_overwriting
from napari_unet.project.project import Project


def refuse_taken_names(project: Project, image_ids: Collection[int], folder: Path) -> None:
    """Refuse an export of images of a project before anything is predicted.

    Parameters
    ----------
    image_ids : of the images that are exported; none of the project's images may be replaced

    Raises
    ------
    UserError
        NU-E06 where a result would take the place of an image.
    """
    stems = project_stems(project)
    sources = [record.path for record in project.images.all()]
    refuse_overwriting(sources, folder, [stems[image_id] for image_id in image_ids if image_id in stems])
