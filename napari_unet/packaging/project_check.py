"""Check of a project on disk, and its repair: what is damaged is set aside, what is whole is kept."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from napari_unet.counted import counted
from napari_unet.errors import UserError, system_error, told_in_one_line
from napari_unet.network.checkpoint import load_checkpoint
from napari_unet.project.content_hashes import ContentHashes
from napari_unet.project.damage import is_of_damage
from napari_unet.project.database import DATABASE
from napari_unet.project.project import Project
from napari_unet.project.salvage import salvage
from napari_unet.project.writer_lock import WriterLock
from napari_unet.storage import set_aside
from napari_unet.training.network_files import misplaced_folders, set_folder_aside


def verify(folder: Path, notices: list[str] | None = None) -> list[str]:
    """Check database, rows, every tile, images and networks of a project; return one line per finding.

    Parameters
    ----------
    notices : takes a line on what could not be checked and is no finding
    """
    with Project(folder, read_only=True) as project:
        findings = project.integrity()
        if findings:
            return findings  # nothing that a damaged database says can be relied on
        findings += project.notices
        if project.is_newer:
            what = "the project was made by a newer version, so only a part of it was checked"
            findings.append(str(UserError("NU-P02", what, str(project.folder), "update napari-unet-live")))
        unreadable = list(project.unreadable_rows())
        if unreadable:
            return [*findings, *unreadable]
        findings += map(str, project.strokes.damaged_tiles())
        checks: list[Callable[[], object]] = [
            partial(project.images.open, record.id) for record in project.images.all()
        ]
        checks += [partial(load_checkpoint, path) for path in _networks(project.models)]
        for check in checks:
            try:
                check()
            except (UserError, OSError) as error:
                findings.append(str(told_in_one_line(error, str(project.folder))))
        fix = "run napari-unet verify --repair, which sets it aside"
        for path in misplaced_folders(project.models):
            what = "a folder lies where a file of the network belongs"
            findings.append(str(UserError("NU-M02", what, str(path), fix)))
        hashes = ContentHashes(project.folder, read_only=True)
        records = project.images.all()
        changed = (hashes.check(record) for record in records)
        findings += [str(error) for error in changed if error is not None]
        unknown = hashes.count_unknown(records)
        if unknown and notices is not None:
            notices.append(str(_unknown_content(unknown, project.folder)))
    return findings


def _unknown_content(count: int, folder: Path) -> UserError:
    files = counted(count, "image file")
    what = f"the content of {files} was not noted yet, so that a change in a few pixels would not be noticed"
    return UserError("NU-P29", what, str(folder), "show each image in the panel for some seconds, which notes it")


def repair(folder: Path) -> list[str]:
    """Set aside what is damaged and keep what is whole; return one line for each thing that was done.

    Damaged tiles, networks and databases go into folders ``damaged-TIME`` and are never overwritten. Images are not
    touched.

    Raises
    ------
    UserError
        NU-P01 where this is no project, or nothing can be read of its database.
    """
    is_sound = _is_sound(folder)
    aside = None if is_sound else _salvaged(folder / DATABASE)
    done = []
    with Project(folder) as project:
        if not is_sound:
            painted = sum(project.strokes.labelled_pixels().values())
            kept = f"{len(project.images.all())} images and {painted} painted pixels"
            done.append(f"NU-P01: {kept} could be read and are in a new database, the damaged one is in {aside}")
        damaged = project.strokes.damaged_tiles()
        if damaged:
            project.planes.set_aside(damaged)
        return [*done, *project.notices, *_networks_set_aside(project.models)]


def _is_sound(folder: Path) -> bool:
    """Tell whether SQLite finds no damage in a database; a truncated one it does not even open."""
    try:
        with Project(folder, read_only=True) as project:
            return not project.integrity()
    except UserError as error:
        if is_of_damage(error.__cause__):
            return False
        raise


def _salvaged(file: Path) -> Path | None:
    lock = WriterLock(file.parent)
    try:
        return salvage(file)
    finally:
        lock.release()


def _networks(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.safetensors") if not path.is_dir())


def _networks_set_aside(folder: Path) -> Iterator[str]:
    for path in misplaced_folders(folder):
        yield str(set_folder_aside(path))
    for path in _networks(folder):
        try:
            load_checkpoint(path)
        except OSError as error:
            yield str(system_error(error, str(path)))  # what cannot be read is not known to be damaged
        except UserError as error:
            if error.code == "NU-M03":
                continue  # a newer version's work is not damaged
            moved = set_aside(*[part for part in (path, path.with_suffix(".json")) if part.is_file()])
            yield f"{error.code}: {path.name} is damaged, {moved or 'it cannot be moved'}, train again"
