"""Refusal of results whose names are taken by files that no export may replace."""

from collections.abc import Collection, Iterable
from pathlib import Path

from napari_unet.export.earlier_results import refuse_foreign_results
from napari_unet.export.formats import MODEL_FORMAT
from napari_unet.export.joint_table import refuse_foreign_tables
from napari_unet.export.result_names import result_names
from napari_unet.export.stems import project_stems
from napari_unet.images.overwriting import refuse_overwriting
from napari_unet.project.project import Project


def refuse_taken_names(project: Project, image_ids: Collection[int], folder: Path, results: Iterable[str]) -> None:
    """Refuse an export of images of a project before anything is predicted.

    Parameters
    ----------
    image_ids : of the images that are exported; none of the project's images may be replaced
    folder : of the results; only those of earlier exports in it may be replaced
    results : names of formats; that of the network itself adds nothing

    Raises
    ------
    UserError
        NU-E06 where a result would take the place of an image, NU-E08 where it would take that of another file.
    """
    wanted = [name for name in results if name != MODEL_FORMAT]
    if not wanted:
        return
    stems, records = project_stems(project), project.images.all()
    exported = [record for record in records if record.id in image_ids]
    refuse_overwriting([record.path for record in records], folder, [stems[record.id] for record in exported])
    for record in exported:
        stem = stems[record.id]
        refuse_foreign_results(folder / f"{stem}.json", result_names(stem, wanted, record.planes))
    if len(exported) > 1 and "csv" in wanted:
        refuse_foreign_tables(folder, project.folder.stem, stems)
